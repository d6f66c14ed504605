/**
 * What streams of both directions share: one `RTCPeerConnection`, and the exchange of descriptions
 * and candidates for it. Whoever sends the media offers: we for what we publish, the server for what
 * we receive.
 *
 * @import { ClientMessage, StreamId } from "./protocol.js"
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
 * @template {StreamEvents} [Events=StreamEvents]
 * @extends {Emitter<Events>}
 */
export class Stream extends Emitter {
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

/** @param {unknown} cause */
export function asError(cause) {
  return cause instanceof Error ? cause : new Error(String(cause));
}
