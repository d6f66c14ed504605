/**
 * Where administrators say who they are: of the whole server, or of one group.
 */
import { AdminError } from "galene-client/admin";
import { html, LitElement, nothing } from "lit";
import { icon } from "../views/icon.js";
import { Office } from "./office.js";
import { reason } from "./panel.js";
import { w } from "./words.js";

class SignIn extends LitElement {
  /** @override */
  static properties = { office: { attribute: false }, group: { attribute: false }, problem: { state: true } };

  constructor() {
    super();
    this.office = new Office(location.href);
    /** A group that the address names. */
    this.group = "";
    this.problem = "";
    this.isBusy = false;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @override */
  firstUpdated() {
    this.querySelector("input")?.focus();
  }

  /** @param {SubmitEvent} event */
  async enter(event) {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const read = (/** @type {string} */ name) => String(fields.get(name) ?? "");
    this.isBusy = true;
    this.problem = "";
    this.requestUpdate();
    try {
      const credentials = { username: read("username").trim(), password: read("password") };
      const group = read("group").trim().replace(/^\/+|\/+$/g, "");
      await this.office.open({ credentials, group });
    } catch (error) {
      const isWrong = error instanceof AdminError && error.status === 401;
      this.problem = isWrong ? w("signIn.wrong") : reason(error);
    } finally {
      this.isBusy = false;
      this.requestUpdate();
    }
  }

  /** @override */
  render() {
    return html`<main class="sign-in">
      <header class="brand">
        <img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="40" height="40" />
        <h1>${w("title")}</h1>
      </header>
      <form class="card fields" @submit=${this.enter}>
        ${this.problem === ""
          ? nothing
          : html`<div class="problem" role="alert" data-problem id="sign-in-problem">${icon("circle-alert")} <p>${this.problem}</p></div>`}
        <div class="field">
          <label for="username">${w("signIn.name")}</label>
          <input id="username" name="username" autocomplete="username" autocapitalize="none" required />
        </div>
        <div class="field">
          <label for="password">${w("signIn.password")}</label>
          <input id="password" name="password" type="password" autocomplete="current-password" />
        </div>
        <div class="field">
          <label for="group">${w("signIn.group")}</label>
          <input id="group" name="group" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="group-hint" .value=${this.group} />
          <p class="hint" id="group-hint">${w("signIn.group.hint")}</p>
        </div>
        <button class="btn primary wide" data-action="sign-in" ?disabled=${this.isBusy}>${w("signIn.enter")}</button>
        <p class="hint">${w("signIn.hint")}</p>
      </form>
    </main>`;
  }
}

customElements.define("sign-in", SignIn);
