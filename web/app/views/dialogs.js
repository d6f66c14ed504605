/**
 * Questions that must be answered before going on, and settings.
 * @import { TemplateResult } from "lit"
 * @import { Quality, Receive, Theme } from "../model/settings.js"
 * @import { Dialog, View } from "./group-page.js"
 */
import { html, live, nothing } from "lit";
import { displayName } from "../model/text.js";
import { applyTheme } from "../theme.js";
import { deviceMenus } from "./device-menus.js";
import { icon } from "./icon.js";
import { SHORTCUTS } from "./shortcuts.js";

/** @param {View} view */
export function dialogView(view) {
  const { dialog } = view.ui;
  if (!dialog) return nothing;
  return html`<dialog
    class="dialog"
    aria-labelledby="dialog-title"
    data-dialog=${dialog.kind}
    @close=${() => view.set({ dialog: null })}
    @click=${closeOnBackdrop}
  >
    ${content(view, dialog)}
  </dialog>`;
}

/**
 * @param {View} view
 * @param {Dialog} dialog
 * @returns {TemplateResult}
 */
function content(view, dialog) {
  switch (dialog.kind) {
    case "lock":
      return question({
        title: "Lock the group",
        text: "Nobody else can join until you unlock it.",
        label: "What to tell those who try (may be left empty)",
        action: "Lock",
        run: (message) => view.call.lock(message),
      });
    case "kick": {
      const name = displayName(dialog.user.username);
      return question({
        title: `Remove ${name} from the meeting?`,
        text: "Unless the group is locked, they can come back.",
        label: `What to tell ${name} (may be left empty)`,
        action: "Remove",
        isDangerous: true,
        run: (message) => view.call.kick(dialog.user, message),
      });
    }
    case "settings":
      return settings(view);
    case "shortcuts":
      return shortcuts(view);
    default:
      /** @satisfies {never} */ (dialog);
      throw new Error("unknown dialog");
  }
}

/**
 * @param {{title: string, text: string, label: string, action: string, isDangerous?: boolean,
 *   run: (message: string) => void}} options
 */
function question({ title, text, label, action, isDangerous = false, run }) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    run(String(fields.get("message") ?? "").trim());
  };
  return html`<form method="dialog" class="dialog-body" @submit=${submit}>
    <h2 id="dialog-title">${title}</h2>
    <p class="quiet">${text}</p>
    <div class="field">
      <label for="dialog-message">${label}</label>
      <input id="dialog-message" name="message" maxlength="200" autocomplete="off" />
    </div>
    <div class="row end">
      <button class="btn" type="button" @click=${closeDialog}>Cancel</button>
      <button class="btn ${isDangerous ? "danger" : "primary"}" data-action="confirm">${action}</button>
    </div>
  </form>`;
}

/** @param {View} view */
function settings({ call }) {
  const { values } = call.settings;
  const chosen = (/** @type {Event} */ event) => /** @type {HTMLSelectElement} */ (event.target).value;
  return html`<div class="dialog-body">
    ${head("Devices and settings")}
    <div class="fields">
      ${deviceMenus(call)}
      ${choice("quality", "Picture you send", values.quality, QUALITY_NAMES, (event) => {
        call.setQuality(/** @type {Quality} */ (chosen(event)));
      })}
      ${choice("receive", "What you receive", values.receive, RECEIVE_NAMES, (event) => {
        call.setReceive(/** @type {Receive} */ (chosen(event)));
      })}
      ${choice("theme", "Colours", values.theme, THEME_NAMES, (event) => {
        const theme = /** @type {Theme} */ (chosen(event));
        call.settings.set({ theme });
        applyTheme(theme);
      })}
    </div>
    <div class="row end">
      <button class="btn primary" type="button" @click=${closeDialog}>Done</button>
    </div>
  </div>`;
}

const QUALITY_NAMES = { low: "Save data", balanced: "Balanced", best: "Best" };
const RECEIVE_NAMES = { everything: "Picture and sound", audio: "Sound only" };
const THEME_NAMES = { system: "As the system", light: "Light", dark: "Dark" };

/**
 * @param {string} name
 * @param {string} label
 * @param {string} value
 * @param {Record<string, string>} names
 * @param {(event: Event) => void} change
 */
function choice(name, label, value, names, change) {
  return html`<div class="field">
    <label for="setting-${name}">${label}</label>
    <select id="setting-${name}" data-setting=${name} .value=${live(value)} @change=${change}>
      ${Object.entries(names).map(
        ([key, text]) => html`<option value=${key} ?selected=${key === value}>${text}</option>`,
      )}
    </select>
  </div>`;
}

/** @param {View} view */
function shortcuts({ call }) {
  const change = (/** @type {Event} */ event) => {
    call.settings.set({ shortcuts: /** @type {HTMLInputElement} */ (event.target).checked });
  };
  return html`<div class="dialog-body">
    ${head("Keyboard shortcuts")}
    <dl class="keys">
      ${SHORTCUTS.map(
        ({ key, label }) => html`<div>
          <dt><kbd>${key.toUpperCase()}</kbd></dt>
          <dd>${label}</dd>
        </div>`,
      )}
    </dl>
    <label class="check">
      <input type="checkbox" .checked=${live(call.settings.values.shortcuts)} @change=${change} />
      Use single keys
    </label>
    <div class="row end">
      <button class="btn primary" type="button" @click=${closeDialog}>Done</button>
    </div>
  </div>`;
}

/** @param {string} title */
function head(title) {
  return html`<header class="panel-head">
    <h2 id="dialog-title">${title}</h2>
    <button class="icon-btn" type="button" aria-label="Close" @click=${closeDialog}>${icon("x")}</button>
  </header>`;
}

/** @param {Event} event */
function closeDialog(event) {
  /** @type {Element} */ (event.target).closest("dialog")?.close();
}

/** @param {MouseEvent} event */
function closeOnBackdrop(event) {
  // A click on the dialog itself, not on its content, is one beside it.
  if (event.target instanceof HTMLDialogElement) event.target.close();
}
