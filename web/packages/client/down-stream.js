/**
 * A stream of somebody else.
 * @import { ClientId, Delivery, Medium, StreamId } from "./protocol.js"
 * @import { StreamEvents, Wire } from "./stream.js"
 *
 * @typedef {StreamEvents & {delivery: Delivery}} DownStreamEvents
 *   `delivery`: the server sends more or less of what we asked for than before
 */
import { Stream } from "./stream.js";

/** @extends {Stream<DownStreamEvents>} */
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
   * How much of what we asked for is sent, as far as the server says so.
   * @type {Delivery}
   */
  delivery = { status: "full", reason: "" };

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
      if (this.pc.iceConnectionState === "failed") this.restartIce();
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

  /** Looks for another way to the server: it offers, so all we can do is to ask for it. */
  restartIce() {
    if (!this.hasEnded) this.send({ type: "renegotiate", id: this.id });
  }

  /** @param {Delivery} delivery */
  handleStatus({ status, reason }) {
    this.delivery = { status, reason };
    this.emit("delivery", this.delivery);
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
