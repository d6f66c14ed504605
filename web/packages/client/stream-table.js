/**
 * The streams of one connection, in both directions, and which message is for which of them.
 *
 * @import { Answer, ClientId, ClientMessage, Close, Abort, Encodings, Ice, Renegotiate, ServerOffer,
 *   StreamId, StreamStatus } from "./protocol.js"
 *
 * @typedef {object} PublishOptions
 * @property {string} label `camera`, `screenshare` or `video`
 * @property {RTCRtpEncodingParameters[]} [audioEncodings]
 * @property {RTCRtpEncodingParameters[]} [videoEncodings] More than one for simulcast, best first
 * @property {UpStream} [replace] Ends, and the new stream takes its place on everybody's screen
 *
 * @typedef {object} TableOutside
 * @property {(message: ClientMessage) => void} send
 * @property {() => RTCPeerConnection} createPeerConnection
 * @property {() => string} createId
 * @property {(stream: DownStream, replaced: DownStream | null) => void} arrived
 * @property {() => void} recovered A stream that found no way to the server has found one after all
 */
import { DownStream } from "./down-stream.js";
import { UpStream } from "./up-stream.js";

export class StreamTable {
  /** @type {Map<StreamId, UpStream>} */
  up = new Map();
  /** @type {Map<StreamId, DownStream>} */
  down = new Map();
  #outside;

  /** @param {TableOutside} outside */
  constructor(outside) {
    this.#outside = outside;
  }

  /**
   * @param {MediaStream} media
   * @param {PublishOptions} options
   * @param {{id: ClientId, username: string}} source
   */
  publish(media, { label, audioEncodings = [], videoEncodings = [], replace }, source) {
    const id = this.#outside.createId();
    const stream = new UpStream(id, label, media, source, replace?.id ?? "", this.#wire());
    this.up.set(id, stream);
    stream.on("ended", () => this.up.delete(id));
    const [audio] = media.getAudioTracks();
    const [video] = media.getVideoTracks();
    if (audio) stream.setTrack("audio", audio, audioEncodings);
    if (video) stream.setTrack("video", video, videoEncodings);
    replace?.end("replaced");
    return stream;
  }

  /**
   * Takes in one message about a stream.
   * @param {ServerOffer | Answer | Ice | Renegotiate | Close | Abort | Encodings
   *   | StreamStatus} message
   */
  handleMessage(message) {
    const up = this.up.get(message.id);
    const down = this.down.get(message.id);
    switch (message.type) {
      case "offer":
        return this.#handleOffer(message);
      case "answer":
        up?.handleAnswer(message);
        return;
      case "ice":
        return (up ?? down)?.handleIce(message.candidate);
      case "renegotiate":
        up?.handleRenegotiate();
        return;
      case "abort":
        return up?.handleAbort();
      case "close":
        return down?.end("closed");
      case "encodings":
        up?.handleEncodings(message.encodings);
        return;
      case "streamstatus":
        return down?.handleStatus(message);
      default:
        /** @satisfies {never} */ (message);
    }
  }

  /** Looks for other ways to the server, for all streams: the network changed. */
  restartIce() {
    for (const stream of this.up.values()) stream.restartIce();
    for (const stream of this.down.values()) stream.restartIce();
  }

  /**
   * Changes how the streams that are there find their way to the server.
   * @param {RTCConfiguration} configuration
   */
  configure(configuration) {
    // A change counts from the next gathering of candidates on, which a restart is.
    for (const { pc } of [...this.up.values(), ...this.down.values()]) pc.setConfiguration(configuration);
    this.restartIce();
  }

  /** Everything ends, since the group or the connection is gone. */
  endAll() {
    for (const stream of [...this.up.values(), ...this.down.values()]) stream.end("lost");
  }

  /** @param {ServerOffer} offer */
  #handleOffer({ id, label, source, username, replace, sdp }) {
    if (this.up.has(id)) return this.#outside.send({ type: "abort", id });
    const known = this.down.get(id);
    if (known) {
      known.handleOffer(sdp);
      return;
    }
    const replaced = this.down.get(replace) ?? null;
    const localId = replaced?.localId ?? this.#outside.createId();
    const stream = new DownStream(id, label, { id: source, username }, localId, this.#wire());
    this.down.set(id, stream);
    stream.on("ended", () => this.down.delete(id));
    replaced?.end("replaced");
    this.#outside.arrived(stream, replaced);
    stream.handleOffer(sdp);
  }

  #wire() {
    const pc = this.#outside.createPeerConnection();
    let hasFailed = false;
    pc.addEventListener("iceconnectionstatechange", () => {
      const { iceConnectionState: state } = pc;
      if (state === "failed") hasFailed = true;
      else if (hasFailed && (state === "connected" || state === "completed")) this.#outside.recovered();
    });
    return { send: this.#outside.send, pc };
  }
}
