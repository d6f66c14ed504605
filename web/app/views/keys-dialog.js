/**
 * The keys, and other keys for the same.
 * @import { Action } from "../model/keys.js"
 * @import { Settings } from "../model/settings.js"
 */
import { html, LitElement, nothing } from "lit";
import { t } from "../i18n/index.js";
import { ACTIONS, keyFor, rebind } from "../model/keys.js";
import { check, dialogHead, doneButton } from "./dialog-parts.js";
import { SHORTCUTS } from "./shortcuts.js";

class KeysDialog extends LitElement {
  /** @override */
  static properties = {
    settings: { attribute: false },
    changed: { attribute: false },
    asking: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    /** @type {Settings | null} */
    this.settings = null;
    this.changed = () => {};
    /** Whose key is to be pressed. @type {Action | null} */
    this.asking = null;
    this.problem = "";
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Action} action
   */
  pressed(event, action) {
    const { settings } = this;
    if (this.asking !== action || !settings || event.key === "Tab") return;
    // The first Escape ends the question, and only the next one the dialog.
    event.preventDefault();
    event.stopPropagation();
    if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
    if (event.key === "Escape") return this.ask(null);
    const result = rebind(settings.values.keys, action, event.key);
    if (result === null) {
      this.problem = t("keys.impossible");
    } else if ("taken" in result) {
      this.problem = t("keys.taken", { key: event.key.toUpperCase(), what: t(SHORTCUTS[result.taken].label) });
    } else {
      settings.set({ keys: result.keys });
      this.ask(null);
      this.changed();
    }
  }

  /** @param {Action | null} action */
  ask(action) {
    this.asking = action;
    this.problem = "";
  }

  /** @override */
  render() {
    const { settings } = this;
    if (!settings) return nothing;
    const { keys, shortcuts } = settings.values;
    const reset = () => {
      settings.set({ keys: {} });
      this.ask(null);
      this.changed();
    };
    return html`<div class="dialog-body">
      ${dialogHead(t("shortcuts"))}
      <p class="quiet">${t("keys.how")}</p>
      <dl class="keys">
        ${ACTIONS.map((action) => this.row(action, keyFor(keys, action)))}
        <div>
          <dt><kbd>${t("key.spaceName")}</kbd></dt>
          <dd>${t("key.space")}</dd>
        </div>
        <div>
          <dt><kbd>F6</kbd></dt>
          <dd>${t("key.f6")}</dd>
        </div>
      </dl>
      <p class="field-problem" role="alert" data-keys-problem>${this.problem}</p>
      ${check("shortcuts", t("key.use"), shortcuts, (shortcuts) => settings.set({ shortcuts }))}
      ${Object.keys(keys).length > 0
        ? html`<button class="btn" type="button" data-action="reset-keys" @click=${reset}>${t("keys.reset")}</button>`
        : nothing}
      ${doneButton()}
    </div>`;
  }

  /**
   * @param {Action} action
   * @param {string} key
   */
  row(action, key) {
    const what = t(SHORTCUTS[action].label);
    const isAsking = this.asking === action;
    const shown = key === "" ? t("keys.none") : key.toUpperCase();
    return html`<div data-key-of=${action}>
      <dt>
        <button
          class="key ${isAsking ? "asking" : ""}"
          type="button"
          aria-label=${isAsking ? t("keys.press", { what }) : t("keys.change", { what, key: shown })}
          @click=${() => this.ask(isAsking ? null : action)}
          @keydown=${(/** @type {KeyboardEvent} */ event) => this.pressed(event, action)}
          @blur=${() => isAsking && this.ask(null)}
        >
          <kbd>${isAsking ? "…" : shown}</kbd>
        </button>
      </dt>
      <dd>${what}</dd>
    </div>`;
  }
}

customElements.define("keys-dialog", KeysDialog);
