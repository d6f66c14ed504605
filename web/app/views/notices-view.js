/**
 * Short messages over the page.
 * @import { Notices } from "../model/notices.js"
 */
import { html, nothing, repeat } from "lit";
import { t } from "../i18n/index.js";
import { icon } from "./icon.js";

const ICONS = { info: "info", success: "circle-check", warning: "triangle-alert", danger: "circle-alert" };

/** @param {Notices} notices */
export function noticesView(notices) {
  return html`<div class="notices" role="log" aria-live="assertive" aria-label=${t("notices")}>
    ${repeat(
      notices.list,
      ({ id }) => id,
      ({ id, tone, text, action }) => html`<div class="notice" data-tone=${tone}>
        ${icon(ICONS[tone])}
        <p>${text}</p>
        ${action
          ? html`<button class="btn small" type="button" @click=${action.run}>${action.label}</button>`
          : nothing}
        <button class="icon-btn" type="button" aria-label=${t("dismiss")} @click=${() => notices.dismiss(id)}>
          ${icon("x")}
        </button>
      </div>`,
    )}
  </div>`;
}
