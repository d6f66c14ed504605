/**
 * What we ask to receive: by what the user chose, and of each stream no more than its tile can show.
 *
 * @import { DownStream, Medium, StreamRequest } from "galene-client"
 * @import { Receive } from "./settings.js"
 *
 * @typedef {{width: number, height: number}} Size
 */

/** A tile of this area or less shows nothing of a larger picture (Galène's own limit). */
const SMALL_AREA = 320 * 240;

/** Between small and large, what was asked for stays: nobody wants to see it switch to and fro. */
const HYSTERESIS = 1.15;

/**
 * What to ask for, by label. Somebody who wants only sound still gets the sound of screens.
 * @param {Receive} receive
 * @returns {StreamRequest}
 */
export function requestFor(receive) {
  switch (receive) {
    case "everything":
      return { "": ["audio", "video"] };
    case "low":
      return { "": ["audio", "video-low"] };
    case "screens":
      return { screenshare: ["audio", "video"], "": ["audio"] };
    case "audio":
      return { "": ["audio"] };
    case "nothing":
      return {};
    default:
      /** @satisfies {never} */ (receive);
      throw new Error("unknown choice");
  }
}

/**
 * Returns the larger of the sizes that streams have in two places.
 * @param {ReadonlyMap<string, Size>} one
 * @param {ReadonlyMap<string, Size>} other
 */
export function larger(one, other) {
  const sizes = new Map(one);
  for (const [id, size] of other) {
    const known = sizes.get(id);
    if (!known || known.width * known.height < size.width * size.height) sizes.set(id, size);
  }
  return sizes;
}

export class TileRequests {
  /** What was asked for last. @type {WeakMap<DownStream, string>} */
  #asked = new WeakMap();

  /**
   * Asks anew for those streams whose tiles changed.
   * @param {Iterable<DownStream>} streams
   * @param {ReadonlyMap<string, Size>} sizes Of the tiles on screen, by the id of the stream
   * @param {ReadonlySet<string>} hidden Ids of the streams whose tiles are not on screen
   * @param {Receive} receive
   */
  update(streams, sizes, hidden, receive) {
    for (const stream of streams) {
      if (stream.media === null) continue;
      const before = this.#asked.get(stream) ?? "null";
      const request = receive === "everything" ? this.#choose(stream, sizes, hidden, before) : null;
      const text = JSON.stringify(request);
      if (text === before) continue;
      this.#asked.set(stream, text);
      stream.request(request);
    }
  }

  /**
   * @param {DownStream} stream
   * @param {ReadonlyMap<string, Size>} sizes
   * @param {ReadonlySet<string>} hidden
   * @param {string} before
   * @returns {Medium[] | null}
   */
  #choose(stream, sizes, hidden, before) {
    const size = sizes.get(stream.id);
    if (!size) {
      if (!hidden.has(stream.id)) return null;
      // With nothing left to ask for, the stream would end, and could not be asked for again.
      const hasSound = (stream.media?.getAudioTracks().length ?? 0) > 0;
      return hasSound ? ["audio"] : ["video-low"];
    }
    const wasSmall = before.includes("video-low");
    const limit = wasSmall ? SMALL_AREA * HYSTERESIS : SMALL_AREA;
    return size.width * size.height <= limit ? ["audio", "video-low"] : null;
  }
}
