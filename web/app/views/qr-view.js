/**
 * A QR code as a picture.
 */
import { svg, html } from "lit";
import { qrCode } from "../model/qr.js";

/** As wide as the standard wants it (ISO/IEC 18004 §5.3.8). */
const MARGIN = 4;

/**
 * @param {string} text
 * @param {string} label
 */
export function qrView(text, label) {
  const modules = qrCode(text);
  const size = modules.length + 2 * MARGIN;
  const path = modules
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : "")))
    .join("");
  return html`<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label=${label}>
    ${svg`<path d=${path}></path>`}
  </svg>`;
}
