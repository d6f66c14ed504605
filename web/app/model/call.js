/**
 * A visit to a group: preparing, the meeting itself, and coming back after the connection was lost.
 * Views show its state and call its methods; it knows nothing of them.
 *
 * @import { ClientId, DownStream, GroupStatus, ServerConnection, ServerWords, StreamRequest, User }
 *   from "galene-client"
 * @import { Problem } from "./explain.js"
 * @import { Settings } from "./settings.js"
 *
 * @typedef {"prepare" | "joining" | "call" | "lost"} Phase
 *
 * @typedef {object} CallEvents
 * @property {{}} changed
 * @property {{text: string}} announced Something for those who do not see it
 */
import { Backoff, connect, decodeStatus, Emitter, JoinError } from "galene-client";
import { AudioOutput } from "./audio.js";
import { ChatLog } from "./chat.js";
import { Devices, openScreen, CaptureError } from "./devices.js";
import { explain, sentence } from "./explain.js";
import { LevelMeter } from "./level.js";
import { LocalMedia } from "./local-media.js";
import { Notices } from "./notices.js";
import { Publisher } from "./publisher.js";
import { Speakers } from "./speakers.js";
import { displayName } from "./text.js";
import { buildTiles } from "./tiles.js";

/** A connection that held this long was a good one: the next loss begins with short waits again. */
const STABLE_MS = 10_000;

/** Those who are there when we come need no announcement each. */
const ARRIVAL_MS = 2000;

/** The close code of a server that will be back. */
const SERVICE_RESTART = 1012;

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {Phase} */
  phase = "prepare";
  /** Why we are not in the meeting. @type {Problem | null} */
  problem = null;
  /** What is known before joining. @type {GroupStatus | null} */
  status = null;
  /** @type {ServerConnection | null} */
  connection = null;
  /** When the next attempt to come back is made. @type {number | null} */
  retryAt = null;
  isConnecting = false;
  /** Key of the pinned tile, or empty. */
  pinned = "";

  devices = new Devices();
  notices = new Notices();
  chat = new ChatLog();
  local;
  publisher;
  audio;
  speakers;
  settings;

  #credentials = { group: "", username: "", password: "" };
  #backoff = new Backoff();
  /** @type {AbortController | null} */
  #abort = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #stableTimer;
  #arrivedAt = 0;
  /** @type {{by: string, text: string} | null} */
  #kicked = null;
  /** What others were told about our microphone. @type {boolean | null} */
  #toldMuted = null;
  /** @type {{track: MediaStreamTrack, meter: LevelMeter} | null} */
  #ownLevel = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;

  /**
   * @param {string} group
   * @param {Settings} settings
   */
  constructor(group, settings) {
    super();
    this.group = group;
    this.settings = settings;
    this.local = new LocalMedia(settings);
    this.publisher = new Publisher(this.local, settings);
    this.audio = new AudioOutput(settings.values.speaker);
    this.speakers = new Speakers(
      () => this.connection?.down.values() ?? [],
      () => this.#ownLevel?.meter.isSpeaking ?? false,
    );
    const changed = () => this.emit("changed", {});
    this.audio.on("changed", changed);
    this.chat.on("changed", changed);
    this.devices.on("changed", changed);
    this.notices.on("changed", changed);
    this.publisher.on("changed", changed);
    this.speakers.on("changed", changed);
    this.publisher.on("failed", ({ text }) => this.notices.show("danger", text));
    this.local.on("opened", () => this.devices.refresh());
    this.local.on("failed", ({ error }) => this.notices.show("danger", error.message));
    this.local.on("changed", () => {
      this.#tellMuted();
      this.#followOwnLevel();
      changed();
    });
    addEventListener("online", () => {
      if (this.phase === "lost") this.rejoin();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.phase === "call") this.#keepAwake();
      if (!document.hidden && this.phase === "lost" && this.retryAt !== null) this.rejoin();
    });
  }

  /** Finds out about the group. */
  async load() {
    try {
      const response = await fetch(".status");
      if (response.status === 404) {
        this.problem = explain(new JoinError("fail", "", "the group does not exist"));
      } else if (response.status >= 500) {
        this.problem = explain(new JoinError("fail", "", await response.text()));
      } else if (response.ok) {
        this.status = decodeStatus(await response.json());
      }
    } catch {
      // Joining will show whether the server is there; the name of the group is known anyway.
    }
    this.emit("changed", {});
  }

  /** What to call the group. */
  get title() {
    return this.connection?.status.displayName || this.status?.displayName || this.group;
  }

  get isLocked() {
    return (this.connection?.status ?? this.status)?.locked ?? false;
  }

  /** @param {string} permission */
  may(permission) {
    return this.connection?.permissions.includes(permission) ?? false;
  }

  /** Ourselves, as the others see us. */
  get self() {
    return this.connection?.users.get(this.connection.id) ?? null;
  }

  /** Everybody else. */
  get others() {
    return [...(this.connection?.users.values() ?? [])].filter(
      ({ id }) => id !== this.connection?.id,
    );
  }

  get tiles() {
    const { connection, local } = this;
    if (!connection) return [];
    return buildTiles({
      selfId: connection.id,
      selfName: connection.username,
      isMuted: local.isMuted,
      camera: local.isCameraOn ? local.media : null,
      screens: this.publisher.screens,
      users: connection.users.values(),
      streams: [...connection.down.values()].map(received),
      speaking: this.speakers.active,
      pinned: this.pinned,
    });
  }

  /**
   * Joins the meeting.
   * @param {string} username
   * @param {string} password
   */
  async join(username, password) {
    if (this.phase !== "prepare") return;
    this.settings.set({ name: username });
    this.#credentials = { group: this.group, username, password };
    this.phase = "joining";
    this.problem = null;
    this.emit("changed", {});
    try {
      await this.#connect();
    } catch (error) {
      this.#giveUp(explain(error));
    }
  }

  /** Comes back after the connection was lost: now, and not only when the time has come. */
  async rejoin() {
    if (this.phase !== "lost" || this.isConnecting) return;
    clearTimeout(this.#retryTimer);
    this.retryAt = null;
    this.emit("changed", {});
    try {
      await this.#connect();
      this.#announce("You are connected again.");
    } catch (error) {
      if (error instanceof JoinError && error.kind !== "closed") this.#giveUp(explain(error));
      else if (this.phase === "lost") this.#retryLater();
    }
  }

  /** Leaves the meeting and goes back to where one prepares. */
  leave() {
    this.#giveUp(null);
    this.chat.clear(null);
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    if (!this.#mayPresent()) return;
    this.local.setMuted(muted);
  }

  /** @param {boolean} on */
  setCamera(on) {
    if (!this.#mayPresent()) return;
    this.local.setCamera(on);
  }

  async shareScreen() {
    if (!this.#mayPresent()) return;
    try {
      const media = await openScreen();
      if (media) this.publisher.addScreen(media);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.notices.show("danger", error.message);
    }
  }

  /** @param {boolean} raised */
  raiseHand(raised) {
    this.connection?.setUserData({ raisehand: raised ? true : null });
  }

  /**
   * Says something to everybody, or to one user alone.
   * @param {string} text
   * @param {ClientId} dest
   * @returns {boolean} Whether it was said
   */
  say(text, dest) {
    const { connection } = this;
    if (!connection || connection.state !== "joined" || text.trim() === "") return false;
    let value = text;
    let kind = "";
    if (/^\/me\s/.test(text)) {
      kind = "me";
      value = text.slice(3).trim();
    } else if (text.startsWith("//")) {
      value = text.slice(1);
    } else if (text.startsWith("/")) {
      this.notices.show("warning", "There is no such command. To begin with a slash, write two.");
      return false;
    }
    connection.chat(value, { kind, dest });
    if (dest !== "" && dest !== connection.id) this.#showOwnPrivate(value, kind, dest);
    return true;
  }

  /** @param {"everything" | "audio"} receive */
  setReceive(receive) {
    this.settings.set({ receive });
    this.connection?.request(requestFor(receive));
    this.emit("changed", {});
  }

  /** @param {import("./settings.js").Quality} quality */
  setQuality(quality) {
    this.settings.set({ quality });
    this.publisher.applyQuality();
    return this.local.reopenCamera();
  }

  /** @param {string} speaker */
  chooseSpeaker(speaker) {
    this.settings.set({ speaker });
    this.audio.choose(speaker);
    this.emit("changed", {});
  }

  /** @param {string} key */
  pin(key) {
    this.pinned = this.pinned === key ? "" : key;
    this.emit("changed", {});
  }

  /** @param {User} user */
  mute(user) {
    this.connection?.userMessage("mute", null, { dest: user.id });
    this.notices.show("info", `${displayName(user.username)} is asked to be silent.`);
  }

  muteAll() {
    this.connection?.userMessage("mute", null, { noecho: true });
    this.notices.show("info", "Everybody else is muted.");
  }

  /**
   * @param {User} user
   * @param {string} message
   */
  kick(user, message) {
    this.connection?.userAction("kick", user.id, message === "" ? undefined : message);
  }

  /**
   * @param {User} user
   * @param {"op" | "unop" | "present" | "unpresent" | "shutup" | "unshutup"} kind
   */
  act(user, kind) {
    this.connection?.userAction(kind, user.id);
  }

  /** @param {string} message What those who stay outside are told */
  lock(message) {
    this.connection?.groupAction("lock", message === "" ? undefined : message);
  }

  unlock() {
    this.connection?.groupAction("unlock");
  }

  /** @param {{userId: ClientId, id?: string}} [what] All of one user, or one message; else everything */
  clearChat(what) {
    this.connection?.groupAction("clearchat", what);
  }

  async #connect() {
    this.isConnecting = true;
    this.emit("changed", {});
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const connection = await connect(this.status?.endpoint ?? defaultEndpoint(), abort);
      const muted = this.local.isMuted;
      this.#kicked = null;
      this.#listen(connection);
      try {
        const data = muted ? { muted } : {};
        await connection.join({ ...this.#credentials, data });
      } catch (error) {
        connection.close();
        if (error instanceof JoinError && error.kind === "redirect") redirect(error.message);
        throw error;
      }
      this.#toldMuted = muted;
      this.#arrive(connection);
    } finally {
      this.isConnecting = false;
      this.emit("changed", {});
    }
  }

  /** @param {ServerConnection} connection */
  #arrive(connection) {
    this.connection = connection;
    this.phase = "call";
    this.#arrivedAt = performance.now();
    clearTimeout(this.#stableTimer);
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), STABLE_MS);
    connection.request(requestFor(this.settings.values.receive));
    this.#followPermissions(connection);
    this.publisher.use(connection);
    this.#tellMuted();
    this.speakers.start();
    this.#keepAwake();
    if (this.isLocked) this.notices.show("info", "This group is locked: nobody else can join.");
  }

  /** @param {ServerConnection} connection */
  #listen(connection) {
    const changed = () => this.emit("changed", {});
    connection.on("changed", () => {
      this.#followPermissions(connection);
      this.publisher.sync();
      changed();
    });
    connection.on("user", ({ kind, user }) => {
      this.#announceUser(connection, kind, user);
      changed();
    });
    connection.on("chat", (words) => this.#handleChat(connection, words));
    connection.on("usermessage", (words) => this.#handleUserMessage(connection, words));
    connection.on("stream", ({ stream }) => this.#handleStream(stream));
    connection.on("closed", ({ code, reason }) => this.#handleClosed(connection, code, reason));
  }

  /** @param {DownStream} stream */
  #handleStream(stream) {
    const changed = () => this.emit("changed", {});
    stream.on("negotiated", () => {
      const { media } = stream;
      if (media && media.getAudioTracks().length > 0) this.audio.play(stream.id, media);
      changed();
    });
    stream.on("status", changed);
    stream.on("ended", () => {
      this.audio.stop(stream.id);
      changed();
    });
    stream.on("error", ({ error }) => {
      const name = displayName(stream.source.username);
      this.notices.show("warning", `${name} cannot be seen or heard. ${error.message}`);
    });
    changed();
  }

  /**
   * @param {ServerConnection} connection
   * @param {ServerWords} words
   */
  #handleChat(connection, words) {
    this.chat.add(words, connection.id, this.#nameOf(words.dest));
    if (words.type === "chat" && words.source !== connection.id) {
      const how = words.dest === "" ? "" : " in private";
      this.#announce(`${displayName(words.username)} says${how}: ${String(words.value)}`);
    }
  }

  /**
   * @param {string} value
   * @param {string} kind
   * @param {ClientId} dest
   */
  #showOwnPrivate(value, kind, dest) {
    const { connection } = this;
    if (!connection) return;
    const own = { id: "", source: connection.id, username: connection.username, dest };
    const rest = { privileged: false, time: new Date(), error: "", noecho: false };
    this.chat.add({ type: "chat", kind, value, ...own, ...rest }, connection.id, this.#nameOf(dest));
  }

  /**
   * @param {ServerConnection} connection
   * @param {ServerWords} words
   */
  #handleUserMessage(connection, { kind, privileged, source, username, value }) {
    // Anybody can send these; only what an operator or the server says counts.
    if (!privileged) return;
    const text = typeof value === "string" ? value : "";
    switch (kind) {
      case "kicked":
        this.#kicked = { by: username, text };
        return;
      case "mute":
        if (source === connection.id) return;
        this.local.mute();
        this.notices.show("warning", `${displayName(username)} muted your microphone.`);
        return;
      case "clearchat":
        return this.chat.clear(value);
      case "error":
      case "warning":
      case "info": {
        const tone = kind === "error" ? "danger" : kind;
        const says = sentence(text);
        this.notices.show(tone, username === "" ? says : `${username}: ${says}`);
      }
    }
  }

  /**
   * @param {ServerConnection} connection
   * @param {number} code
   * @param {string} reason
   */
  #handleClosed(connection, code, reason) {
    if (this.connection !== connection) return;
    clearTimeout(this.#stableTimer);
    this.publisher.use(null);
    this.speakers.stop();
    // A server that restarts tells everybody to leave, and will be back (RFC 6455 §7.4.2, 1012).
    const restarts = code === SERVICE_RESTART && this.#kicked?.by === "";
    if (this.#kicked && !restarts) {
      const { by, text } = this.#kicked;
      const title = by === "" ? "The meeting is over" : `${by} removed you from the meeting`;
      return this.#giveUp({ title, text: sentence(text), field: null });
    }
    // The server ended it on purpose (RFC 6455 §7.4.1): the same would happen again.
    if (code === 1000 || code === 1002 || code === 1009) {
      const title = "The server ended the connection";
      return this.#giveUp({ title, text: sentence(reason), field: null });
    }
    this.phase = "lost";
    this.#announce("The connection was lost.");
    this.#retryLater();
  }

  #retryLater() {
    const wait = this.#backoff.next();
    this.retryAt = wait === null ? null : Date.now() + wait;
    if (wait !== null) this.#retryTimer = setTimeout(() => this.rejoin(), wait);
    this.emit("changed", {});
  }

  /**
   * Goes back to where one prepares.
   * @param {Problem | null} problem
   */
  #giveUp(problem) {
    const { connection } = this;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#stableTimer);
    this.connection = null;
    this.phase = "prepare";
    this.problem = problem;
    this.retryAt = null;
    this.pinned = "";
    this.#backoff.reset();
    this.#abort?.abort();
    connection?.close();
    this.publisher.use(null);
    this.publisher.removeScreens();
    this.speakers.stop();
    this.#toldMuted = null;
    this.#wakeLock?.release();
    this.#wakeLock = null;
    this.notices.clear();
    this.emit("changed", {});
    // Who is there may have changed.
    this.load();
  }

  /** @param {ServerConnection} connection */
  #followPermissions(connection) {
    if (connection.permissions.includes("present")) return;
    // What cannot be sent must not look as if it were.
    if (this.local.camera || this.local.microphone) {
      this.notices.show("info", "You are here to watch and listen: your camera and microphone are off.");
    }
    this.local.close();
    this.publisher.removeScreens();
  }

  #mayPresent() {
    if (this.phase === "prepare" || this.phase === "joining" || this.may("present")) return true;
    this.notices.show("info", "You may watch and listen here. An operator can allow you to present.");
    return false;
  }

  /** Tells the others whether we are muted: they could not see it otherwise. */
  #tellMuted() {
    const { connection, local } = this;
    if (connection?.state !== "joined" || this.#toldMuted === local.isMuted) return;
    this.#toldMuted = local.isMuted;
    connection.setUserData({ muted: local.isMuted ? true : null });
  }

  #followOwnLevel() {
    const track = this.local.microphone;
    if (this.#ownLevel?.track === track) return;
    this.#ownLevel?.meter.close();
    this.#ownLevel = track ? { track, meter: new LevelMeter(track) } : null;
  }

  /** How loud we are ourselves, from 0 to 100. */
  get ownLevel() {
    return this.local.isMuted ? 0 : (this.#ownLevel?.meter.percent ?? 0);
  }

  /**
   * @param {ServerConnection} connection
   * @param {"add" | "change" | "delete"} kind
   * @param {User} user
   */
  #announceUser(connection, kind, user) {
    if (this.connection !== connection || user.id === connection.id) return;
    if (performance.now() - this.#arrivedAt < ARRIVAL_MS || connection.state !== "joined") return;
    if (kind === "add") this.#announce(`${displayName(user.username)} joined.`);
    if (kind === "delete") this.#announce(`${displayName(user.username)} left.`);
  }

  /** @param {string} text */
  #announce(text) {
    this.emit("announced", { text });
  }

  /** @param {ClientId} id */
  #nameOf(id) {
    if (id === "") return "";
    return displayName(this.connection?.users.get(id)?.username ?? "");
  }

  /** Keeps the screen on; where that is not possible, it goes dark as usual. */
  async #keepAwake() {
    try {
      this.#wakeLock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      this.#wakeLock = null;
    }
  }
}

/**
 * What to ask for, by label. Somebody who wants only sound still gets the sound of screens.
 * @param {"everything" | "audio"} receive
 * @returns {StreamRequest}
 */
function requestFor(receive) {
  return receive === "audio" ? { "": ["audio"] } : { "": ["audio", "video"] };
}

/** @param {DownStream} stream */
function received(stream) {
  const { id, localId, label, source, media, pc } = stream;
  const isConnecting = !["connected", "completed"].includes(pc.iceConnectionState);
  return { id, localId, label, source, media, isConnecting };
}

function defaultEndpoint() {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** @param {string} target */
function redirect(target) {
  if (URL.canParse(target) && ["http:", "https:"].includes(new URL(target).protocol)) {
    location.assign(target);
  }
}
