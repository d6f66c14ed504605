/**
 * Invitations: tokens that let their bearers into the group.
 *
 * @import { ServerConnection } from "./connection.js"
 * @import { Dictionary, ServerWords } from "./protocol.js"
 *
 * @typedef {object} Token
 * @property {string} token The secret itself
 * @property {string} group
 * @property {string} [username] The name of whoever comes with it; they choose if it is left out
 * @property {string[]} permissions
 * @property {Date | null} expires
 * @property {Date | null} notBefore
 * @property {string} issuedBy
 * @property {Date | null} issuedAt
 *
 * @typedef {object} Template
 * @property {string} [username]
 * @property {string[]} permissions Each of which we must have ourselves
 * @property {Date} expires
 * @property {Date} [notBefore]
 *
 * @typedef {{resolve: (value: unknown) => void, reject: (error: Error) => void}} Waiting
 */
import { RequestError } from "./errors.js";
import { isDictionary, ProtocolError } from "./fields.js";

/** Requests that may wait for their answers; nobody has so many dialogs open. */
const MAX_WAITING = 16;

export class Tokens {
  #connection;
  /** The server answers in turn. @type {Record<"token" | "tokenlist", Waiting[]>} */
  #waiting = { token: [], tokenlist: [] };

  /** @param {ServerConnection} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.on("usermessage", (words) => this.#handleAnswer(words));
    connection.on("closed", () => {
      for (const { reject } of [...this.#waiting.token, ...this.#waiting.tokenlist]) {
        reject(new RequestError("closed", "the connection was lost"));
      }
      this.#waiting = { token: [], tokenlist: [] };
    });
  }

  /**
   * Makes a token for this group.
   * @param {Template} template
   * @returns {Promise<Token>}
   * @throws {RequestError}
   */
  async make({ username, permissions, expires, notBefore }) {
    const value = {
      group: this.#connection.group,
      permissions,
      expires: expires.toISOString(),
      ...(username ? { username } : {}),
      ...(notBefore ? { "not-before": notBefore.toISOString() } : {}),
    };
    return decodeToken(await this.#ask("token", "maketoken", value));
  }

  /**
   * Changes from when and until when a token is valid.
   * @param {string} token
   * @param {{expires?: Date, notBefore?: Date}} changes
   * @returns {Promise<Token>}
   * @throws {RequestError}
   */
  async edit(token, { expires, notBefore }) {
    const value = {
      token,
      ...(expires ? { expires: expires.toISOString() } : {}),
      ...(notBefore ? { "not-before": notBefore.toISOString() } : {}),
    };
    return decodeToken(await this.#ask("token", "edittoken", value));
  }

  /**
   * Makes a token invalid.
   * @param {string} token
   */
  async revoke(token) {
    // Milliseconds from now; the server's clock decides.
    return decodeToken(await this.#ask("token", "edittoken", { token, expires: -1000 }));
  }

  /**
   * Returns the tokens of this group, the first to expire first.
   * @returns {Promise<Token[]>}
   * @throws {RequestError}
   */
  async list() {
    const list = await this.#ask("tokenlist", "listtokens");
    if (!Array.isArray(list)) throw new ProtocolError("a list of tokens that is not a list");
    return list.map(decodeToken);
  }

  /**
   * @param {"token" | "tokenlist"} kind Of the answer
   * @param {string} action
   * @param {unknown} [value]
   * @returns {Promise<unknown>}
   */
  #ask(kind, action, value) {
    return new Promise((resolve, reject) => {
      if (this.#waiting[kind].length >= MAX_WAITING) {
        return reject(new RequestError("error", "too many requests at once"));
      }
      this.#waiting[kind].push({ resolve, reject });
      this.#connection.groupAction(action, value);
    });
  }

  /** @param {ServerWords} words */
  #handleAnswer({ kind, privileged, source, error, value }) {
    // Only the server answers; users can send messages of any kind.
    if (!privileged || source !== "" || (kind !== "token" && kind !== "tokenlist")) return;
    const waiting = this.#waiting[kind].shift();
    if (!waiting) return;
    if (error === "") return waiting.resolve(value);
    waiting.reject(new RequestError(error, typeof value === "string" ? value : ""));
  }
}

/**
 * Reads a token as servers write them.
 * @param {unknown} value
 * @returns {Token}
 * @throws {ProtocolError}
 */
export function decodeToken(value) {
  if (!isDictionary(value)) throw new ProtocolError("a token that is not an object");
  const username = value["username"];
  const permissions = value["permissions"] ?? [];
  return {
    token: text(value, "token"),
    group: text(value, "group"),
    ...(typeof username === "string" ? { username } : {}),
    permissions: Array.isArray(permissions) ? permissions.map(String) : [],
    expires: time(value, "expires"),
    notBefore: time(value, "not-before"),
    issuedBy: text(value, "issuedBy"),
    issuedAt: time(value, "issuedAt"),
  };
}

/**
 * Whether a token lets anybody in at a moment.
 * @param {Pick<Token, "expires" | "notBefore">} token
 * @param {Date} now
 * @returns {"valid" | "early" | "expired"}
 */
export function validity({ expires, notBefore }, now) {
  // Servers treat a token that never expires as expired.
  if (!expires || expires <= now) return "expired";
  return notBefore && notBefore > now ? "early" : "valid";
}

/**
 * Returns the token in a link or in what somebody copied of it.
 * @param {string} text
 */
export function tokenOf(text) {
  const match = /[?&]token=([^&#\s]+)/.exec(text);
  return match?.[1] === undefined ? text.trim() : decodeURIComponent(match[1]);
}

/**
 * @param {Dictionary} object
 * @param {string} name
 */
function text(object, name) {
  const value = object[name] ?? "";
  if (typeof value !== "string") throw new ProtocolError(`${name} of a token should be text`);
  return value;
}

/**
 * @param {Dictionary} object
 * @param {string} name
 */
function time(object, name) {
  const value = text(object, name);
  if (value === "") return null;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new ProtocolError(`${name} of a token should be a time`);
  return date;
}
