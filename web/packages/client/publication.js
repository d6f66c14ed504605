/**
 * Something of ours that is published, whichever connection carries it.
 *
 * @import { ServerConnection } from "./connection.js"
 * @import { PublishOptions } from "./stream-table.js"
 * @import { EndReason } from "./stream.js"
 * @import { UpStream } from "./up-stream.js"
 *
 * @typedef {object} PublicationEvents
 * @property {{stream: UpStream}} stream It is carried by another stream from now on
 * @property {{reason: EndReason}} ended It was closed, or the server refused it
 * @property {{error: Error}} error
 */
import { Emitter } from "./emitter.js";

/** @extends {Emitter<PublicationEvents>} */
export class Publication extends Emitter {
  /** What carries it; `null` while nothing does. @type {UpStream | null} */
  stream = null;
  /** What the stream is on. @type {ServerConnection | null} */
  #connection = null;
  #options;
  /** @type {Map<"audio" | "video", {track: MediaStreamTrack | null, encodings: RTCRtpEncodingParameters[]}>} */
  #tracks = new Map();
  /** @type {Map<"audio" | "video", number[]>} */
  #maxBitrates = new Map();
  /** @type {string[]} */
  #paused = [];
  #ended = false;

  /**
   * @param {MediaStream} media
   * @param {Omit<PublishOptions, "replace">} options
   */
  constructor(media, options) {
    super();
    this.media = media;
    this.#options = options;
    const [audio] = media.getAudioTracks();
    const [video] = media.getVideoTracks();
    if (audio) this.#tracks.set("audio", { track: audio, encodings: options.audioEncodings ?? [] });
    if (video) this.#tracks.set("video", { track: video, encodings: options.videoEncodings ?? [] });
  }

  get label() {
    return this.#options.label;
  }

  get hasEnded() {
    return this.#ended;
  }

  /**
   * Is carried by `connection` from now on, if we may publish there.
   * @param {ServerConnection} connection
   */
  use(connection) {
    if (this.#ended || (this.stream && !this.stream.hasEnded)) return;
    if (connection.state !== "joined" || !connection.permissions.includes("present")) return;
    this.#connection = connection;
    this.#carry(connection);
  }

  /**
   * Is carried by a new stream.
   * @param {ServerConnection} connection
   * @param {UpStream} [replace] The stream whose place it takes
   */
  #carry(connection, replace) {
    const stream = connection.publish(this.media, {
      ...this.#options,
      ...(replace ? { replace } : {}),
      audioEncodings: this.#tracks.get("audio")?.encodings ?? [],
      videoEncodings: this.#tracks.get("video")?.encodings ?? [],
    });
    this.stream = stream;
    for (const [kind, { track, encodings }] of this.#tracks) {
      if (stream.track(kind) !== track) stream.setTrack(kind, track, encodings);
    }
    for (const [kind, bitrates] of this.#maxBitrates) stream.setMaxBitrates(kind, bitrates);
    if (this.#paused.length > 0) stream.pauseEncodings(this.#paused);
    stream.on("error", ({ error }) => this.emit("error", { error }));
    stream.on("ended", ({ reason }) => {
      // A lost connection comes back, and then it is published anew.
      if (reason === "lost" || reason === "replaced" || this.stream !== stream) return;
      this.#end(reason);
    });
    this.emit("stream", { stream });
  }

  /**
   * Returns what was last set to be sent.
   * @param {"audio" | "video"} kind
   */
  track(kind) {
    return this.#tracks.get(kind)?.track ?? null;
  }

  /**
   * Sets what is sent, or with `null` that nothing is.
   *
   * Servers without extensions, as Galène, do not tell receivers of a track that goes: they would keep its
   * last picture. There a new stream takes the place of this one; take such a track out of `media`
   * before.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   * @param {RTCRtpEncodingParameters[]} [encodings] Count only the first time for each kind
   */
  setTrack(kind, track, encodings = []) {
    const known = this.#tracks.get(kind);
    this.#tracks.set(kind, { track, encodings: known?.encodings ?? encodings });
    const { stream } = this;
    if (!stream) return;
    const goes = !track && known?.track;
    const remains = [...this.#tracks.values()].some(({ track }) => track);
    if (goes && remains && !stream.hasEnded && this.#connection?.features.length === 0) {
      this.#carry(this.#connection, stream);
    } else {
      stream.setTrack(kind, track, encodings);
    }
  }

  /**
   * Limits what picture or sound may use, in bits per second for each encoding in turn; `Infinity` for
   * no limit.
   * @param {number[]} bitrates
   * @param {"audio" | "video"} [kind]
   */
  setMaxBitrates(bitrates, kind = "video") {
    this.#maxBitrates.set(kind, bitrates);
    this.stream?.setMaxBitrates(kind, bitrates);
  }

  /**
   * Sets which encodings of the picture are not sent for now, by RID.
   * @param {string[]} rids
   */
  pauseEncodings(rids) {
    this.#paused = rids;
    this.stream?.pauseEncodings(rids);
  }

  /** Ends, and tells the server. */
  close() {
    if (this.#ended) return;
    const { stream } = this;
    this.#end("closed");
    stream?.close();
  }

  /** @param {EndReason} reason */
  #end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    this.stream = null;
    this.emit("ended", { reason });
  }
}
