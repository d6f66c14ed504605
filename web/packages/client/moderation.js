/**
 * What operators do to users and to the group, by name. The server refuses it to others.
 *
 * @import { ServerConnection } from "./connection.js"
 * @import { ClientId, Dictionary } from "./protocol.js"
 *
 * @typedef {"op" | "unop" | "present" | "unpresent" | "shutup" | "unshutup"} PermissionChange
 *
 * @typedef {object} UserInfo What the server knows about a user
 * @property {ClientId} id
 * @property {string} [username]
 * @property {string} [address]
 */

export class Moderation {
  #connection;

  /** @param {ServerConnection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /**
   * Gives a user a permission, or takes it away.
   * @param {ClientId} user
   * @param {PermissionChange} change
   */
  change(user, change) {
    this.#connection.userAction(change, user);
  }

  /**
   * Asks a user's program to mute its microphone.
   * @param {ClientId} user
   */
  mute(user) {
    this.#connection.userMessage("mute", null, { dest: user });
  }

  /** Asks the programs of everybody else to mute their microphones. */
  muteAll() {
    this.#connection.userMessage("mute", null, { noecho: true });
  }

  /**
   * Removes a user from the group.
   * @param {ClientId} user
   * @param {string} [message] What the user is told
   */
  kick(user, message = "") {
    this.#connection.userAction("kick", user, message === "" ? undefined : message);
  }

  /**
   * Asks for a user's address. The answer comes as a `usermessage` of kind `userinfo`, and the user is
   * told that we asked.
   * @param {ClientId} user
   */
  identify(user) {
    this.#connection.userAction("identify", user);
  }

  /**
   * Warns a user, or with an empty id everybody.
   * @param {ClientId} user
   * @param {string} message
   */
  warn(user, message) {
    this.#connection.userMessage("warning", message, { dest: user });
  }

  /**
   * Lets nobody else in.
   * @param {string} [message] What those who try are told
   */
  lock(message = "") {
    this.#connection.groupAction("lock", message === "" ? undefined : message);
  }

  unlock() {
    this.#connection.groupAction("unlock");
  }

  /**
   * Removes what was said: everything, all of one user, or one message.
   * @param {{userId: ClientId, id?: string}} [what]
   */
  clearChat(what) {
    this.#connection.groupAction("clearchat", what);
  }

  record() {
    this.#connection.groupAction("record");
  }

  unrecord() {
    this.#connection.groupAction("unrecord");
  }

  /** Asks who is in the subgroups; the answer comes as a private chat message of the server. */
  subgroups() {
    this.#connection.groupAction("subgroups");
  }

  /**
   * Changes what everybody in the group is told about it; `null` takes an entry away.
   * @param {Dictionary} data
   */
  setGroupData(data) {
    this.#connection.groupAction("setdata", data);
  }
}
