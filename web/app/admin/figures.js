/**
 * What the server's statistics say, in few figures.
 *
 * @import { Dictionary } from "galene-client"
 *
 * @typedef {object} Figures Of one or more streams
 * @property {number} streams
 * @property {number} tracks Those that something is known about
 * @property {number} bitrate In bits per second
 * @property {number} loss The worst of any track, from 0 to 1
 * @property {number} rtt The longest of any track, in milliseconds; 0 if none is known
 * @property {number} jitter The same
 */

/**
 * @param {unknown} streams A list of streams, as statistics have them
 * @returns {Figures}
 */
export function figuresOf(streams) {
  const all = Array.isArray(streams) ? streams : [];
  const sum = { streams: all.length, tracks: 0, bitrate: 0, loss: 0, rtt: 0, jitter: 0 };
  for (const stream of all) {
    for (const track of dictionaries(stream?.tracks)) {
      sum.tracks += 1;
      sum.bitrate += number(track["bitrate"]);
      sum.loss = Math.max(sum.loss, Math.min(1, number(track["loss"])));
      sum.rtt = Math.max(sum.rtt, number(track["rtt"]));
      sum.jitter = Math.max(sum.jitter, number(track["jitter"]));
    }
  }
  return sum;
}

/**
 * Returns the figures of several added up.
 * @param {Figures[]} all
 * @returns {Figures}
 */
export function total(all) {
  return all.reduce(
    (sum, one) => ({
      streams: sum.streams + one.streams,
      tracks: sum.tracks + one.tracks,
      bitrate: sum.bitrate + one.bitrate,
      loss: Math.max(sum.loss, one.loss),
      rtt: Math.max(sum.rtt, one.rtt),
      jitter: Math.max(sum.jitter, one.jitter),
    }),
    figuresOf([]),
  );
}

/**
 * @param {unknown} value
 * @returns {Dictionary[]}
 */
export function dictionaries(value) {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === "object" && item !== null);
}

/** @param {unknown} value */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}
