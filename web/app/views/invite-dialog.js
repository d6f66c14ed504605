/**
 * Invitations: making one, and what became of the others.
 * @import { Token } from "galene-client"
 * @import { Call } from "../model/call.js"
 */
import { RequestError, validity } from "galene-client";
import { html, LitElement, nothing, repeat } from "lit";
import { clockTime, t } from "../i18n/index.js";
import { sentence } from "../model/explain.js";
import { dialogHead } from "./dialog-parts.js";
import { icon } from "./icon.js";
import { qrView } from "./qr-view.js";

/** An invitation is good for two days unless somebody says otherwise (as on Galène's own page). */
const DEFAULT_MS = 2 * 86_400_000;

/** By so much an invitation is extended. */
const EXTENSION_MS = 86_400_000;

class InviteDialog extends LitElement {
  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
    /** @type {Token | null} */
    this.made = null;
    /** @type {Token[] | null} */
    this.tokens = null;
    this.problem = "";
    this.said = "";
    this.isBusy = false;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  get mayList() {
    return (this.call?.may("op") && this.call.may("token")) ?? false;
  }

  /** @override */
  firstUpdated() {
    if (this.mayList) this.do(async () => {});
  }

  /**
   * Does something with invitations, then shows how they are.
   * @param {() => Promise<unknown>} task
   */
  async do(task) {
    this.isBusy = true;
    this.problem = "";
    this.requestUpdate();
    try {
      await task();
      if (this.mayList) this.tokens = (await this.call?.tokens?.list()) ?? null;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.problem = sentence(error.message);
    } finally {
      this.isBusy = false;
      this.requestUpdate();
    }
  }

  /** @param {SubmitEvent} event */
  make(event) {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const time = (/** @type {string} */ name) => {
      const date = new Date(String(fields.get(name) ?? ""));
      return Number.isNaN(date.getTime()) ? null : date;
    };
    const permissions = ["present", "message"].filter((name) => fields.has(name));
    const username = String(fields.get("username") ?? "").trim();
    const notBefore = time("from");
    const expires = time("until") ?? new Date(Date.now() + DEFAULT_MS);
    const template = { permissions, expires, username, ...(notBefore ? { notBefore } : {}) };
    this.do(async () => {
      this.made = (await this.call?.tokens?.make(template)) ?? null;
    });
  }

  /** @param {string} link */
  async copy(link) {
    try {
      await navigator.clipboard.writeText(link);
      this.said = t("invite.copied");
    } catch {
      // Where the browser forbids it, the link can still be marked and copied by hand.
      this.said = t("invite.copyByHand");
      this.querySelector("input[readonly]")?.dispatchEvent(new Event("focus"));
    }
    this.requestUpdate();
  }

  /** @override */
  render() {
    const { call } = this;
    if (!call) return nothing;
    return html`<div class="dialog-body">
      ${dialogHead(t("invite"))} ${this.made ? this.result(call, this.made) : this.form(call)}
      <p class="field-problem" role="alert">${this.problem}</p>
      ${this.mayList ? this.list(call) : nothing}
    </div>`;
  }

  /** @param {Call} call */
  form(call) {
    const until = localTime(new Date(Date.now() + DEFAULT_MS));
    const permission = (/** @type {"present" | "message"} */ name) =>
      call.may(name)
        ? html`<label class="check"><input type="checkbox" name=${name} checked /> ${t(`invite.may.${name}`)}</label>`
        : nothing;
    return html`<form class="fields" @submit=${this.make}>
      <div class="field">
        <label for="invite-name">${t("invite.name")}</label>
        <input id="invite-name" name="username" maxlength="60" autocomplete="off" />
        <p class="hint">${t("invite.nameHint")}</p>
      </div>
      <div class="two">
        <div class="field">
          <label for="invite-from">${t("invite.from")}</label>
          <input id="invite-from" name="from" type="datetime-local" />
        </div>
        <div class="field">
          <label for="invite-until">${t("invite.untilLabel")}</label>
          <input id="invite-until" name="until" type="datetime-local" value=${until} required />
        </div>
      </div>
      ${permission("present")} ${permission("message")}
      <div class="row end">
        <button class="btn primary" data-action="make-invitation" ?disabled=${this.isBusy}>${t("invite.make")}</button>
      </div>
    </form>`;
  }

  /**
   * @param {Call} call
   * @param {Token} token
   */
  result(call, token) {
    const link = call.linkTo(token);
    const again = () => {
      this.made = null;
      this.said = "";
      this.requestUpdate();
    };
    const share = () => {
      navigator.share({ title: call.title, url: link }).catch(() => {
        // Whoever closes the system's dialog changed their mind.
      });
    };
    return html`<div class="fields" data-invitation>
      <div class="field">
        <label for="invite-link">${t("invite.link")}</label>
        <input id="invite-link" readonly .value=${link} @focus=${select} />
      </div>
      <div class="row wrap">
        <button class="btn primary" type="button" data-action="copy-link" @click=${() => this.copy(link)}>
          ${icon("copy")} ${t("invite.copy")}
        </button>
        ${"share" in navigator
          ? html`<button class="btn" type="button" @click=${share}>${icon("share-2")} ${t("invite.share")}</button>`
          : nothing}
        <button class="btn" type="button" @click=${again}>${t("invite.another")}</button>
        <span role="status">${this.said}</span>
      </div>
      <p class="hint">${t("invite.secret")}</p>
      ${qrView(link, t("invite.qr"))}
    </div>`;
  }

  /** @param {Call} call */
  list(call) {
    const { tokens } = this;
    if (tokens === null) return nothing;
    return html`<section aria-labelledby="invite-list">
      <h3 id="invite-list">${t("invite.list")}</h3>
      ${tokens.length === 0
        ? html`<p class="quiet">${t("invite.none")}</p>`
        : html`<ul class="tokens" role="list">
            ${repeat(
              tokens,
              ({ token }) => token,
              (token) => this.item(call, token),
            )}
          </ul>`}
    </section>`;
  }

  /**
   * @param {Call} call
   * @param {Token} token
   */
  item(call, token) {
    const state = validity(token, new Date());
    const name = token.username || t("invite.anybody");
    const base = Math.max(Date.now(), token.expires?.getTime() ?? 0);
    const extend = () => this.do(() => call.tokens?.edit(token.token, { expires: new Date(base + EXTENSION_MS) }) ?? Promise.resolve());
    const revoke = () => this.do(() => call.tokens?.revoke(token.token) ?? Promise.resolve());
    const time = token.expires ? clockTime(token.expires) : "";
    return html`<li class="token" data-token=${token.token} data-state=${state}>
      <div>
        <strong>${name}</strong>
        <p class="quiet">
          ${state === "expired" ? t("invite.expired") : t("invite.until", { time })}
          ${token.issuedBy === "" ? nothing : html`· ${t("invite.by", { name: token.issuedBy })}`}
        </p>
      </div>
      <span class="space"></span>
      <button class="btn small" type="button" data-action="extend" aria-label=${t("invite.extendOf", { name })} ?disabled=${this.isBusy} @click=${extend}>
        ${t("invite.extend")}
      </button>
      ${state === "expired"
        ? nothing
        : html`<button class="btn small" type="button" data-action="revoke" aria-label=${t("invite.revokeOf", { name })} ?disabled=${this.isBusy} @click=${revoke}>
            ${t("invite.revoke")}
          </button>`}
    </li>`;
  }
}

/** @param {Event} event */
function select(event) {
  /** @type {HTMLInputElement} */ (event.target).select();
}

/** As fields for dates want it. @param {Date} date */
function localTime(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

customElements.define("invite-dialog", InviteDialog);
