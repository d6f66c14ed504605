/**
 * The server's administrative API: groups, users, tokens, statistics. What was read comes with an
 * ETag; writing with it fails instead of undoing what somebody else wrote meanwhile.
 *
 * @import { Dictionary } from "./protocol.js"
 *
 * @typedef {{username: string, password: string} | {token: string}} AdminCredentials
 *
 * @typedef {object} Recording
 * @property {string} name Of the file
 * @property {number} size In bytes
 * @property {Date | null} modified When it was last written to, if that is known
 * @property {string} etag
 */
import { Fields, isDictionary, ProtocolError } from "./fields.js";

/**
 * Something and the version of it that was read.
 * @template Value
 * @typedef {{value: Value, etag: string}} Versioned
 */

/** Why a request failed. */
export class AdminError extends Error {
  /** @override */
  name = "AdminError";

  /**
   * @param {number} status Of HTTP: 400 wrong, or not even asked because a name would lead elsewhere,
   *   401 wrong credentials, 403 not allowed, 404 does not exist, 412 somebody else changed it meanwhile
   *   (or it exists already); 0 if the server was not reached
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The user that everybody is whom no other user's name fits, and the one without a name. */
export const WILDCARD_USER = Symbol("wildcard user");
export const EMPTY_USER = Symbol("empty user");

/** @typedef {string | typeof WILDCARD_USER | typeof EMPTY_USER} UserKey */

export class Admin {
  #base;
  #authorization;
  #fetch;

  /**
   * @param {string | URL} server Where it is; any page of it will do
   * @param {AdminCredentials} credentials
   * @param {typeof fetch} [fetcher]
   */
  constructor(server, credentials, fetcher = globalThis.fetch.bind(globalThis)) {
    this.#base = new URL("/galene-api/v0/", server);
    this.#authorization =
      "token" in credentials
        ? `Bearer ${credentials.token}`
        : `Basic ${base64(`${credentials.username}:${credentials.password}`)}`;
    this.#fetch = fetcher;
  }

  /** Returns the names of all groups. */
  async groups() {
    return texts((await this.#get(".groups/")).value);
  }

  /**
   * Returns the description of a group, without its users and keys.
   * @param {string} name
   * @returns {Promise<Versioned<Dictionary>>}
   */
  async group(name) {
    return dictionary(await this.#get(groupPath(name)));
  }

  /**
   * @param {string} name
   * @param {Dictionary} description
   */
  async createGroup(name, description) {
    return this.#put(groupPath(name), description, "");
  }

  /**
   * @param {string} name
   * @param {Dictionary} description
   * @param {string} etag As it was read
   */
  async updateGroup(name, description, etag) {
    return this.#put(groupPath(name), description, etag);
  }

  /**
   * @param {string} name
   * @param {string} etag
   */
  async deleteGroup(name, etag) {
    return this.#delete(groupPath(name), etag);
  }

  /**
   * Returns the names of the users of a group.
   * @param {string} group
   * @returns {Promise<Versioned<string[]>>}
   */
  async users(group) {
    const { value, etag } = await this.#get(`${groupPath(group)}/.users/`);
    return { value: texts(value), etag };
  }

  /**
   * @param {string} group
   * @param {UserKey} user
   * @returns {Promise<Versioned<Dictionary>>}
   */
  async user(group, user) {
    return dictionary(await this.#get(userPath(group, user)));
  }

  /**
   * @param {string} group
   * @param {UserKey} user
   * @param {string | string[]} permissions A role, or a list of permissions
   */
  async createUser(group, user, permissions) {
    return this.#put(userPath(group, user), { permissions }, "");
  }

  /**
   * @param {string} group
   * @param {UserKey} user
   * @param {string | string[]} permissions
   * @param {string} etag
   */
  async updateUser(group, user, permissions, etag) {
    return this.#put(userPath(group, user), { permissions }, etag);
  }

  /**
   * @param {string} group
   * @param {UserKey} user
   * @param {string} etag
   */
  async deleteUser(group, user, etag) {
    return this.#delete(userPath(group, user), etag);
  }

  /**
   * Sets a password; the server keeps a hash of it only.
   * @param {string} group
   * @param {UserKey} user
   * @param {string} password
   */
  async setPassword(group, user, password) {
    const headers = { "Content-Type": "text/plain" };
    const path = `${userPath(group, user)}/.password`;
    return this.#ask(path, { method: "POST", headers, body: password });
  }

  /**
   * Lets anybody be this user, whatever password they give.
   * @param {string} group
   * @param {UserKey} user
   */
  async allowAnyPassword(group, user) {
    return this.#put(`${userPath(group, user)}/.password`, { type: "wildcard" });
  }

  /**
   * Takes the password away: nobody can be this user until another is set.
   * @param {string} group
   * @param {UserKey} user
   */
  async deletePassword(group, user) {
    return this.#delete(`${userPath(group, user)}/.password`);
  }

  /**
   * Returns the tokens of a group; with an empty name, those of the whole server.
   * @param {string} group
   */
  async tokens(group) {
    return texts((await this.#get(tokensPath(group))).value);
  }

  /**
   * @param {string} group
   * @param {string} token
   * @returns {Promise<Versioned<Dictionary>>}
   */
  async token(group, token) {
    return dictionary(await this.#get(tokenPath(group, token)));
  }

  /**
   * Makes a token, and returns it.
   * @param {string} group
   * @param {Dictionary} template
   */
  async createToken(group, template) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(template);
    const response = await this.#ask(tokensPath(group), { method: "POST", headers, body });
    const location = response.headers.get("Location") ?? "";
    return decodeURIComponent(location.slice(location.lastIndexOf("/") + 1));
  }

  /**
   * Replaces a token: what is not in `template` is gone.
   * @param {string} group
   * @param {string} token
   * @param {Dictionary} template
   * @param {string} etag As it was read
   */
  async updateToken(group, token, template, etag) {
    return this.#put(tokenPath(group, token), template, etag);
  }

  /**
   * @param {string} group
   * @param {string} token
   * @param {string} etag
   */
  async deleteToken(group, token, etag) {
    return this.#delete(tokenPath(group, token), etag);
  }

  /**
   * Returns who is in a group now. Galène's server does not tell: then this fails with 404.
   * @param {string} group
   */
  async clients(group) {
    const { value } = await this.#get(`${groupPath(group)}/.clients/`);
    if (!Array.isArray(value)) throw new ProtocolError("members that are not a list");
    return value.filter(isDictionary);
  }

  /**
   * Lets a member go.
   * @param {string} group
   * @param {string} client Id of the member
   * @param {string} [message] What the member is told
   */
  async kick(group, client, message = "") {
    const query = message === "" ? "" : `?message=${encodeURIComponent(message)}`;
    return this.#delete(`${groupPath(group)}/.clients/${part(client)}${query}`);
  }

  /**
   * Returns the recordings of a group. Where the server keeps none this fails with 404, and so it does
   * with Galène's, which does not tell.
   * @param {string} group
   * @returns {Promise<Recording[]>}
   */
  async recordings(group) {
    const { value } = await this.#get(`${groupPath(group)}/.recordings/`);
    if (!Array.isArray(value)) throw new ProtocolError("recordings that are not a list");
    return value.filter(isDictionary).map(recording);
  }

  /**
   * @param {string} group
   * @param {string} name Of the file
   * @param {string} etag As it was listed
   */
  async deleteRecording(group, name, etag) {
    return this.#delete(recordingPath(group, name), etag);
  }

  /** Returns who is where, and how well they are served. */
  async stats() {
    const { value } = await this.#get(".stats");
    if (!Array.isArray(value)) throw new ProtocolError("statistics that are not a list");
    return value.filter(isDictionary);
  }

  /** @param {string} path */
  async #get(path) {
    const response = await this.#ask(path, { method: "GET" });
    /** @type {unknown} */
    const value = await response.json();
    return { value, etag: response.headers.get("ETag") ?? "" };
  }

  /**
   * @param {string} path
   * @param {unknown} value
   * @param {string} [etag] Empty: it must not exist yet; left out: whatever is there
   */
  async #put(path, value, etag) {
    const headers = { "Content-Type": "application/json", ...precondition(etag) };
    await this.#ask(path, { method: "PUT", headers, body: JSON.stringify(value) });
  }

  /**
   * @param {string} path
   * @param {string} [etag]
   */
  async #delete(path, etag) {
    const headers = etag ? precondition(etag) : {};
    await this.#ask(path, { method: "DELETE", headers });
  }

  /**
   * @param {string} path
   * @param {RequestInit} init
   */
  async #ask(path, { headers = {}, ...init }) {
    const request = {
      ...init,
      headers: { ...headers, Authorization: this.#authorization },
      // The browser must neither ask for a password itself nor send one that it remembers.
      credentials: /** @type {const} */ ("omit"),
      cache: /** @type {const} */ ("no-store"),
    };
    const response = await this.#fetch(new URL(path, this.#base), request).catch((cause) => {
      throw new AdminError(0, String(cause));
    });
    if (!response.ok) throw new AdminError(response.status, await problemOf(response));
    return response;
  }
}

/**
 * Sets one's own password, with the old one.
 * @param {string | URL} server
 * @param {{group: string, username: string, oldPassword: string, newPassword: string}} change
 * @param {typeof fetch} [fetcher]
 */
export async function changePassword(server, change, fetcher) {
  const { group, username, oldPassword, newPassword } = change;
  const admin = new Admin(server, { username, password: oldPassword }, fetcher);
  await admin.setPassword(group, username, newPassword);
}

/** @param {Response} response */
async function problemOf(response) {
  const isText = response.headers.get("Content-Type")?.startsWith("text/plain");
  return isText ? (await response.text()).trim() : response.statusText;
}

/** @param {string} [etag] */
function precondition(etag) {
  if (etag === undefined) return {};
  return etag === "" ? { "If-None-Match": "*" } : { "If-Match": etag };
}

/**
 * Returns a name as one part of a path. Whoever joins chooses their own id, and may have chosen one that
 * leads elsewhere: `.` and `..` mean the same in a path however they are encoded (RFC 3986 §5.2.4, and
 * the URL standard), and nothing at all is the list of all.
 * @param {string} name
 */
function part(name) {
  if (name === "" || name === "." || name === "..") {
    throw new AdminError(400, `“${name}” cannot be part of an address`);
  }
  return encodeURIComponent(name);
}

/**
 * What begins with a dot stands for something else below a group: `.users`, `.tokens`…
 * @param {string} name
 */
function groupPath(name) {
  const parts = name.split("/").map((text) => {
    if (text.startsWith(".")) throw new AdminError(400, `“${name}” cannot be the name of a group`);
    return part(text);
  });
  return `.groups/${parts.join("/")}`;
}

/**
 * @param {string} group
 * @param {UserKey} user
 */
function userPath(group, user) {
  if (user === WILDCARD_USER) return `${groupPath(group)}/.wildcard-user`;
  if (user === EMPTY_USER || user === "") return `${groupPath(group)}/.empty-user`;
  return `${groupPath(group)}/.users/${part(/** @type {string} */ (user))}`;
}

/** @param {string} group Empty for the whole server */
function tokensPath(group) {
  return `${group === "" ? ".groups" : groupPath(group)}/.tokens/`;
}

/**
 * @param {string} group
 * @param {string} token
 */
function tokenPath(group, token) {
  return tokensPath(group) + part(token);
}

/**
 * @param {string} group
 * @param {string} name
 */
function recordingPath(group, name) {
  return `${groupPath(group)}/.recordings/${part(name)}`;
}

/**
 * @param {Dictionary} value
 * @returns {Recording}
 */
function recording(value) {
  const fields = new Fields({ ...value, type: "recording" });
  const size = fields.value("size");
  if (typeof size !== "number") throw new ProtocolError("size of recording should be a number");
  return { name: fields.id("name"), size, modified: fields.time("modified"), etag: fields.text("etag") };
}

/** @param {unknown} value */
function texts(value) {
  if (!Array.isArray(value)) throw new ProtocolError("an answer that is not a list");
  return value.map(String);
}

/**
 * @param {Versioned<unknown>} answer
 * @returns {Versioned<Dictionary>}
 */
function dictionary({ value, etag }) {
  if (!isDictionary(value)) throw new ProtocolError("an answer that is not an object");
  return { value, etag };
}

/** Of UTF-8, which `btoa` alone does not do. @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
