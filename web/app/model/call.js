/**
 * A visit to a group: preparing, the meeting itself, and coming back after the connection was lost.
 * Views show its state and call its methods; it knows nothing of them. What belongs together has a
 * class of its own; here they are put together.
 *
 * @import { DownStream, Ending, GroupStatus, ServerConnection, Token, User } from "galene-client"
 * @import { Problem } from "./explain.js"
 * @import { Size } from "./requests.js"
 * @import { Receive, Settings } from "./settings.js"
 *
 * @typedef {"prepare" | "joining" | "call" | "lost"} Phase
 *
 * @typedef {object} CallEvents
 * @property {{}} changed
 * @property {{text: string}} announced Something for those who do not see it
 * @property {{what: "presentfile" | "sendfile", user: User | null}} wanted A command wants a file
 */
import { connect, decodeStatus, Emitter, FileTransfers, JoinError, Moderation, Session, Tokens } from "galene-client";
import { t } from "../i18n/index.js";
import { Announcer } from "./announcer.js";
import { Attention } from "./attention.js";
import { AudioOutput } from "./audio.js";
import { ChatLog } from "./chat.js";
import { Conversation } from "./conversation.js";
import { CaptureError, Devices, openScreen } from "./devices.js";
import { explain, sentence } from "./explain.js";
import { FileDesk, playFile } from "./files.js";
import { OwnLevel } from "./level.js";
import { LocalMedia } from "./local-media.js";
import { credentialsFor } from "./login.js";
import { Notices } from "./notices.js";
import { Publisher } from "./publisher.js";
import { QualityWatch } from "./quality.js";
import { larger, requestFor, TileRequests } from "./requests.js";
import { Speakers } from "./speakers.js";
import { Subgroups } from "./subgroups.js";
import { displayName } from "./text.js";
import { buildTiles, isSystem, receiverCount } from "./tiles.js";

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {Phase} */
  phase = "prepare";
  /** Why we are not in the meeting. @type {Problem | null} */
  problem = null;
  /** What is known before joining. @type {GroupStatus | null} */
  status = null;
  /** Key of the pinned tile, or empty. */
  pinned = "";
  /** Whether we came with a password of our own, which can be changed. */
  hasPassword = false;
  /** @type {Moderation | null} */
  moderation = null;
  /** @type {Tokens | null} */
  tokens = null;

  session = new Session({ connect: (signal) => this.#connect(signal) });
  attention = new Attention();
  chat = new ChatLog();
  conversation = new Conversation(this);
  devices = new Devices();
  files = new FileDesk();
  notices = new Notices();
  subgroups = new Subgroups();
  audio;
  group;
  local;
  publisher;
  quality;
  settings;
  speakers;
  token;

  #requests = new TileRequests();
  /** Of the tiles in the page, and in the window that floats over others. */
  #sizes = { page: new Map(), window: new Map() };
  #announcer = new Announcer((text) => this.announce(text));
  #ownLevel = new OwnLevel();
  /** As far as somebody was told; `null` before a meeting. @type {boolean | null} */
  #isOperator = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;

  /**
   * @param {string} group
   * @param {Settings} settings
   * @param {string} token Of an invitation, or empty
   */
  constructor(group, settings, token) {
    super();
    this.group = group;
    this.settings = settings;
    this.token = token;
    this.local = new LocalMedia(settings);
    this.publisher = new Publisher(this.session, this.local, settings);
    this.audio = new AudioOutput(settings.values.speaker);
    this.speakers = new Speakers(
      () => this.connection?.down.values() ?? [],
      () => this.#ownLevel.isSpeaking,
    );
    this.quality = new QualityWatch(() => {
      const { connection } = this;
      return connection ? [...connection.up.values(), ...connection.down.values()] : [];
    });
    const changed = () => this.emit("changed", {});
    const parts = [this.attention, this.audio, this.chat, this.devices, this.files, this.notices];
    for (const part of [...parts, this.publisher, this.quality, this.speakers]) {
      /** @type {Emitter<{changed: {}}>} */ (part).on("changed", changed);
    }
    this.#followSession();
    this.publisher.on("failed", ({ error }) => {
      this.notices.show("danger", t("notice.sendFailed", { reason: error.message }));
    });
    this.local.on("opened", () => this.devices.refresh());
    this.local.on("failed", ({ error }) => this.notices.show("danger", error.message));
    this.local.on("changed", () => {
      this.#tellMuted();
      this.#followOwnLevel();
      changed();
    });
    this.files.on("offered", ({ transfer }) => {
      const name = displayName(transfer.username);
      this.notices.show("info", t("notice.fileOffered", { name, file: transfer.name }));
    });
    this.#followNetwork();
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
        const portal = this.status.authPortal;
        if (portal && this.token === "" && this.problem === null) redirect(portal);
      }
    } catch {
      // Joining will show whether the server is there; the name of the group is known anyway.
    }
    this.emit("changed", {});
  }

  /** The connection that we are in the group by, or that was lost. */
  get connection() {
    return this.session.connection;
  }

  get permissions() {
    return this.connection?.permissions ?? [];
  }

  /** What to call the group. */
  get title() {
    return this.connection?.status.displayName || this.status?.displayName || this.group;
  }

  get isLocked() {
    return (this.connection?.status ?? this.status)?.locked ?? false;
  }

  /** Whether somebody records: the server then has a user for it. */
  get isRecorded() {
    return this.others.some((user) => isSystem(user) && user.username === "RECORDING");
  }

  /** @param {string} permission */
  may(permission) {
    return this.permissions.includes(permission);
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
    const { connection, local, settings } = this;
    if (!connection) return [];
    const shares = [...this.publisher.shares].map(([key, { media, label }]) => {
      return { key, media, isScreen: label === "screenshare" };
    });
    return buildTiles({
      selfId: connection.id,
      selfName: connection.username,
      isMuted: local.isMuted,
      camera: local.isCameraOn ? local.media : null,
      shares,
      users: connection.users.values(),
      streams: [...connection.down.values()].map(received),
      speaking: this.speakers.active,
      latest: this.speakers.latest,
      pinned: this.pinned,
      layout: settings.values.layout,
      hideSelf: settings.values.hideSelf,
      showSilent: settings.values.showSilent,
      reactions: this.attention.reactions,
      quality: (id) => this.quality.of(id),
    });
  }

  /** How loud we are ourselves, from 0 to 100. */
  get ownLevel() {
    return this.local.isMuted ? 0 : this.#ownLevel.percent;
  }

  /**
   * Joins the meeting.
   * @param {string} username
   * @param {string} password
   */
  async join(username, password) {
    if (this.phase !== "prepare") return;
    this.settings.set({ name: username });
    this.phase = "joining";
    this.problem = null;
    this.emit("changed", {});
    const { group, token } = this;
    this.hasPassword = token === "" && username !== "" && password !== "";
    this.session.setUserData({ muted: this.local.isMuted ? true : null, raisehand: null });
    this.session.request(requestFor(this.settings.values.receive));
    try {
      await this.session.join(() => {
        return credentialsFor(this.status, { group, username, password, token }, location);
      });
    } catch (error) {
      if (!followed(error)) this.#prepare(explain(error, token !== ""));
    }
  }

  /** Comes back after the connection was lost: now, and not only when the time has come. */
  rejoin() {
    return this.session.insist();
  }

  /** Leaves the meeting and goes back to where one prepares. */
  leave() {
    this.session.leave();
    this.chat.clear(null);
  }

  /** Silence needs no permission, and no connection. @param {boolean} muted */
  setMuted(muted) {
    if (muted || this.#mayPresent()) this.local.setMuted(muted);
  }

  /** @param {boolean} on */
  setCamera(on) {
    if (!on || this.#mayPresent()) this.local.setCamera(on);
  }

  async shareScreen() {
    if (!this.#mayPresent()) return;
    try {
      const media = await openScreen();
      if (media && this.#mayStillShow(media)) this.publisher.share(media, "screenshare");
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.notices.show("danger", error.message);
    }
  }

  /** Plays a film or music to the others. @param {File} file */
  async presentFile(file) {
    if (!this.#mayPresent()) return;
    try {
      const { media, stop, ended } = await playFile(file);
      if (!this.#mayStillShow(media)) return stop();
      // Our microphone would send the sound once more.
      if (!this.local.isMuted && media.getAudioTracks().length > 0) {
        this.local.mute();
        this.notices.show("warning", t("notice.mutedForFile"));
      }
      const share = this.publisher.share(media, "video", stop);
      ended.then(() => this.publisher.stop(share));
    } catch {
      this.notices.show("danger", t("notice.cannotPlay", { file: file.name }));
    }
  }

  /** Whether our hand is up. The others may still have to hear of it. */
  get hasHand() {
    return this.session.userData["raisehand"] === true;
  }

  /** @param {boolean} raised */
  raiseHand(raised) {
    this.session.setUserData({ raisehand: raised ? true : null });
    this.emit("changed", {});
  }

  /** @param {string} reaction */
  react(reaction) {
    if (this.attention.mayReact()) this.connection?.userMessage("reaction", reaction);
  }

  /** @param {Receive} receive */
  setReceive(receive) {
    this.settings.set({ receive });
    this.session.request(requestFor(receive));
    this.#updateRequests();
    this.emit("changed", {});
  }

  /** The settings for the picture that we send changed. */
  applyPicture() {
    this.publisher.applyQuality();
    return this.local.reopenCamera();
  }

  /** The settings for the sound that we send changed. */
  async applySound() {
    await this.local.reopenMicrophone();
    this.publisher.applySound();
  }

  /** The setting for relays changed. */
  applyRelay() {
    const { connection } = this;
    const { forceRelay } = this.settings.values;
    if (connection?.state !== "joined") return;
    connection.setRelayOnly(forceRelay);
    if (forceRelay && !connection.hasRelay) this.notices.show("warning", t("notice.noRelay"));
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

  /**
   * Asks for as much as tiles can show.
   * @param {Map<string, Size>} sizes By the id of the stream
   * @param {"page" | "window"} [place]
   */
  showTiles(sizes, place = "page") {
    this.#sizes[place] = sizes;
    this.#updateRequests();
  }

  muteAll() {
    this.moderation?.muteAll();
    this.notices.show("info", t("notice.allMuted"));
  }

  /**
   * Returns the address that an invitation leads by.
   * @param {Pick<Token, "token">} token
   */
  linkTo({ token }) {
    const link = new URL(this.status?.location ?? location.pathname, location.href);
    link.searchParams.set("token", token);
    return link.href;
  }

  /** @param {string} text */
  announce(text) {
    this.emit("announced", { text });
  }

  /** @param {AbortSignal} signal */
  #connect(signal) {
    return connect(this.status?.endpoint ?? defaultEndpoint(), { signal });
  }

  #followSession() {
    const { session } = this;
    session.on("changed", () => {
      if (session.phase === "joined" || session.phase === "lost") this.phase = CALL_PHASE[session.phase];
      this.emit("changed", {});
    });
    session.on("connected", ({ connection }) => this.#listen(connection));
    session.on("joined", ({ connection, again }) => {
      this.#announcer.handleArrival();
      this.phase = "call";
      this.#followPermissions(connection);
      this.applyRelay();
      this.publisher.sync();
      this.#followOwnLevel();
      this.speakers.start(connection.features.includes("speakers"));
      this.quality.start();
      this.#keepAwake();
      if (again) this.announce(t("say.again"));
      else if (this.isLocked) this.notices.show("info", t("notice.locked"));
    });
    session.on("lost", () => {
      this.speakers.stop();
      this.quality.stop();
      this.announce(t("say.lost"));
    });
    session.on("ended", (ending) => {
      if (!followed(ending.error)) this.#prepare(problemOf(ending, this.token !== ""));
    });
  }

  #followNetwork() {
    const refresh = () => this.session.refresh();
    addEventListener("online", refresh);
    const network = /** @type {{connection?: EventTarget}} */ (navigator).connection;
    network?.addEventListener("change", refresh);
    document.addEventListener("visibilitychange", () => {
      this.#updateRequests();
      if (document.hidden) return;
      if (this.phase === "call") this.#keepAwake();
      if (this.phase === "lost" && this.session.retryAt !== null) this.session.insist();
    });
  }

  /** @param {ServerConnection} connection */
  #listen(connection) {
    const changed = () => this.emit("changed", {});
    connection.setRelayOnly(this.settings.values.forceRelay);
    this.moderation = new Moderation(connection);
    this.tokens = new Tokens(connection);
    this.files.use(new FileTransfers(connection));
    this.conversation.listen(connection);
    connection.on("changed", () => {
      this.#followPermissions(connection);
      this.publisher.sync();
      changed();
    });
    connection.on("user", ({ kind, user }) => {
      if (connection === this.connection) this.#announcer.handleUser(connection, kind, user, this.attention.hands);
      this.attention.followHands(connection.users.values());
      this.publisher.setReceivers(receiverCount(connection.users.values()));
      changed();
    });
    connection.on("speakers", ({ speakers }) => {
      const camera = this.publisher.camera?.stream?.id;
      const heard = speakers.filter(({ id, source }) => source !== connection.id || id === camera);
      this.speakers.handleSpeakers(heard.map(({ id }) => (id === camera ? "" : id)));
    });
    connection.on("stream", ({ stream }) => this.#handleStream(stream));
  }

  /** @param {DownStream} stream */
  #handleStream(stream) {
    const changed = () => this.emit("changed", {});
    stream.on("negotiated", () => {
      const { media } = stream;
      if (media && media.getAudioTracks().length > 0) this.audio.play(stream.localId, media);
      changed();
    });
    stream.on("status", changed);
    stream.on("delivery", () => this.quality.reconsider(stream));
    stream.on("ended", ({ reason }) => {
      // Whatever replaces it is played under the same name.
      if (reason !== "replaced") this.audio.stop(stream.localId);
      changed();
    });
    stream.on("error", ({ error }) => {
      const name = displayName(stream.source.username);
      this.notices.show("warning", t("notice.cannotReceive", { name, reason: error.message }));
    });
    changed();
  }

  #updateRequests() {
    const { connection } = this;
    if (connection?.state !== "joined") return;
    const { page, window } = this.#sizes;
    // Nobody sees a page that is hidden, if there is a window instead.
    const sizes = document.hidden && window.size > 0 ? window : larger(page, window);
    // A tile on another page is of no use now. But a stream may have no tile because there is no
    // picture in it, and then it must be asked for, or there never will be one.
    const places = new Set(this.tiles.map(({ streamId }) => streamId));
    const streams = [...connection.down.values()];
    const elsewhere = streams.filter(({ id }) => places.has(id) && !sizes.has(id)).map(({ id }) => id);
    this.#requests.update(streams, sizes, new Set(elsewhere), this.settings.values.receive);
  }

  /**
   * Goes back to where one prepares.
   * @param {Problem | null} problem
   */
  #prepare(problem) {
    this.phase = "prepare";
    this.problem = problem;
    this.pinned = "";
    this.#isOperator = null;
    this.#followOwnLevel();
    this.moderation = null;
    this.tokens = null;
    this.publisher.stopAll();
    this.speakers.stop();
    this.quality.stop();
    this.#wakeLock?.release();
    this.#wakeLock = null;
    this.notices.clear();
    this.emit("changed", {});
    // Who is there may have changed.
    this.load();
  }

  /** @param {ServerConnection} connection */
  #followPermissions(connection) {
    const isOperator = connection.permissions.includes("op");
    if (this.#isOperator !== null && this.#isOperator !== isOperator) {
      this.notices.show("info", t(isOperator ? "notice.operator" : "notice.noOperator"));
    }
    this.#isOperator = isOperator;
    if (connection.permissions.includes("present")) return;
    // What cannot be sent must not look as if it were.
    if (this.local.camera || this.local.microphone) this.notices.show("info", t("notice.listener"));
    this.local.close();
    this.publisher.stopAll();
  }

  /** What we may do in the meeting is known only there; who may not present is told so on coming in. */
  #mayPresent() {
    if (this.phase !== "call" || this.may("present")) return true;
    this.notices.show("info", t("notice.mayNotPresent"));
    return false;
  }

  /**
   * Whether what was opened for the others may be shown to them: the meeting may have ended meanwhile, or
   * we may no longer present. If so, it is closed, for there is no button that would.
   * @param {MediaStream} media
   */
  #mayStillShow(media) {
    const isThere = this.phase === "call" || this.phase === "lost";
    if (isThere && this.#mayPresent()) return true;
    for (const track of media.getTracks()) track.stop();
    return false;
  }

  /** Tells the others whether we are muted: they could not see it otherwise. */
  #tellMuted() {
    const isTold = this.session.userData["muted"] === true;
    if (this.phase === "prepare" || isTold === this.local.isMuted) return;
    this.session.setUserData({ muted: this.local.isMuted ? true : null });
  }

  #followOwnLevel() {
    // A server that says who speaks tells of us, too; listening to ourselves costs as much as a picture.
    const isTold = this.connection?.features.includes("speakers") ?? false;
    const isThere = this.phase === "call" || this.phase === "lost";
    this.#ownLevel.follow(isThere && isTold ? null : this.local.microphone);
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

/** @type {Record<"joined" | "lost", Phase>} */
const CALL_PHASE = { joined: "call", lost: "lost" };

/**
 * @param {Ending} ending
 * @param {boolean} hasToken
 * @returns {Problem | null}
 */
function problemOf({ kind, by, text, error }, hasToken) {
  switch (kind) {
    case "left":
      return null;
    case "kicked": {
      const title = by === "" ? t("problem.over") : t("problem.removed", { name: by });
      return { title, text: sentence(text), field: null };
    }
    case "refused":
      return explain(error, hasToken);
    case "closed":
      return { title: t("problem.ended"), text: sentence(text), field: null };
    default:
      /** @satisfies {never} */ (kind);
      return null;
  }
}

/** @param {DownStream} stream */
function received(stream) {
  const { id, localId, label, source, media, delivery, pc } = stream;
  const isConnecting = !["connected", "completed"].includes(pc.iceConnectionState);
  return { id, localId, label, source, media, delivery, isConnecting };
}

function defaultEndpoint() {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** Goes where the group is now, if that is why we were not let in. @param {unknown} error */
function followed(error) {
  return error instanceof JoinError && error.kind === "redirect" && redirect(error.message);
}

/** Goes to a page, and says whether it can. @param {string} target */
function redirect(target) {
  const isPage = URL.canParse(target) && ["http:", "https:"].includes(new URL(target).protocol);
  if (isPage) location.assign(target);
  return isPage;
}
