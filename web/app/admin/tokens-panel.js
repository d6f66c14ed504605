/**
 * Tokens: what stands behind invitations, and lets programs and administrators in.
 * @import { Dictionary } from "galene-client"
 *
 * @typedef {{name: string, token: Dictionary, etag: string}} Row
 */
import { html, nothing, repeat } from "lit";
import { clockTime } from "../i18n/index.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { localTime } from "./group-fields.js";
import { Panel, unlessGone } from "./panel.js";
import { PERMISSIONS } from "./permissions.js";
import { linkOf, stateOf, timeOf } from "./token-state.js";
import { w } from "./words.js";

/** How many tokens are shown at first: each is a request of its own. */
const SHOWN = 50;

/** A token is good for two days unless somebody says otherwise, as an invitation is. */
const DEFAULT_MS = 2 * 86_400_000;

/** What a token gives if nobody chooses. */
const USUAL = ["present", "message"];

class TokensPanel extends Panel {
  constructor() {
    super();
    /** @type {Row[] | null} */
    this.rows = null;
    this.count = 0;
    this.shown = SHOWN;
    /** The token that was made last. */
    this.made = "";
  }

  /** @override */
  load() {
    this.rows = null;
    this.shown = SHOWN;
    this.made = "";
    this.run(() => this.read());
  }

  /** @override */
  async read() {
    const { group } = this;
    const names = await this.admin.tokens(group);
    const rows = await Promise.all(names.slice(0, this.shown).map((name) => this.row(name)));
    if (this.group !== group) return;
    const issued = (/** @type {Row} */ { token }) => timeOf(token["issuedAt"])?.getTime() ?? 0;
    this.rows = rows.filter((row) => row !== null).sort((a, b) => issued(b) - issued(a));
    this.count = names.length;
  }

  /**
   * @param {string} name
   * @returns {Promise<Row | null>} `null` if somebody else has just deleted it
   */
  async row(name) {
    const read = await unlessGone(this.admin.token(this.group, name));
    return read && { name, token: read.value, etag: read.etag };
  }

  /** @param {SubmitEvent} event */
  async make(event) {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const time = (/** @type {string} */ name) => {
      const date = new Date(String(fields.get(name) ?? ""));
      return Number.isNaN(date.getTime()) ? null : date.toISOString();
    };
    const username = String(fields.get("username") ?? "").trim();
    const [from, until] = [time("from"), time("until")];
    /** @type {Dictionary} */
    const template = {
      permissions: PERMISSIONS.filter((name) => fields.has(`may-${name}`)),
      issuedAt: new Date().toISOString(),
      ...(this.office.name === "" ? {} : { issuedBy: this.office.name }),
      ...(username === "" ? {} : { username }),
      ...(from ? { "not-before": from } : {}),
      expires: until ?? new Date(Date.now() + DEFAULT_MS).toISOString(),
      // What is for no group is for all of them.
      ...(fields.has("subgroups") || this.group === "" ? { includeSubgroups: true } : {}),
    };
    await this.change(async () => {
      this.made = await this.admin.createToken(this.group, template);
    }, w("tokens.made"));
    await this.updateComplete;
    if (this.made !== "") this.querySelector("input[readonly]")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Row} row */
  async revoke({ name, token, etag }) {
    const { token: _, group: __, ...rest } = token;
    // Some clocks are a little behind.
    const expires = new Date(Date.now() - 60_000).toISOString();
    await this.change(
      () => this.admin.updateToken(this.group, name, { ...rest, expires }, etag),
      w("tokens.revoked"),
    );
  }

  /** @param {Row} row */
  async delete({ name, etag }) {
    const question = { title: w("tokens.delete.title"), text: w("tokens.delete.text"), yes: w("delete") };
    if (!(await ask(question))) return;
    await this.change(() => this.admin.deleteToken(this.group, name, etag), w("tokens.deleted"));
  }

  /** @param {string} link */
  async copy(link) {
    try {
      await navigator.clipboard.writeText(link);
      this.said = w("copied");
    } catch {
      this.said = w("copy.byHand");
    }
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
    if (rows.length === 0) return html`<p class="quiet">${w("tokens.none")}</p>`;
    return html`
      <ul class="rows" role="list" aria-label=${w("tab.tokens")}>
        ${repeat(rows, ({ name }) => name, (row) => this.item(row))}
      </ul>
      ${this.count > this.shown
        ? html`<button class="btn" type="button" @click=${this.showMore}>${w("more", { count: this.count - this.shown })}</button>`
        : nothing}
    `;
  }

  /** @param {Row} row */
  item(row) {
    const { name, token } = row;
    const state = stateOf(token, Date.now());
    const expires = timeOf(token["expires"]);
    const who = String(token["username"] ?? "") || w("tokens.anybody");
    const permissions = Array.isArray(token["permissions"]) ? token["permissions"].join(", ") : "";
    const link = linkOf(location.origin, this.group, name, token) || name;
    const label = { early: "tokens.early", expired: "tokens.expired", good: "tokens.good" };
    return html`<li class="card item" data-token=${name} data-state=${state}>
      <span class="item-name"><strong>${who}</strong> <span class="quiet">${permissions}</span></span>
      <span class="facts">
        <span class="pill" data-state=${state}>${w(/** @type {import("./words.js").Word} */ (label[state]))}</span>
        ${expires ? html`<span class="quiet">${w("tokens.until", { time: clockTime(expires) })}</span>` : nothing}
        ${token["includeSubgroups"] === true && this.group !== ""
          ? html`<span class="quiet">${w("tokens.subgroups")}</span>`
          : nothing}
        ${token["issuedBy"] ? html`<span class="quiet">${w("tokens.by", { name: String(token["issuedBy"]) })}</span>` : nothing}
      </span>
      <span class="row wrap">
        ${name === this.made
          ? html`<input readonly class="link" aria-label=${w("tokens.link")} .value=${link} @focus=${select} />`
          : nothing}
        <button class="btn small" type="button" data-action="copy" @click=${() => this.copy(link)}>
          ${icon("copy")} ${w("tokens.copy")} <span class="vh">${who}</span>
        </button>
        ${state === "expired"
          ? nothing
          : html`<button class="btn small" type="button" data-action="revoke" ?disabled=${this.isBusy} @click=${() => this.revoke(row)}>
              ${icon("ban")} ${w("tokens.revoke")} <span class="vh">${who}</span>
            </button>`}
        <button class="icon-btn" type="button" data-action="delete" aria-label=${w("tokens.delete", { name: who })} ?disabled=${this.isBusy} @click=${() => this.delete(row)}>
          ${icon("trash-2")}
        </button>
      </span>
    </li>`;
  }

  form() {
    const isServer = this.group === "";
    const usual = isServer ? ["admin"] : USUAL;
    return html`<form class="card fields" @submit=${this.make} data-form="token">
      <h3>${w("tokens.add")}</h3>
      ${isServer ? html`<p class="hint">${w("tokens.server.hint")}</p>` : nothing}
      <div class="columns">
        <div class="field">
          <label for="token-user">${w("tokens.username")}</label>
          <input id="token-user" name="username" autocomplete="off" aria-describedby="token-user-hint" />
          <p class="hint" id="token-user-hint">${w("tokens.username.hint")}</p>
        </div>
        <div class="field">
          <label for="token-from">${w("tokens.from")}</label>
          <input id="token-from" name="from" type="datetime-local" />
        </div>
        <div class="field">
          <label for="token-until">${w("tokens.to")}</label>
          <input
            id="token-until"
            name="until"
            type="datetime-local"
            .defaultValue=${localTime(new Date(Date.now() + DEFAULT_MS).toISOString())}
          />
        </div>
      </div>
      <fieldset class="checks">
        <legend>${w("tokens.gives")}</legend>
        ${PERMISSIONS.map(
          (name) => html`<label class="check">
            <input type="checkbox" name="may-${name}" .defaultChecked=${usual.includes(name)} /> ${w(`may.${name}`)}
          </label>`,
        )}
        ${isServer
          ? nothing
          : html`<label class="check"><input type="checkbox" name="subgroups" /> ${w("tokens.subgroups.give")}</label>`}
      </fieldset>
      <div class="row">
        <button class="btn primary" data-action="make-token" ?disabled=${this.isBusy}>${icon("plus")} ${w("tokens.make")}</button>
      </div>
    </form>`;
  }
}

/** @param {Event} event */
function select(event) {
  /** @type {HTMLInputElement} */ (event.target).select();
}

customElements.define("tokens-panel", TokensPanel);
