/**
 * A visit to a group that outlasts its connections: when one is lost, another one takes its place,
 * and what was requested and published is so again.
 *
 * @import { ServerConnection, Credentials } from "./connection.js"
 * @import { Dictionary, StreamRequest } from "./protocol.js"
 * @import { PublishOptions } from "./stream-table.js"
 *
 * @typedef {"idle" | "joining" | "joined" | "lost"} Phase
 *   Not there; on the way for the first time; there; on the way back
 *
 * @typedef {object} Ending Why the visit is over
 * @property {"left" | "kicked" | "refused" | "closed"} kind We wanted it; somebody (`by`) removed us;
 *   we were not let in again, and would not be later (`error` says why); the server ended the
 *   connection on purpose
 * @property {string} by
 * @property {string} text
 * @property {JoinError | null} error
 *
 * @typedef {object} SessionEvents
 * @property {{}} changed The phase, or the time of the next attempt
 * @property {{connection: ServerConnection}} connected There is a new connection, not joined yet:
 *   the time to listen to it
 * @property {{connection: ServerConnection, again: boolean}} joined
 * @property {{}} lost The connection was lost; attempts to come back follow
 * @property {Ending} ended
 *
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds
 * @property {(run: () => void, ms: number) => unknown} start
 * @property {(timer: unknown) => void} stop
 *
 * @typedef {object} SessionOutside
 * @property {(signal: AbortSignal) => Promise<ServerConnection>} connect
 * @property {Clock} [clock]
 * @property {Backoff} [backoff]
 */
import { Backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { JoinError } from "./errors.js";
import { Publication } from "./publication.js";

/** A connection that held this long was a good one: the next loss begins with short waits again. */
const STABLE_MS = 10_000;

/** A server that does not answer within this time, when asked whether it is there, is not. */
const PROBE_MS = 4000;

/** The close code of a server that will be back (RFC 6455 §7.4.2 and the IANA registry). */
const SERVICE_RESTART = 1012;

/** Codes by which a server ends a connection on purpose: the same would happen again (RFC 6455 §7.4.1). */
const ON_PURPOSE = [1000, 1002, 1009];

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /** @type {Phase} */
  phase = "idle";
  /** The connection that we are in the group by, or that was lost. @type {ServerConnection | null} */
  connection = null;
  /** When the next attempt is made; `null` if none is planned. @type {number | null} */
  retryAt = null;
  isConnecting = false;
  /** Why we were not let in again at the last attempt, where that may pass. @type {JoinError | null} */
  refusal = null;
  /** What is published, or will be as soon as that is possible. @type {Set<Publication>} */
  publications = new Set();

  #connect;
  #clock;
  #backoff;
  /** @type {(() => Promise<Credentials>) | null} */
  #credentials = null;
  /** @type {StreamRequest | null} */
  #request = null;
  /** @type {Dictionary} */
  #data = {};
  /** @type {AbortController | null} */
  #abort = null;
  /** @type {unknown} */
  #retryTimer = null;
  /** @type {unknown} */
  #stableTimer = null;
  /** @type {{by: string, text: string} | null} */
  #kicked = null;

  /** @param {SessionOutside} outside */
  constructor({ connect, clock = browserClock, backoff = new Backoff() }) {
    super();
    this.#connect = connect;
    this.#clock = clock;
    this.#backoff = backoff;
  }

  /**
   * Joins. Rejects if that does not work, and is then `idle` again.
   * @param {Credentials | (() => Promise<Credentials>)} credentials A function is called for each
   *   attempt, for tokens that do not live long
   * @returns {Promise<void>}
   */
  async join(credentials) {
    if (this.phase !== "idle") throw new Error(`cannot join while ${this.phase}`);
    this.#credentials =
      typeof credentials === "function" ? credentials : () => Promise.resolve(credentials);
    this.phase = "joining";
    this.emit("changed", {});
    try {
      await this.#attempt(false);
    } catch (error) {
      if (this.phase === "joining") this.#reset();
      throw error;
    }
  }

  /** Comes back after the connection was lost: now, and not only when the time has come. */
  async rejoin() {
    if (this.phase !== "lost" || this.isConnecting) return;
    this.#clock.stop(this.#retryTimer);
    this.retryAt = null;
    try {
      await this.#attempt(true);
    } catch (error) {
      if (this.phase !== "lost") return;
      if (error instanceof JoinError && !error.mayPass) {
        return this.#end({ kind: "refused", by: "", text: error.message, error });
      }
      this.refusal = error instanceof JoinError && error.kind === "fail" ? error : null;
      this.#retryLater();
    }
  }

  /** Somebody asks for it: comes back now, with short waits again should that not work. */
  async insist() {
    this.#backoff.reset();
    await this.rejoin();
  }

  /**
   * The network may have changed: finds out whether the connection still holds and looks for other
   * ways for the media; or comes back, if it is lost.
   */
  refresh() {
    if (this.phase === "lost") {
      this.insist();
      return;
    }
    const { connection } = this;
    if (this.phase !== "joined" || !connection) return;
    connection.probe();
    this.#clock.start(() => connection.handleProbe(), PROBE_MS);
    connection.restartIce();
  }

  /** Leaves. What was published ends. */
  leave() {
    if (this.phase !== "idle") this.#end({ kind: "left", by: "", text: "", error: null });
  }

  /**
   * Publishes the tracks of `media`, now and after each return, until the publication is closed.
   * @param {MediaStream} media
   * @param {Omit<PublishOptions, "replace">} options
   * @returns {Publication}
   */
  publish(media, options) {
    const publication = new Publication(media, options);
    this.publications.add(publication);
    publication.on("ended", () => this.publications.delete(publication));
    if (this.connection && this.phase === "joined") publication.use(this.connection);
    return publication;
  }

  /**
   * Sets which media we want, by the label of the streams.
   * @param {StreamRequest} request
   */
  request(request) {
    this.#request = request;
    if (this.phase === "joined") this.connection?.request(request);
  }

  /** What others are told about us, or will be as soon as that is possible. @returns {Readonly<Dictionary>} */
  get userData() {
    return this.#data;
  }

  /**
   * Changes what others are told about us; `null` takes an entry away.
   * @param {Dictionary} data
   */
  setUserData(data) {
    const entries = Object.entries({ ...this.#data, ...data });
    this.#data = Object.fromEntries(entries.filter(([, value]) => value !== null));
    if (this.phase === "joined") this.connection?.setUserData(data);
  }

  /** @param {boolean} again */
  async #attempt(again) {
    this.isConnecting = true;
    this.emit("changed", {});
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const credentials = await this.#credentials?.();
      if (!credentials || abort.signal.aborted) throw new JoinError("closed", "", "");
      const connection = await this.#connect(abort.signal);
      this.#kicked = null;
      this.#listen(connection);
      this.emit("connected", { connection });
      const told = this.#data;
      try {
        await connection.join({ ...credentials, data: told });
      } catch (error) {
        connection.close();
        throw error;
      }
      if (abort.signal.aborted) {
        // Somebody left in the very moment in which we came in.
        connection.close();
        throw new JoinError("closed", "", "");
      }
      this.#arrive(connection, again, told);
    } finally {
      if (this.#abort === abort) this.isConnecting = false;
      this.emit("changed", {});
    }
  }

  /** @param {ServerConnection} connection */
  #listen(connection) {
    connection.on("usermessage", ({ kind, privileged, username, value }) => {
      if (kind !== "kicked" || !privileged) return;
      this.#kicked = { by: username, text: typeof value === "string" ? value : "" };
    });
    connection.on("changed", () => this.#publish(connection));
    connection.on("closed", ({ code, reason }) => this.#handleClosed(connection, code, reason));
  }

  /**
   * @param {ServerConnection} connection
   * @param {boolean} again
   * @param {Dictionary} told What the others know of us
   */
  #arrive(connection, again, told) {
    this.connection = connection;
    this.phase = "joined";
    this.isConnecting = false;
    this.refusal = null;
    this.#stableTimer = this.#clock.start(() => this.#backoff.reset(), STABLE_MS);
    if (this.#request) connection.request(this.#request);
    // It may have changed while the answer was on its way.
    const changes = changesBetween(told, this.#data);
    if (Object.keys(changes).length > 0) connection.setUserData(changes);
    this.#publish(connection);
    this.emit("joined", { connection, again });
  }

  /** @param {ServerConnection} connection */
  #publish(connection) {
    if (this.connection !== connection) return;
    for (const publication of this.publications) publication.use(connection);
  }

  /**
   * @param {ServerConnection} connection
   * @param {number} code
   * @param {string} reason
   */
  #handleClosed(connection, code, reason) {
    if (this.connection !== connection || this.phase !== "joined") return;
    this.#clock.stop(this.#stableTimer);
    // A server that restarts tells everybody to leave, and will be back.
    const restarts = code === SERVICE_RESTART && this.#kicked?.by === "";
    if (this.#kicked && !restarts) {
      return this.#end({ kind: "kicked", ...this.#kicked, error: null });
    }
    if (ON_PURPOSE.includes(code)) {
      return this.#end({ kind: "closed", by: "", text: reason, error: null });
    }
    this.phase = "lost";
    this.emit("lost", {});
    this.#retryLater();
  }

  #retryLater() {
    const wait = this.#backoff.next();
    this.retryAt = wait === null ? null : this.#clock.now() + wait;
    if (wait !== null) this.#retryTimer = this.#clock.start(() => this.rejoin(), wait);
    this.emit("changed", {});
  }

  /** @param {Ending} ending */
  #end(ending) {
    for (const publication of [...this.publications]) publication.close();
    const { connection } = this;
    const abort = this.#abort;
    this.#reset();
    abort?.abort();
    connection?.close();
    this.emit("ended", ending);
  }

  #reset() {
    this.#clock.stop(this.#retryTimer);
    this.#clock.stop(this.#stableTimer);
    this.#backoff.reset();
    this.#abort = null;
    this.#credentials = null;
    this.connection = null;
    this.phase = "idle";
    this.retryAt = null;
    this.isConnecting = false;
    this.refusal = null;
    this.emit("changed", {});
  }
}

/**
 * Returns what to tell those who know `before`; `null` takes an entry away.
 * @param {Dictionary} before
 * @param {Dictionary} after
 * @returns {Dictionary}
 */
function changesBetween(before, after) {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const changed = Object.entries(after).filter(([name, value]) => before[name] !== value);
  return Object.fromEntries([...gone.map((name) => [name, null]), ...changed]);
}

/** @type {Clock} */
const browserClock = {
  now: () => Date.now(),
  start: (run, ms) => setTimeout(run, ms),
  stop: (timer) => clearTimeout(/** @type {ReturnType<typeof setTimeout>} */ (timer)),
};
