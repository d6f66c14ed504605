/**
 * One kind of what is in a stream. A picture that is shown without a sound decodes none, and who is
 * played without a picture has none put together: browsers do both for all that an element is given.
 *
 * @typedef {{tracks: MediaStreamTrack[], media: MediaStream}} Part
 */

/** @type {Record<"audio" | "video", WeakMap<MediaStream, Part>>} */
const parts = { audio: new WeakMap(), video: new WeakMap() };

/**
 * Returns the tracks of one kind as a stream, which is the same as long as the tracks are.
 * @param {"audio" | "video"} kind
 * @param {MediaStream} media
 */
export function only(kind, media) {
  const tracks = media.getTracks().filter((track) => track.kind === kind);
  const known = parts[kind].get(media);
  if (known?.tracks.length === tracks.length && tracks.every((track) => known.tracks.includes(track))) {
    return known.media;
  }
  const part = { tracks, media: new MediaStream(tracks) };
  parts[kind].set(media, part);
  return part.media;
}
