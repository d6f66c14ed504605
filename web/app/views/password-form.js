/**
 * A form to change one's password: the old one, and the new one twice.
 */
import { AdminError, changePassword } from "galene-client/admin";
import { html, LitElement } from "lit";
import { t } from "../i18n/index.js";

class PasswordForm extends LitElement {
  constructor() {
    super();
    this.group = "";
    this.username = "";
    /** Whether the form asks for the group and the name, too. */
    this.asksWho = false;
    this.problem = "";
    this.isDone = false;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @param {SubmitEvent} event */
  async change(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const fields = new FormData(form);
    const read = (/** @type {string} */ name) => String(fields.get(name) ?? "");
    const group = this.asksWho ? read("group").trim().replace(/^\/+|\/+$/g, "") : this.group;
    const username = this.asksWho ? read("username").trim() : this.username;
    this.isDone = false;
    this.problem = read("new") === read("again") ? "" : t("password.differ");
    if (this.problem === "") {
      try {
        const change = { group, username, oldPassword: read("old"), newPassword: read("new") };
        await changePassword(location.href, change);
        form.reset();
        this.isDone = true;
      } catch (error) {
        if (!(error instanceof AdminError)) throw error;
        this.problem = error.status === 401 ? t("password.wrong") : t("password.failed", { reason: error.message });
      }
    }
    this.requestUpdate();
  }

  /** @override */
  render() {
    const field = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ autocomplete) =>
      html`<div class="field">
        <label for="password-${name}">${label}</label>
        <input id="password-${name}" name=${name} type="password" autocomplete=${autocomplete} required />
      </div>`;
    return html`<form class="fields" @submit=${this.change}>
      ${this.asksWho ? this.who() : this.hiddenName()}
      ${field("old", t("password.old"), "current-password")} ${field("new", t("password.new"), "new-password")}
      ${field("again", t("password.again"), "new-password")}
      <p class="field-problem" role="alert">${this.problem}</p>
      <p role="status">${this.isDone ? t("password.done") : ""}</p>
      <div class="row end"><button class="btn primary" data-action="change-password">${t("password.change")}</button></div>
    </form>`;
  }

  /** Tells the browser's own memory of passwords whose this is. */
  hiddenName() {
    return html`<input class="vh" type="text" name="username" autocomplete="username" tabindex="-1" aria-hidden="true" .value=${this.username} readonly />`;
  }

  who() {
    const field = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ value) =>
      html`<div class="field">
        <label for="password-${name}">${label}</label>
        <input
          id="password-${name}"
          name=${name}
          autocomplete=${name === "username" ? "username" : "off"}
          autocapitalize="none"
          spellcheck="false"
          required
          .defaultValue=${value}
        />
      </div>`;
    return html`${field("group", t("landing.name"), this.group)} ${field("username", t("join.name"), this.username)}`;
  }
}

customElements.define("password-form", PasswordForm);
