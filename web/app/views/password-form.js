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
    const { group, username } = this;
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
      <input class="vh" type="text" name="username" autocomplete="username" tabindex="-1" aria-hidden="true" .value=${this.username} readonly />
      ${field("old", t("password.old"), "current-password")} ${field("new", t("password.new"), "new-password")}
      ${field("again", t("password.again"), "new-password")}
      <p class="field-problem" role="alert">${this.problem}</p>
      <p role="status">${this.isDone ? t("password.done") : ""}</p>
      <div class="row end"><button class="btn primary" data-action="change-password">${t("password.change")}</button></div>
    </form>`;
  }
}

customElements.define("password-form", PasswordForm);
