/**
 * Who may join a group with a name and a password, and what everybody else may do.
 * @import { UserKey } from "galene-client/admin"
 *
 * @typedef {object} Row
 * @property {UserKey} key
 * @property {string} name As it is shown
 * @property {unknown} read Permissions, as they were read
 * @property {unknown} permissions The same, or what is being chosen instead
 * @property {string} etag
 */
import { EMPTY_USER, WILDCARD_USER } from "galene-client/admin";
import { html, nothing, repeat } from "lit";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { same } from "./group-draft.js";
import { Panel, unlessGone } from "./panel.js";
import { permissionMenu } from "./permissions.js";
import { setPassword } from "./password-dialog.js";
import { w } from "./words.js";

/** How many users are shown at first: each is a request of its own. */
const SHOWN = 50;

class UsersPanel extends Panel {
  constructor() {
    super();
    /** @type {Row[] | null} */
    this.rows = null;
    this.count = 0;
    this.shown = SHOWN;
    this.hasWildcard = false;
    /** What the user that is being made may do. @type {string | string[]} */
    this.permissions = "present";
  }

  /** @override */
  load() {
    this.rows = null;
    this.shown = SHOWN;
    this.run(() => this.read());
  }

  /** @override */
  async read() {
    const { group } = this;
    const { value } = await this.admin.users(group);
    const names = value.sort((a, b) => a.localeCompare(b));
    const rows = await Promise.all(
      [
        this.row(WILDCARD_USER, w("users.wildcard")),
        ...names.slice(0, this.shown).map((name) =>
          name === "" ? this.row(EMPTY_USER, w("users.empty")) : this.row(name, name),
        ),
      ],
    );
    if (this.group !== group) return;
    const chosen = this.rows?.filter(isBeingChosen).map(({ name }) => name) ?? [];
    this.rows = rows.filter((row) => row !== null);
    // What somebody is about to type stays on the page.
    for (const row of this.rows) if (chosen.includes(row.name)) row.permissions = [];
    this.count = names.length;
    this.hasWildcard = this.rows.some(({ key }) => key === WILDCARD_USER);
  }

  /**
   * @param {UserKey} key
   * @param {string} name
   * @returns {Promise<Row | null>} `null` if there is none, for one that somebody else has just deleted
   */
  async row(key, name) {
    const read = await unlessGone(this.admin.user(this.group, key));
    const permissions = read?.value["permissions"];
    return read && { key, name, read: permissions, permissions, etag: read.etag };
  }

  /** @param {SubmitEvent} event */
  async add(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const fields = new FormData(form);
    const name = String(fields.get("name") ?? "").trim();
    const password = String(fields.get("password") ?? "");
    if (name === "") return;
    const isDone = await this.change(async () => {
      await this.admin.createUser(this.group, name, this.permissions);
      if (password !== "") await this.admin.setPassword(this.group, name, password);
    }, w("users.added", { name }));
    if (isDone) form.reset();
    /** @type {HTMLElement | null} */ (form.querySelector("[name=name]"))?.focus();
  }

  addWildcard() {
    return this.change(async () => {
      await this.admin.createUser(this.group, WILDCARD_USER, "present");
      await this.admin.allowAnyPassword(this.group, WILDCARD_USER);
    }, w("users.wildcardAdded"));
  }

  /**
   * @param {Row} row
   * @param {string | string[]} permissions
   */
  allow(row, permissions) {
    row.permissions = permissions;
    if (isBeingChosen(row)) {
      // The field for it appears, and what is typed there is sent.
      this.requestUpdate();
      return;
    }
    if (same(row.read, permissions)) return;
    return this.change(async () => {
      const now = await this.admin.user(this.group, row.key);
      // All users are in one file: only a change of this one is in our way.
      const etag = same(now.value["permissions"], row.read) ? now.etag : row.etag;
      await this.admin.updateUser(this.group, row.key, permissions, etag);
    }, w("users.changed", { name: row.name }));
  }

  /** @param {Row} row */
  async password(row) {
    const choice = await setPassword(row.name);
    if (!choice) return;
    await this.change(() => {
      switch (choice.kind) {
        case "password":
          return this.admin.setPassword(this.group, row.key, choice.password);
        case "any":
          return this.admin.allowAnyPassword(this.group, row.key);
        case "none":
          return this.admin.deletePassword(this.group, row.key);
      }
    }, w("users.passwordSet", { name: row.name }));
  }

  /** @param {Row} row */
  async delete(row) {
    const question = {
      title: w("users.delete.title", { name: row.name }),
      text: w("users.delete.text"),
      yes: w("delete"),
    };
    if (!(await ask(question))) return;
    await this.change(async () => {
      const { etag } = await this.admin.user(this.group, row.key);
      await this.admin.deleteUser(this.group, row.key, etag);
    }, w("users.deleted", { name: row.name }));
  }

  showMore() {
    this.shown += SHOWN;
    this.run(() => this.read());
  }

  /** @override */
  render() {
    const { rows } = this;
    return html`<div class="sheet">
      ${this.outcome()} ${rows === null ? nothing : this.list(rows)} ${this.form()}
    </div>`;
  }

  /** @param {Row[]} rows */
  list(rows) {
    return html`
      <ul class="rows" role="list" aria-label=${w("tab.users")}>
        ${repeat(rows, (row) => row.name, (row, index) => this.item(row, index))}
      </ul>
      ${rows.length === 0 ? html`<p class="quiet">${w("users.none")}</p>` : nothing}
      <div class="row">
        ${this.count > this.shown
          ? html`<button class="btn" type="button" @click=${this.showMore}>${w("more", { count: this.count - this.shown })}</button>`
          : nothing}
        ${this.hasWildcard
          ? nothing
          : html`<button class="btn" type="button" data-action="add-wildcard" ?disabled=${this.isBusy} @click=${this.addWildcard}>
              ${icon("users")} ${w("users.addWildcard")}
            </button>`}
      </div>
    `;
  }

  /**
   * @param {Row} row
   * @param {number} index
   */
  item(row, index) {
    const isWildcard = row.key === WILDCARD_USER;
    return html`<li class="card item" data-user=${isWildcard ? "*" : row.name}>
      <span class="item-name">${icon(isWildcard ? "users" : "key-round")} <strong>${row.name}</strong></span>
      ${permissionMenu(`user-${index}`, row.permissions, (permissions) => this.allow(row, permissions))}
      <span class="row">
        <button class="btn small" type="button" data-action="password" ?disabled=${this.isBusy} @click=${() => this.password(row)}>
          ${w("users.password")} <span class="vh">${row.name}</span>
        </button>
        <button class="icon-btn" type="button" data-action="delete" aria-label=${w("users.delete", { name: row.name })} ?disabled=${this.isBusy} @click=${() => this.delete(row)}>
          ${icon("trash-2")}
        </button>
      </span>
    </li>`;
  }

  form() {
    return html`<form class="card fields" @submit=${this.add} data-form="user">
      <h3>${w("users.add")}</h3>
      <div class="columns">
        <div class="field">
          <label for="new-user">${w("users.name")}</label>
          <input id="new-user" name="name" autocomplete="off" autocapitalize="none" required />
        </div>
        <div class="field">
          <label for="new-password">${w("users.newPassword")}</label>
          <input id="new-password" name="password" type="password" autocomplete="new-password" />
        </div>
        <div class="field">
          <span class="label" aria-hidden="true">${w("permissions")}</span>
          ${permissionMenu("new-role", this.permissions, (permissions) => {
            this.permissions = permissions;
            this.requestUpdate();
          })}
        </div>
      </div>
      <p class="hint">${w("users.add.hint")}</p>
      <div class="row">
        <button class="btn primary" data-action="add-user" ?disabled=${this.isBusy}>${icon("user-plus")} ${w("users.add")}</button>
      </div>
    </form>`;
  }
}

/**
 * Returns whether "other" was chosen, and nothing typed yet.
 * @param {Row} row
 */
function isBeingChosen({ permissions }) {
  return Array.isArray(permissions) && permissions.length === 0;
}

customElements.define("users-panel", UsersPanel);
