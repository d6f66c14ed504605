/**
 * What dialogs are made of.
 */
import { html, live } from "lit";
import { t } from "../i18n/index.js";
import { icon } from "./icon.js";

/** @param {string} title */
export function dialogHead(title) {
  return html`<header class="panel-head">
    <h2 id="dialog-title">${title}</h2>
    <button class="icon-btn" type="button" aria-label=${t("close")} @click=${closeDialog}>${icon("x")}</button>
  </header>`;
}

export function doneButton() {
  return html`<div class="row end">
    <button class="btn primary" type="button" @click=${closeDialog}>${t("done")}</button>
  </div>`;
}

/** @param {Event} event */
export function closeDialog(event) {
  /** @type {Element} */ (event.target).closest("dialog")?.close();
}

/** @param {MouseEvent} event */
export function closeOnBackdrop(event) {
  // A click on the dialog itself, not on its content, is one beside it.
  if (event.target instanceof HTMLDialogElement) event.target.close();
}

/**
 * One of several.
 * @template {string} Value
 * @param {string} name
 * @param {string} label
 * @param {Value} value
 * @param {Record<Value, string>} names
 * @param {(value: Value) => void} choose
 */
export function choice(name, label, value, names, choose) {
  const change = (/** @type {Event} */ event) => {
    choose(/** @type {Value} */ (/** @type {HTMLSelectElement} */ (event.target).value));
  };
  return html`<div class="field">
    <label for="setting-${name}">${label}</label>
    <select id="setting-${name}" data-setting=${name} .value=${live(value)} @change=${change}>
      ${Object.entries(names).map(
        ([key, text]) => html`<option value=${key} ?selected=${key === value}>${text}</option>`,
      )}
    </select>
  </div>`;
}

/**
 * Yes or no.
 * @param {string} name
 * @param {string} label
 * @param {boolean} value
 * @param {(value: boolean) => void} choose
 */
export function check(name, label, value, choose) {
  const change = (/** @type {Event} */ event) => {
    choose(/** @type {HTMLInputElement} */ (event.target).checked);
  };
  return html`<label class="check">
    <input type="checkbox" data-setting=${name} .checked=${live(value)} @change=${change} />
    ${label}
  </label>`;
}
