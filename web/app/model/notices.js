/**
 * Short messages to the user that come and go.
 *
 * @typedef {"info" | "success" | "warning" | "danger"} Tone
 *
 * @typedef {object} Notice
 * @property {number} id
 * @property {Tone} tone
 * @property {string} text
 * @property {{label: string, run: () => void} | null} action
 */
import { Emitter } from "galene-client";

/** More than these at once would hide the meeting; the oldest go first. */
const MAX_NOTICES = 4;

/** Long enough to read one sentence. */
const SHOWN_MS = 6000;

/** What warns stays longer; what went wrong, or can be acted upon, until it is dismissed. */
const WARNING_SHOWN_MS = 15_000;

/** @extends {Emitter<{changed: {}}>} */
export class Notices extends Emitter {
  /** @type {Notice[]} */
  list = [];
  #ids = 0;

  /**
   * @param {Tone} tone
   * @param {string} text
   * @param {Notice["action"]} [action]
   */
  show(tone, text, action = null) {
    const id = (this.#ids += 1);
    // The same thing twice is said once, but anew.
    const others = this.list.filter((notice) => notice.text !== text);
    this.list = [...others, { id, tone, text, action }].slice(-MAX_NOTICES);
    if (!action && tone !== "danger") {
      const time = tone === "warning" ? WARNING_SHOWN_MS : SHOWN_MS;
      setTimeout(() => this.dismiss(id), time);
    }
    this.emit("changed", {});
    return id;
  }

  /** Dismisses everything: another part of the page follows. */
  clear() {
    if (this.list.length === 0) return;
    this.list = [];
    this.emit("changed", {});
  }

  /** @param {number} id */
  dismiss(id) {
    if (!this.list.some((notice) => notice.id === id)) return;
    this.list = this.list.filter((notice) => notice.id !== id);
    this.emit("changed", {});
  }
}
