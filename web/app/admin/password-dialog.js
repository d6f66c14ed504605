/**
 * Asks an administrator for somebody's new password.
 *
 * @typedef {{kind: "password", password: string} | {kind: "any"} | {kind: "none"}} PasswordChoice
 */
import { html, render } from "lit";
import { t } from "../i18n/index.js";
import { w } from "./words.js";

/** Longer ones cannot be told apart: bcrypt looks at this many bytes only, and the server refuses more. */
const MAX_BYTES = 72;

/**
 * @param {string} name
 * @returns {Promise<PasswordChoice | null>} `null` if nothing is to be changed
 */
export function setPassword(name) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "password-title");
  /** @type {PasswordChoice | null} */
  let choice = null;
  let problem = "";
  const end = (/** @type {PasswordChoice | null} */ chosen) => {
    choice = chosen;
    dialog.close();
  };
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const password = String(fields.get("new") ?? "");
    if (password !== fields.get("again")) problem = t("password.differ");
    else if (new TextEncoder().encode(password).length > MAX_BYTES) problem = w("password.long");
    else return end({ kind: "password", password });
    show();
  };
  const field = (/** @type {string} */ key, /** @type {string} */ label) => html`<div class="field">
    <label for="set-${key}">${label}</label>
    <input id="set-${key}" name=${key} type="password" autocomplete="new-password" required />
  </div>`;
  const show = () =>
    render(
      html`<form class="dialog-body" @submit=${submit}>
        <h2 id="password-title">${w("password.title", { name })}</h2>
        ${field("new", t("password.new"))} ${field("again", t("password.again"))}
        <p class="field-problem" role="alert">${problem}</p>
        <div class="row end">
          <button class="btn" type="button" @click=${() => end(null)}>${w("cancel")}</button>
          <button class="btn primary" data-action="set-password">${w("password.set")}</button>
        </div>
        <hr />
        <p class="hint">${w("password.any.hint")}</p>
        <div class="row wrap">
          <button class="btn small" type="button" data-action="any-password" @click=${() => end({ kind: "any" })}>
            ${w("password.any")}
          </button>
          <button class="btn small" type="button" data-action="no-password" @click=${() => end({ kind: "none" })}>
            ${w("password.none")}
          </button>
        </div>
      </form>`,
      dialog,
    );
  show();
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(choice);
    });
    dialog.showModal();
  });
}
