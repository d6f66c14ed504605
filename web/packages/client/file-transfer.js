/**
 * Files from one user to another, directly: the server only passes on how they find each other, so
 * each of them learns the other's address. Galène's own protocol.
 *
 * @import { ServerConnection } from "./connection.js"
 * @import { ClientId, Dictionary, ServerWords } from "./protocol.js"
 *
 * @typedef {"inviting" | "connecting" | "connected" | "done" | "cancelled"} TransferState
 *   One was asked; they look for a way to each other; data flow; all is there; it will not be
 *
 * @typedef {object} TransferEvents
 * @property {{}} changed The state, or how much was transferred
 *
 * @typedef {object} TransferWire
 * @property {(value: Dictionary) => void} tell Says something to the other side
 * @property {() => RTCPeerConnection} createPeerConnection
 * @property {() => void} forget
 */
import { Emitter } from "./emitter.js";
import { isDictionary } from "./fields.js";

const VERSION = "1";

/** What fits into one message everywhere (RFC 8831 §6.6 and Galène's protocol). */
export const CHUNK_BYTES = 16_384;

/** As much may wait in the browser before we go on. */
const BUFFER_BYTES = 65_536;

/** For so long the receiver waits for the sender to hang up. */
const HANG_UP_MS = 2000;

/** Offers that may wait for an answer: nobody reads more of them, and anybody can send them. */
export const MAX_TRANSFERS = 20;

/** Candidates that may wait for a description. */
const MAX_WAITING_CANDIDATES = 200;

/** @extends {Emitter<TransferEvents>} */
export class Transfer extends Emitter {
  /** @type {TransferState} */
  state = "inviting";
  /** Bytes that were sent or received. */
  transferred = 0;
  /** What is received, when all of it is there. @type {Blob | null} */
  result = null;
  /** Why it was cancelled, in the words of whoever did it. */
  reason = "";

  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {Blob | null} */
  #file;
  /** @type {BlobPart[]} */
  #parts = [];
  /** @type {RTCIceCandidateInit[]} */
  #waiting = [];
  #wire;

  /**
   * @param {{id: string, userId: ClientId, username: string, name: string, size: number,
   *   mimetype: string}} facts `userId` and `username` are the other side's
   * @param {Blob | null} file What we send, or `null` if we receive
   * @param {TransferWire} wire
   */
  constructor({ id, userId, username, name, size, mimetype }, file, wire) {
    super();
    this.id = id;
    this.userId = userId;
    this.username = username;
    this.name = name;
    this.size = size;
    this.mimetype = mimetype;
    this.#file = file;
    this.#wire = wire;
  }

  get isOurs() {
    return this.#file !== null;
  }

  get isOver() {
    return this.state === "done" || this.state === "cancelled";
  }

  /** Takes what was offered. The other side learns our address. */
  async accept() {
    if (this.isOurs || this.state !== "inviting") return;
    this.#become("connecting");
    await this.#try(async () => {
      const pc = this.#open();
      const channel = pc.createDataChannel("file");
      this.#receiveFrom(channel);
      await pc.setLocalDescription(await pc.createOffer());
      const sdp = pc.localDescription?.sdp ?? "";
      this.#wire.tell({ type: "offer", id: this.id, version: [VERSION], sdp });
    });
  }

  /** Refuses or stops it. @param {string} [message] What the other side is told */
  cancel(message = "") {
    if (this.isOver) return;
    this.#wire.tell({ type: "cancel", id: this.id, ...(message === "" ? {} : { message }) });
    this.fail(message);
  }

  /**
   * It will not be, without telling the other side.
   * @param {string} reason
   */
  fail(reason) {
    if (this.isOver) return;
    this.reason = reason;
    this.#parts = [];
    this.#become("cancelled");
    this.#close();
  }

  /**
   * Takes in what the other side says.
   * @param {Dictionary} value
   */
  async handleMessage(value) {
    if (this.isOver) return;
    switch (value["type"]) {
      case "offer":
        if (!this.isOurs || this.state !== "inviting") return this.cancel("unexpected offer");
        this.#become("connecting");
        return this.#try(() => this.#answer(String(value["sdp"] ?? "")));
      case "answer":
        if (this.isOurs || this.state !== "connecting") return this.cancel("unexpected answer");
        return this.#try(async () => {
          await this.#pc?.setRemoteDescription({ type: "answer", sdp: String(value["sdp"] ?? "") });
          await this.#addWaiting();
        });
      case "ice":
        return this.#try(() => this.#addCandidate(value["candidate"]));
      case "cancel":
        return this.fail(typeof value["message"] === "string" ? value["message"] : "");
      default:
        return this.cancel("unknown message");
    }
  }

  /** @param {string} sdp */
  async #answer(sdp) {
    const pc = this.#open();
    pc.addEventListener("datachannel", ({ channel }) => this.#sendTo(channel));
    await pc.setRemoteDescription({ type: "offer", sdp });
    await this.#addWaiting();
    await pc.setLocalDescription(await pc.createAnswer());
    this.#wire.tell({ type: "answer", id: this.id, sdp: pc.localDescription?.sdp ?? "" });
  }

  #open() {
    const pc = this.#wire.createPeerConnection();
    this.#pc = pc;
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) {
        this.#wire.tell({ type: "ice", id: this.id, candidate: candidate.toJSON() });
      }
    });
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "failed") this.cancel("no way to each other was found");
    });
    return pc;
  }

  /** @param {unknown} candidate */
  async #addCandidate(candidate) {
    if (!isDictionary(candidate)) return;
    if (this.#pc?.remoteDescription) await this.#pc.addIceCandidate(candidate);
    else if (this.#waiting.length < MAX_WAITING_CANDIDATES) this.#waiting.push(candidate);
  }

  async #addWaiting() {
    for (const candidate of this.#waiting.splice(0)) await this.#pc?.addIceCandidate(candidate);
  }

  /** @param {RTCDataChannel} channel */
  #sendTo(channel) {
    if (this.#channel) return this.cancel("a second channel");
    this.#channel = channel;
    channel.bufferedAmountLowThreshold = BUFFER_BYTES / 2;
    channel.addEventListener("message", ({ data }) => {
      // The receiver knows when all is there.
      if (data !== "done" || this.transferred < this.size) return this.cancel("unexpected message");
      this.#become("done");
      this.#close();
    });
    channel.addEventListener("close", () => this.fail("the connection was closed"));
    const begin = () => this.#try(() => this.#pump(channel));
    if (channel.readyState === "open") begin();
    else channel.addEventListener("open", begin);
  }

  /** @param {RTCDataChannel} channel */
  async #pump(channel) {
    const file = this.#file;
    if (!file || this.state !== "connecting") return;
    this.#become("connected");
    for (let start = 0; start < file.size && !this.isOver; start += CHUNK_BYTES) {
      const chunk = await file.slice(start, start + CHUNK_BYTES).arrayBuffer();
      if (channel.bufferedAmount > BUFFER_BYTES) await drained(channel);
      if (this.isOver || channel.readyState !== "open") return;
      channel.send(chunk);
      this.transferred += chunk.byteLength;
      this.emit("changed", {});
    }
  }

  /** @param {RTCDataChannel} channel */
  #receiveFrom(channel) {
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.addEventListener("open", () => {
      if (this.state === "connecting") this.#become("connected");
      this.#finishIfComplete(channel);
    });
    channel.addEventListener("message", ({ data }) => {
      if (this.isOver) return;
      if (!(data instanceof ArrayBuffer)) return this.cancel("unexpected message");
      this.transferred += data.byteLength;
      if (this.transferred > this.size) return this.cancel("more than was announced");
      // A blob need not be kept in memory.
      this.#parts.push(new Blob([data]));
      this.emit("changed", {});
      this.#finishIfComplete(channel);
    });
    channel.addEventListener("close", () => this.fail("the connection was closed"));
  }

  /** @param {RTCDataChannel} channel */
  #finishIfComplete(channel) {
    if (this.isOver || this.transferred < this.size) return;
    channel.send("done");
    this.result = new Blob(this.#parts, { type: this.mimetype });
    this.#parts = [];
    this.#become("done");
    // The sender hangs up when it has read that; what we close at once might not arrive.
    const timer = setTimeout(() => this.#close(), HANG_UP_MS);
    channel.addEventListener("close", () => {
      clearTimeout(timer);
      this.#close();
    });
  }

  /** @param {() => Promise<void>} task */
  async #try(task) {
    try {
      await task();
    } catch (cause) {
      this.cancel(cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** @param {TransferState} state */
  #become(state) {
    this.state = state;
    this.emit("changed", {});
  }

  #close() {
    this.#pc?.close();
    this.#pc = null;
    this.#waiting = [];
    this.#wire.forget();
  }
}

/** @param {RTCDataChannel} channel */
function drained(channel) {
  return new Promise((resolve) => {
    const done = () => resolve(undefined);
    channel.addEventListener("bufferedamountlow", done, { once: true });
    channel.addEventListener("close", done, { once: true });
  });
}

/**
 * @typedef {object} FileTransfersEvents
 * @property {{transfer: Transfer}} offered Somebody wants to send us a file
 */

/**
 * The transfers of one connection.
 * @extends {Emitter<FileTransfersEvents>}
 */
export class FileTransfers extends Emitter {
  /** Those that go on, by the other side and the id. @type {Map<string, Transfer>} */
  #active = new Map();
  #connection;
  #createPeerConnection;

  /**
   * @param {ServerConnection} connection
   * @param {(configuration: RTCConfiguration) => RTCPeerConnection} [createPeerConnection]
   */
  constructor(connection, createPeerConnection = (config) => new RTCPeerConnection(config)) {
    super();
    this.#connection = connection;
    this.#createPeerConnection = createPeerConnection;
    connection.on("usermessage", (words) => this.#handle(words));
    connection.on("user", ({ kind, user }) => {
      if (kind !== "delete") return;
      for (const transfer of [...this.#active.values()]) {
        if (transfer.userId === user.id) transfer.fail("the other side left");
      }
    });
    connection.on("closed", () => {
      for (const transfer of [...this.#active.values()]) transfer.fail("the connection was lost");
    });
  }

  /** Whether anything is on its way. */
  get isBusy() {
    return [...this.#active.values()].some(({ state, isOver }) => !isOver && state !== "inviting");
  }

  /**
   * Offers a file to a user.
   * @param {ClientId} userId
   * @param {File} file
   * @returns {Transfer}
   */
  send(userId, file) {
    const id = crypto.randomUUID().replaceAll("-", "");
    const username = this.#connection.users.get(userId)?.username ?? "";
    const { name, size, type: mimetype } = file;
    const transfer = this.#add({ id, userId, username, name, size, mimetype }, file);
    this.#tell(userId, { type: "invite", version: [VERSION], id, name, size, mimetype });
    return transfer;
  }

  /** @param {ServerWords} words */
  #handle({ kind, source, dest, username, value }) {
    if (kind !== "filetransfer" || dest !== this.#connection.id || source === "") return;
    if (!isDictionary(value) || typeof value["id"] !== "string") return;
    const id = value["id"];
    const known = this.#active.get(`${source} ${id}`);
    if (value["type"] === "invite") return this.#handleInvite(source, username, id, value, known);
    if (known) known.handleMessage(value);
    else if (value["type"] !== "cancel") this.#tell(source, { type: "cancel", id });
  }

  /**
   * @param {ClientId} userId
   * @param {string} username
   * @param {string} id
   * @param {Dictionary} value
   * @param {Transfer | undefined} known
   */
  #handleInvite(userId, username, id, value, known) {
    const { version, name, size, mimetype } = value;
    const refuse = (/** @type {string} */ message) => {
      this.#tell(userId, { type: "cancel", id, message });
    };
    if (known) return known.cancel("the same transfer twice");
    if (!Array.isArray(version) || !version.includes(VERSION)) return refuse("unknown version");
    if (typeof name !== "string" || !Number.isSafeInteger(size) || Number(size) < 0) {
      return refuse("malformed invitation");
    }
    if (this.#active.size >= MAX_TRANSFERS) return refuse("too many transfers at once");
    const type = typeof mimetype === "string" ? mimetype : "";
    const facts = { id, userId, username, name, size: Number(size), mimetype: type };
    this.emit("offered", { transfer: this.#add(facts, null) });
  }

  /**
   * @param {{id: string, userId: ClientId, username: string, name: string, size: number,
   *   mimetype: string}} facts
   * @param {Blob | null} file
   */
  #add(facts, file) {
    const key = `${facts.userId} ${facts.id}`;
    const transfer = new Transfer(facts, file, {
      tell: (value) => this.#tell(facts.userId, value),
      createPeerConnection: () => this.#createPeerConnection(this.#connection.rtcConfiguration),
      forget: () => {
        if (this.#active.get(key) === transfer) this.#active.delete(key);
      },
    });
    this.#active.set(key, transfer);
    return transfer;
  }

  /**
   * @param {ClientId} dest
   * @param {Dictionary} value
   */
  #tell(dest, value) {
    this.#connection.userMessage("filetransfer", value, { dest });
  }
}
