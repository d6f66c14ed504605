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

export class TileRequests {
  /** What was asked for last. @type {WeakMap<DownStream, string>} */
  #asked = new WeakMap();

  /**
   * Asks anew for those streams whose tiles changed.
   * @param {Iterable<DownStream>} streams
   * @param {ReadonlyMap<string, Size>} sizes Of the tiles on screen, by the id of the stream
   * @param {Receive} receive
   */
  update(streams, sizes, receive) {
    for (const stream of streams) {
      if (stream.media === null) continue;
      const before = this.#asked.get(stream) ?? "null";
      const request = receive === "everything" ? this.#choose(stream, sizes, before) : null;
      const text = JSON.stringify(request);
      if (text === before) continue;
      this.#asked.set(stream, text);
      stream.request(request);
    }
  }

  /**
   * @param {DownStream} stream
   * @param {ReadonlyMap<string, Size>} sizes
   * @param {string} before
   * @returns {Medium[] | null}
   */
  #choose(stream, sizes, before) {
    const size = sizes.get(stream.id);
    if (!size) {
      // With nothing left to ask for, the stream would end, and could not be asked for again.
      const hasSound = (stream.media?.getAudioTracks().length ?? 0) > 0;
      return hasSound ? ["audio"] : ["video-low"];
    }
    const wasSmall = before.includes("video-low");
    const limit = wasSmall ? SMALL_AREA * HYSTERESIS : SMALL_AREA;
    return size.width * size.height <= limit ? ["audio", "video-low"] : null;
  }
}
