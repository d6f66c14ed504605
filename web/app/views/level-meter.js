/**
 * A bar that shows how loud the microphone is.
 */

/** How often the number is told to screen readers; the bar itself moves with the picture. */
const VALUE_MS = 500;

import { t } from "../i18n/index.js";

class LevelMeter extends HTMLElement {
  /** Returns from 0 to 100. */
  source = () => 0;
  #frame = 0;
  #told = 0;

  connectedCallback() {
    if (!this.firstElementChild) this.append(document.createElement("span"));
    this.setAttribute("role", "meter");
    this.setAttribute("aria-label", t("meter"));
    this.setAttribute("aria-valuemin", "0");
    this.setAttribute("aria-valuemax", "100");
    this.setAttribute("aria-valuenow", "0");
    const show = (/** @type {number} */ now) => {
      this.#show(now);
      this.#frame = requestAnimationFrame(show);
    };
    this.#frame = requestAnimationFrame(show);
  }

  disconnectedCallback() {
    cancelAnimationFrame(this.#frame);
  }

  /** @param {number} now */
  #show(now) {
    const level = this.source();
    this.style.setProperty("--level", `${level}%`);
    if (now - this.#told < VALUE_MS) return;
    this.#told = now;
    this.setAttribute("aria-valuenow", `${level}`);
  }
}

customElements.define("level-meter", LevelMeter);
