/**
 * A stream that we publish.
 * @import { Answer, ClientId, EncodingUse, StreamId } from "./protocol.js"
 * @import { Wire } from "./stream.js"
 */
import { asError, Stream } from "./stream.js";

export class UpStream extends Stream {
  /** @type {Map<"audio" | "video", RTCRtpTransceiver>} */
  #transceivers = new Map();
  /** @type {Map<"audio" | "video", MediaStreamTrack | null>} */
  #tracks = new Map();
  /** @type {"nothing" | "answer"} */
  #awaits = "nothing";
  /** What to do when the answer is there. @type {"nothing" | "offer" | "restart"} */
  #then = "nothing";
  /** Encodings that we do not want to send for now. @type {ReadonlySet<string>} */
  #unwanted = new Set();
  /** Encodings that nobody watches, as the server says. @type {ReadonlySet<string>} */
  #unwatched = new Set();
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
        if (kind === "video") await this.#setActive();
      }
      await this.#offer("offer");
    });
  }

  /**
   * Limits what a kind may use, in bits per second for each encoding in turn; `Infinity` for no limit.
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
        if (bitrate === Infinity) delete encoding.maxBitrate;
        else if (bitrate !== undefined) encoding.maxBitrate = bitrate;
      });
      await sender.setParameters(parameters);
    });
  }

  /**
   * Sets which encodings are not sent for now, by RID.
   * @param {Iterable<string>} rids
   */
  pauseEncodings(rids) {
    this.#unwanted = new Set(rids);
    return this.#applyActive();
  }

  /**
   * The server says which encodings of the picture somebody watches. The others are not sent until
   * it says otherwise; one that it does not name is sent as before.
   * @param {EncodingUse[]} encodings
   */
  handleEncodings(encodings) {
    const unwatched = new Set(this.#unwatched);
    for (const { rid, active } of encodings) {
      if (active) unwatched.delete(rid);
      else unwatched.add(rid);
    }
    this.#unwatched = unwatched;
    return this.#applyActive();
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

  #applyActive() {
    return this.enqueue(() => this.#setActive());
  }

  /** Sends what is wanted and watched of the picture, and nothing else. */
  async #setActive() {
    const sender = this.#transceivers.get("video")?.sender;
    if (!sender) return;
    const parameters = sender.getParameters();
    let changed = false;
    for (const encoding of parameters.encodings) {
      const rid = encoding.rid ?? "";
      const active = !this.#unwanted.has(rid) && !this.#unwatched.has(rid);
      changed ||= active !== (encoding.active ?? true);
      encoding.active = active;
    }
    if (changed) await sender.setParameters(parameters);
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
