/**
 * Pictures on buttons. They say nothing to a screen reader: the words beside them do.
 */
import { html } from "lit";

const SPRITE = new URL("../../vendor/icons.svg", import.meta.url).href;

/** @param {string} name As in `tools/vendor.js` */
export function icon(name) {
  return html`<svg class="icon" aria-hidden="true"><use href="${SPRITE}#${name}"></use></svg>`;
}
