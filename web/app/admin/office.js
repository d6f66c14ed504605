/**
 * Who administers what: the credentials, which live in this page only, and the groups they are for.
 *
 * @import { AdminCredentials } from "galene-client/admin"
 *
 * @typedef {object} Entry What somebody gives to be let in
 * @property {AdminCredentials} credentials
 * @property {string} group Empty for the whole server
 */
import { Emitter } from "galene-client";
import { Admin, AdminError } from "galene-client/admin";

/** @extends {Emitter<{changed: {}}>} */
export class Office extends Emitter {
  /** The only group that may be administered; empty if it is the whole server. */
  scope = "";
  /** In the order of their names. @type {string[]} */
  groups = [];
  /** As whom; empty with a token. */
  name = "";
  /** @type {Admin | null} */
  #admin = null;
  #server;

  /** @param {string | URL} server */
  constructor(server) {
    super();
    this.#server = server;
  }

  get isOpen() {
    return this.#admin !== null;
  }

  get isWhole() {
    return this.scope === "";
  }

  /** @throws {AdminError} If nobody is signed in */
  get admin() {
    if (!this.#admin) throw new AdminError(401, "");
    return this.#admin;
  }

  /**
   * Lets somebody in; throws if the server does not.
   * @param {Entry} entry
   */
  async open({ credentials, group }) {
    const admin = new Admin(this.#server, credentials);
    // Whatever is asked first tells whether the credentials are good.
    const groups = group === "" ? await admin.groups() : await admin.users(group).then(() => [group]);
    this.name = "username" in credentials ? credentials.username : "";
    this.scope = group;
    this.#admin = admin;
    this.#take(groups);
  }

  /** Forgets who it was. */
  close() {
    this.#admin = null;
    this.#take([]);
  }

  /** Looks which groups there are now. */
  async refresh() {
    if (this.isWhole) this.#take(await this.admin.groups());
  }

  /** @param {string[]} groups */
  #take(groups) {
    this.groups = [...groups].sort((a, b) => a.localeCompare(b));
    this.emit("changed", {});
  }
}
