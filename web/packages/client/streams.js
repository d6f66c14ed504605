/**
 * Streams: one `RTCPeerConnection` each, and the exchange of descriptions and candidates for it.
 * Whoever sends the media offers: we for what we publish, the server for what we receive.
 *
 * @import { Answer, ClientId, ClientMessage, Medium, StreamId } from "./protocol.js"
 *
 * @typedef {object} Wire What a stream needs of its connection
 * @property {(message: ClientMessage) => void} send
 * @property {RTCPeerConnection} pc
 *
 * @typedef {"aborted" | "closed" | "lost" | "replaced"} EndReason
 *   The server refused it or wants no more of it; its publisher closed it; the connection is gone;
 *   another stream took its place
 *
 * @typedef {object} StreamEvents
 * @property {{}} negotiated Descriptions were exchanged: tracks may have come or gone
 * @property {{state: RTCIceConnectionState}} status
 * @property {{reason: EndReason}} ended Nothing more will happen
 * @property {{error: Error}} error The browser refused something; the stream may go on
 */
import { Emitter } from "./emitter.js";

/**
 * Candidates that may wait for the description that they belong to. A host with many addresses has
 * some dozens.
 */
export const MAX_WAITING_CANDIDATES = 200;

/**
 * What both directions share: candidates, and doing one thing after the other.
 * @extends {Emitter<StreamEvents>}
 */
class Stream extends Emitter {
  /** @type {RTCPeerConnection} */
  pc;
  /** @type {(message: ClientMessage) => void} */
  send;
  /** @type {Promise<void>} */
  #last = Promise.resolve();
  /** @type {RTCIceCandidateInit[]} */
  #waiting = [];
  #ended = false;

  /**
   * @param {StreamId} id
   * @param {string} label
   * @param {Wire} wire
   */
  constructor(id, label, { send, pc }) {
    super();
    this.id = id;
    this.label = label;
    this.send = send;
    this.pc = pc;
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) this.send({ type: "ice", id, candidate: candidate.toJSON() });
    });
    pc.addEventListener("iceconnectionstatechange", () => {
      this.emit("status", { state: pc.iceConnectionState });
    });
  }

  get hasEnded() {
    return this.#ended;
  }

  /** @param {RTCIceCandidateInit} candidate */
  handleIce(candidate) {
    this.enqueue(async () => {
      if (this.pc.remoteDescription) await this.pc.addIceCandidate(candidate);
      else if (this.#waiting.length < MAX_WAITING_CANDIDATES) this.#waiting.push(candidate);
    });
  }

  /**
   * Does `task` when all before it is done: the browser takes its time over each description, and
   * the next message must not overtake it.
   * @param {() => Promise<void>} task
   * @returns {Promise<void>}
   */
  enqueue(task) {
    this.#last = this.#last.then(async () => {
      if (this.#ended) return;
      try {
        await task();
      } catch (cause) {
        // What ending interrupts is no fault.
        if (!this.#ended) this.emit("error", { error: asError(cause) });
      }
    });
    return this.#last;
  }

  /** Takes what waited for the remote description, which is now there. */
  async addWaitingCandidates() {
    for (const candidate of this.#waiting.splice(0)) await this.pc.addIceCandidate(candidate);
  }

  /**
   * Ends without telling the server.
   * @param {EndReason} reason
   */
  end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    this.pc.close();
    this.emit("ended", { reason });
  }
}

/** A stream that we publish. */
export class UpStream extends Stream {
  /** @type {Map<"audio" | "video", RTCRtpTransceiver>} */
  #transceivers = new Map();
  /** @type {Map<"audio" | "video", MediaStreamTrack | null>} */
  #tracks = new Map();
  /** @type {"nothing" | "answer"} */
  #awaits = "nothing";
  /** What to do when the answer is there. @type {"nothing" | "offer" | "restart"} */
  #then = "nothing";
  #source;
  #replace;

  /**
   * @param {StreamId} id
   * @param {string} label
   * @param {MediaStream} media Its tracks belong together and are played in time with each other
   * @param {{id: ClientId, username: string}} source Who publishes
   * @param {StreamId} replace The stream whose place it takes, or `""`
   * @param {Wire} wire
   */
  constructor(id, label, media, source, replace, wire) {
    super(id, label, wire);
    this.media = media;
    this.#source = source;
    this.#replace = replace;
    this.pc.addEventListener("iceconnectionstatechange", () => {
      if (this.pc.iceConnectionState === "failed") this.restartIce();
    });
  }

  /**
   * Returns what was last set to be sent.
   * @param {"audio" | "video"} kind
   */
  track(kind) {
    return this.#tracks.get(kind) ?? null;
  }

  /**
   * Sets what is sent, or with `null` that nothing is. Another track in place of one needs no
   * negotiation, so nobody notices anything but the new picture.
   *
   * `encodings` counts only the first time for each kind: browsers cannot change their number.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   * @param {RTCRtpEncodingParameters[]} [encodings]
   */
  setTrack(kind, track, encodings = []) {
    this.#tracks.set(kind, track);
    return this.enqueue(async () => {
      const transceiver = this.#transceivers.get(kind);
      const direction = track ? "sendonly" : "inactive";
      if (transceiver) {
        await transceiver.sender.replaceTrack(track);
        if (transceiver.direction === direction) return;
        transceiver.direction = direction;
      } else {
        if (!track) return;
        const transceiver = this.pc.addTransceiver(track, {
          direction,
          streams: [this.media],
          sendEncodings: encodings,
        });
        this.#transceivers.set(kind, transceiver);
      }
      await this.#offer("offer");
    });
  }

  /**
   * Limits what a kind may use, in bits per second for each encoding in turn.
   * @param {"audio" | "video"} kind
   * @param {number[]} bitrates
   */
  setMaxBitrates(kind, bitrates) {
    return this.enqueue(async () => {
      const sender = this.#transceivers.get(kind)?.sender;
      if (!sender) return;
      const parameters = sender.getParameters();
      parameters.encodings.forEach((encoding, index) => {
        const bitrate = bitrates[index];
        if (bitrate !== undefined) encoding.maxBitrate = bitrate;
      });
      await sender.setParameters(parameters);
    });
  }

  /** Looks for another way to the server; media goes on meanwhile if it can. */
  restartIce() {
    return this.enqueue(() => this.#offer("restart"));
  }

  /** Ends, and tells the server. */
  close() {
    if (this.hasEnded) return;
    this.send({ type: "close", id: this.id });
    this.end("closed");
  }

  /** @param {Answer} answer */
  handleAnswer({ sdp }) {
    return this.enqueue(async () => {
      try {
        await this.pc.setRemoteDescription({ type: "answer", sdp });
      } catch (cause) {
        this.emit("error", { error: asError(cause) });
        return this.close();
      }
      this.#awaits = "nothing";
      await this.addWaitingCandidates();
      this.emit("negotiated", {});
      const next = this.#then;
      this.#then = "nothing";
      if (next !== "nothing") await this.#offer(next);
    });
  }

  handleRenegotiate() {
    return this.restartIce();
  }

  handleAbort() {
    if (this.hasEnded) return;
    this.send({ type: "close", id: this.id });
    this.end("aborted");
  }

  /** @param {"offer" | "restart"} how */
  async #offer(how) {
    if (this.#awaits === "answer") {
      if (this.#then !== "restart") this.#then = how;
      return;
    }
    this.#awaits = "answer";
    await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart: how === "restart" }));
    if (this.hasEnded) return;
    this.send({
      type: "offer",
      id: this.id,
      source: this.#source.id,
      username: this.#source.username,
      label: this.label,
      ...(this.#replace === "" ? {} : { replace: this.#replace }),
      sdp: this.pc.localDescription?.sdp ?? "",
    });
    // Said once: in a later offer the server would look for it again.
    this.#replace = "";
  }
}

/** A stream of somebody else. */
export class DownStream extends Stream {
  /**
   * Names its place on the page: a stream that replaces another one inherits it.
   * @type {string}
   */
  localId;
  /**
   * What is received. `null` until the first description.
   * @type {MediaStream | null}
   */
  media = null;

  /**
   * @param {StreamId} id
   * @param {string} label
   * @param {{id: ClientId, username: string}} source Who publishes
   * @param {string} localId
   * @param {Wire} wire
   */
  constructor(id, label, source, localId, wire) {
    super(id, label, wire);
    this.source = source;
    this.localId = localId;
    this.pc.addEventListener("track", ({ streams: [media] }) => {
      if (media) this.media = media;
    });
    this.pc.addEventListener("iceconnectionstatechange", () => {
      // The server offers; all we can do is to ask for it.
      if (this.pc.iceConnectionState === "failed") this.send({ type: "renegotiate", id });
    });
  }

  /**
   * Asks for something else of this stream than of others with its label.
   * @param {Medium[] | null} request `null`: what was asked for the label after all
   */
  request(request) {
    if (!this.hasEnded) this.send({ type: "requestStream", id: this.id, request });
  }

  /** Refuses the stream. The server answers with a `close`, which ends it. */
  abort() {
    if (!this.hasEnded) this.send({ type: "abort", id: this.id });
  }

  /** @param {string} sdp */
  handleOffer(sdp) {
    return this.enqueue(async () => {
      try {
        await this.pc.setRemoteDescription({ type: "offer", sdp });
        await this.addWaitingCandidates();
        await this.pc.setLocalDescription(await this.pc.createAnswer());
      } catch (error) {
        this.abort();
        throw error;
      }
      if (this.hasEnded) return;
      this.send({ type: "answer", id: this.id, sdp: this.pc.localDescription?.sdp ?? "" });
      this.emit("negotiated", {});
    });
  }
}

/** @param {unknown} cause */
function asError(cause) {
  return cause instanceof Error ? cause : new Error(String(cause));
}
