/**
 * One connection to the server, the group that is joined through it, and the streams it carries.
 * Knows nothing about the page, and nothing about sockets: messages come in by `handleMessage` and go
 * out through a function. `connect` in `socket.js` joins it to a WebSocket.
 *
 * @import { DownStream } from "./down-stream.js"
 * @import { PublishOptions } from "./stream-table.js"
 * @import { UpStream } from "./up-stream.js"
 * @import { ClientId, ClientMessage, Dictionary, GroupStatus, Joined, ServerMessage, ServerWords,
 *   Speakers, StreamRequest, UserChange } from "./protocol.js"
 *
 * @typedef {object} User
 * @property {ClientId} id
 * @property {string} username Empty for somebody anonymous
 * @property {string[]} permissions
 * @property {Dictionary} data What the user tells about themselves, such as a raised hand
 *
 * @typedef {object} Credentials
 * @property {string} group
 * @property {string} [username] May be left out with a token that has one
 * @property {string} [password]
 * @property {string} [token] Counts instead of the password
 * @property {Dictionary} [data] What others are told about this user from the start
 *
 * @typedef {object} ConnectionEvents
 * @property {{}} opened The server speaks our version; joining is possible
 * @property {{}} joined We are in the group
 * @property {{}} changed Permissions, status or data of the group changed
 * @property {{}} left We left the group; the connection is still there
 * @property {{kind: "add" | "change" | "delete", user: User}} user
 * @property {ServerWords} chat What is said, or was said before we came (`chathistory`)
 * @property {ServerWords} usermessage
 * @property {Speakers} speakers Who speaks now, from servers that say so
 * @property {{stream: DownStream, replaced: DownStream | null}} stream Somebody's stream arrives
 * @property {{code: number, reason: string}} closed The connection is gone
 *
 * @typedef {object} Outside
 * @property {(message: ClientMessage) => void} send
 * @property {(reason: string) => void} close Called once at most; `handleClosed` must follow
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} [createPeerConnection]
 * @property {() => string} [createId]
 * @property {boolean} [isMuteOnceFailed] Whether peer connections send nothing more, not even reports, when
 *   ICE has failed once, also if it finds a way after all, as in Firefox. Then the connection is given up
 *   when that happens, for what is made anew works
 */
import { Emitter } from "./emitter.js";
import { JoinError } from "./errors.js";
import { FEATURES, VERSIONS } from "./protocol.js";
import { StreamTable } from "./stream-table.js";

/** How often `handleTick` is to be called. */
export const TICK_MS = 10_000;

/** Ticks of silence after which the server is asked whether it is there. */
const PING_TICKS = 2;

/** Ticks of silence after which the connection is given up; the server drops us after 45 s. */
const SILENT_TICKS = 6;

/** @extends {Emitter<ConnectionEvents>} */
export class ServerConnection extends Emitter {
  /** @type {"opening" | "open" | "joining" | "joined" | "closed"} */
  state = "opening";
  group = "";
  username = "";
  /** @type {string[]} */
  permissions = [];
  /** @type {GroupStatus} */
  status = { name: "" };
  /** @type {Dictionary} */
  data = {};
  /**
   * What the server uses beyond Galène's protocol, of what we understand: see `FEATURES`. Empty with
   * the original Galène.
   * @type {string[]}
   */
  features = [];
  /** Everybody in the group, ourselves included. @type {Map<ClientId, User>} */
  users = new Map();

  /** As the server gave it. @type {RTCConfiguration} */
  #rtcConfiguration = {};
  #relayOnly = false;
  /** @type {{resolve: () => void, reject: (error: JoinError) => void} | null} */
  #joining = null;
  #silentTicks = 0;
  #heard = false;
  #doubted = false;
  #closing = false;
  #outside;
  #streams;

  /** @param {Outside} outside */
  constructor(outside) {
    super();
    this.#outside = {
      createPeerConnection: (/** @type {RTCConfiguration} */ configuration) =>
        new RTCPeerConnection(configuration),
      createId: randomId,
      isMuteOnceFailed: globalThis.navigator?.userAgent.includes("Firefox") ?? false,
      ...outside,
    };
    this.id = this.#outside.createId();
    this.#streams = new StreamTable({
      send: (message) => this.#send(message),
      createPeerConnection: () => this.#outside.createPeerConnection(this.rtcConfiguration),
      createId: this.#outside.createId,
      arrived: (stream, replaced) => this.emit("stream", { stream, replaced }),
      recovered: () => {
        if (this.#outside.isMuteOnceFailed) this.close("the media have to begin anew");
      },
    });
  }

  /** What we publish, by the id of the stream. @returns {ReadonlyMap<string, UpStream>} */
  get up() {
    return this.#streams.up;
  }

  /** What we receive, by the id of the stream. @returns {ReadonlyMap<string, DownStream>} */
  get down() {
    return this.#streams.down;
  }

  /** How peer connections are set up here. @returns {Readonly<RTCConfiguration>} */
  get rtcConfiguration() {
    return this.#relayOnly
      ? { ...this.#rtcConfiguration, iceTransportPolicy: "relay" }
      : this.#rtcConfiguration;
  }

  /** Whether there is a relay (TURN, RFC 8656) that media could go through, as far as the server says. */
  get hasRelay() {
    const urls = (this.#rtcConfiguration.iceServers ?? []).flatMap(({ urls }) => urls);
    return urls.some((url) => /^turns?:/i.test(url));
  }

  /** Begins; to be called when messages can be sent. */
  open() {
    this.#send({ type: "handshake", version: VERSIONS, id: this.id, features: FEATURES });
  }

  /**
   * Joins a group. Rejects with a `JoinError` if that does not work.
   * @param {Credentials} credentials
   * @returns {Promise<void>}
   */
  join(credentials) {
    if (this.state !== "open") throw new Error(`cannot join while ${this.state}`);
    this.state = "joining";
    return new Promise((resolve, reject) => {
      this.#joining = { resolve, reject };
      this.#send({ type: "join", kind: "join", ...credentials });
    });
  }

  /** Leaves the group; another one may be joined when `left` happened. */
  leave() {
    if (this.state !== "joined") return;
    this.#send({ type: "join", kind: "leave", group: this.group });
  }

  /** Closes the connection. */
  close(reason = "") {
    if (this.state === "closed" || this.#closing) return;
    this.#closing = true;
    this.#outside.close(reason);
  }

  /**
   * Says something to everybody, or to `dest` alone.
   * @param {string} value
   * @param {{kind?: string, dest?: ClientId}} [options]
   */
  chat(value, { kind = "", dest = "" } = {}) {
    this.#send({ type: "chat", kind, ...this.#source(), ...to(dest), value });
  }

  /**
   * Tells other programs something: `mute`, `warning`…
   * @param {string} kind
   * @param {unknown} value
   * @param {{dest?: ClientId, noecho?: boolean}} [options]
   */
  userMessage(kind, value, { dest = "", noecho = false } = {}) {
    const echo = noecho ? { noecho } : {};
    this.#send({ type: "usermessage", kind, ...this.#source(), ...to(dest), value, ...echo });
  }

  /**
   * Does something to a user: `op`, `present`, `kick`…
   * @param {string} kind
   * @param {ClientId} dest
   * @param {unknown} [value]
   */
  userAction(kind, dest, value) {
    const rest = value === undefined ? {} : { value };
    this.#send({ type: "useraction", kind, ...this.#source(), dest, ...rest });
  }

  /**
   * Does something to the group: `lock`, `clearchat`…
   * @param {string} kind
   * @param {unknown} [value]
   */
  groupAction(kind, value) {
    const rest = value === undefined ? {} : { value };
    this.#send({ type: "groupaction", kind, ...this.#source(), ...rest });
  }

  /**
   * Changes what others are told about us; `null` takes an entry away.
   * @param {Dictionary} data
   */
  setUserData(data) {
    this.userAction("setdata", this.id, data);
  }

  /**
   * Sets which media we want, by the label of the streams. Without it, nothing comes.
   * @param {StreamRequest} request
   */
  request(request) {
    this.#send({ type: "request", request });
  }

  /**
   * Publishes the tracks of `media`: at most one of each kind.
   * @param {MediaStream} media
   * @param {PublishOptions} options
   * @returns {UpStream}
   */
  publish(media, options) {
    if (this.state !== "joined") throw new Error(`cannot publish while ${this.state}`);
    return this.#streams.publish(media, options, { id: this.id, username: this.username });
  }

  /** Looks for other ways to the server, for all streams: the network changed. */
  restartIce() {
    this.#streams.restartIce();
  }

  /**
   * Sets whether media and files go through relays alone, and no direct way is even tried: without a relay
   * none come and go then. Streams that are there look for another way at once.
   * @param {boolean} relayOnly
   */
  setRelayOnly(relayOnly) {
    if (this.#relayOnly === relayOnly) return;
    this.#relayOnly = relayOnly;
    this.#streams.configure(this.rtcConfiguration);
  }

  /**
   * Asks the server whether it is there. Unless something is heard before the next
   * `handleProbe`, the connection is given up: for when there is reason to doubt it.
   */
  probe() {
    if (this.state === "closed") return;
    this.#doubted = true;
    this.#send({ type: "ping" });
  }

  /** The time for an answer to `probe` is over. */
  handleProbe() {
    if (this.state !== "closed" && this.#doubted) this.close("the server is silent");
  }

  /**
   * Takes in one message.
   * @param {ServerMessage} message
   */
  handleMessage(message) {
    if (this.state === "closed") return;
    this.#heard = true;
    this.#doubted = false;
    this.#silentTicks = 0;
    if (this.state === "opening" && message.type !== "handshake") {
      return this.close("the server did not begin with a handshake");
    }
    switch (message.type) {
      case "handshake":
        if (this.state !== "opening" || !VERSIONS.some((v) => message.version.includes(v))) {
          return this.close("the server speaks another version of the protocol");
        }
        this.features = message.features.filter((feature) => FEATURES.includes(feature));
        this.state = "open";
        return this.emit("opened", {});
      case "ping":
        return this.#send({ type: "pong" });
      case "pong":
        return;
      case "joined":
        return this.#handleJoined(message);
      case "user":
        return this.#handleUser(message);
      case "chat":
      case "chathistory":
        return this.emit("chat", message);
      case "usermessage":
        return this.emit("usermessage", message);
      case "speakers":
        return this.emit("speakers", message);
      case "offer":
      case "answer":
      case "ice":
      case "renegotiate":
      case "abort":
      case "close":
      case "encodings":
      case "streamstatus":
        return this.#streams.handleMessage(message);
      default:
        /** @satisfies {never} */ (message);
    }
  }

  /** Time passed: keeps the connection alive, and notices when it is not. */
  handleTick() {
    if (this.state === "closed") return;
    this.#silentTicks += 1;
    if (!this.#heard || this.#silentTicks > SILENT_TICKS) return this.close("the server is silent");
    if (this.#silentTicks >= PING_TICKS) this.#send({ type: "ping" });
  }

  /**
   * The connection is gone.
   * @param {number} code
   * @param {string} reason
   */
  handleClosed(code, reason) {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#forgetGroup();
    this.#joining?.reject(new JoinError("closed", "", reason));
    this.#joining = null;
    this.emit("closed", { code, reason });
  }

  /** @param {Joined} message */
  #handleJoined(message) {
    const joining = this.#joining;
    switch (message.kind) {
      case "join":
        if (joining === null) return this.close("the server let us in twice");
        this.#joining = null;
        this.state = "joined";
        this.#takeGroup(message);
        joining.resolve();
        return this.emit("joined", {});
      case "change":
        if (message.group !== this.group) return;
        this.#takeGroup(message);
        return this.emit("changed", {});
      case "fail":
      case "redirect":
        this.#joining = null;
        this.state = "open";
        this.#forgetGroup();
        return joining?.reject(new JoinError(message.kind, message.error, asText(message.value)));
      case "leave":
        this.state = "open";
        this.#forgetGroup();
        return this.emit("left", {});
      default:
        /** @satisfies {never} */ (message.kind);
    }
  }

  /** @param {Joined} message */
  #takeGroup(message) {
    this.group = message.group;
    this.username = message.username;
    this.permissions = message.permissions;
    this.status = { ...this.status, locked: false, ...message.status };
    if (message.kind === "join" || Object.keys(message.data).length > 0) this.data = message.data;
    if (message.rtcConfiguration) this.#rtcConfiguration = message.rtcConfiguration;
  }

  #forgetGroup() {
    this.#streams.endAll();
    for (const user of [...this.users.values()]) {
      this.users.delete(user.id);
      this.emit("user", { kind: "delete", user });
    }
    this.permissions = [];
    this.data = {};
    this.#rtcConfiguration = {};
  }

  /** @param {UserChange} message */
  #handleUser({ kind, id, username, permissions, data }) {
    switch (kind) {
      case "add":
      case "change": {
        const user = { id, username, permissions, data };
        this.users.set(id, user);
        return this.emit("user", { kind, user });
      }
      case "delete": {
        const user = this.users.get(id);
        if (user === undefined) return;
        this.users.delete(id);
        return this.emit("user", { kind, user });
      }
      default:
        /** @satisfies {never} */ (kind);
    }
  }

  #source() {
    return { source: this.id, username: this.username };
  }

  /** @param {ClientMessage} message */
  #send(message) {
    if (this.state !== "closed" && !this.#closing) this.#outside.send(message);
  }
}

/** @param {ClientId} dest */
function to(dest) {
  return dest === "" ? {} : { dest };
}

/** @param {unknown} value */
function asText(value) {
  return typeof value === "string" ? value : "";
}

/** 128 random bits in hexadecimal. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
