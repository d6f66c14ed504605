/**
 * One picture sent in several sizes at once, so that each receiver gets what it can use.
 *
 * @typedef {object} PictureLimits
 * @property {number} height Of the picture as it is captured
 * @property {number} bitrate The most that the best encoding may use, in bits per second
 */

/** Below this, a second encoding would take what the first one needs (Galène's own limit). */
export const LEAST_BITRATE = 200_000;

/** What the smallest encoding may use: a small picture, still fluent. */
const LOW_BITRATE = 100_000;

/** From this height on there is room for one more encoding between the best and the smallest. */
const THREE_FROM_HEIGHT = 720;

/**
 * Returns the encodings for a camera, best first, as Galène's servers expect them.
 * @param {PictureLimits} limits
 * @param {boolean} isSimulcast
 * @returns {RTCRtpEncodingParameters[]}
 */
export function cameraEncodings({ height, bitrate }, isSimulcast) {
  // An encoding that is the only one must not have a name: Firefox would offer simulcast.
  if (!isSimulcast || bitrate < LEAST_BITRATE) return [{ maxBitrate: bitrate }];
  if (height < THREE_FROM_HEIGHT) {
    return [
      { rid: "h", maxBitrate: bitrate },
      { rid: "l", maxBitrate: LOW_BITRATE, scaleResolutionDownBy: 2 },
    ];
  }
  return [
    { rid: "h", maxBitrate: bitrate },
    { rid: "m", maxBitrate: Math.round(bitrate / 3), scaleResolutionDownBy: 2 },
    { rid: "l", maxBitrate: LOW_BITRATE, scaleResolutionDownBy: 4 },
  ];
}

/**
 * Returns which encodings are of no use, by RID: with one receiver at most, one encoding serves all.
 * @param {RTCRtpEncodingParameters[]} encodings
 * @param {number} receivers
 * @returns {string[]}
 */
export function unusedEncodings(encodings, receivers) {
  if (receivers > 1) return [];
  return encodings.slice(1).map(({ rid }) => rid ?? "");
}
