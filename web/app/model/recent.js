/**
 * The groups that were visited lately. They stay in this browser, and can be forgotten.
 *
 * @import { Store } from "./settings.js"
 *
 * @typedef {{name: string, title: string}} Visit The name of a group, and what it called itself
 */

/** Where they are kept. The number changes if what is kept can no longer be understood. */
const KEY = "galene.recent.1";

/** More would be a list to search in, and the first page is no diary. */
const MAX_KEPT = 6;

export class RecentGroups {
  #store;

  /** @param {Store | null} store `null` if the browser refuses us one: then nothing is remembered */
  constructor(store) {
    this.#store = store;
  }

  /** The last first. @returns {Visit[]} */
  get list() {
    /** @type {unknown} */
    let kept;
    try {
      kept = JSON.parse(this.#store?.getItem(KEY) ?? "[]");
    } catch {
      return [];
    }
    return Array.isArray(kept) ? kept.filter(isVisit).slice(0, MAX_KEPT) : [];
  }

  /** @param {Visit} visit */
  add({ name, title }) {
    const others = this.list.filter((visit) => visit.name !== name);
    this.#keep([{ name, title }, ...others].slice(0, MAX_KEPT));
  }

  clear() {
    this.#keep([]);
  }

  /** @param {Visit[]} list */
  #keep(list) {
    try {
      this.#store?.setItem(KEY, JSON.stringify(list));
    } catch {
      // The store is full: this visit is not remembered.
    }
  }
}

/**
 * @param {unknown} value
 * @returns {value is Visit}
 */
function isVisit(value) {
  if (typeof value !== "object" || value === null) return false;
  const { name, title } = /** @type {Record<string, unknown>} */ (value);
  return typeof name === "string" && name !== "" && typeof title === "string";
}
