/**
 * What this browser remembers from one visit to the next.
 *
 * @typedef {"low" | "balanced" | "best"} Quality
 * @typedef {"everything" | "audio"} Receive
 * @typedef {"system" | "light" | "dark"} Theme
 *
 * @typedef {object} Values
 * @property {string} name
 * @property {string} camera Id of the device; empty for the browser's choice
 * @property {string} microphone
 * @property {string} speaker
 * @property {boolean} cameraOn
 * @property {boolean} microphoneOn
 * @property {Quality} quality
 * @property {Receive} receive
 * @property {Theme} theme
 * @property {boolean} shortcuts Whether single keys do things
 *
 * @typedef {Pick<Storage, "getItem" | "setItem">} Store
 */

/** Where it is kept. The number changes if what is kept can no longer be understood. */
const KEY = "galene.settings.1";

/** @type {Readonly<Values>} */
const DEFAULTS = {
  name: "",
  camera: "",
  microphone: "",
  speaker: "",
  cameraOn: true,
  microphoneOn: true,
  quality: "balanced",
  receive: "everything",
  theme: "system",
  shortcuts: true,
};

/** Words that a setting may be, where not every word will do. */
const CHOICES = {
  quality: ["low", "balanced", "best"],
  receive: ["everything", "audio"],
  theme: ["system", "light", "dark"],
};

export class Settings {
  /** @type {Values} */
  #values;
  #store;

  /** @param {Store | null} store `null` if the browser refuses us one: then nothing is remembered */
  constructor(store) {
    this.#store = store;
    this.#values = { ...DEFAULTS, ...read(store) };
  }

  /** @returns {Readonly<Values>} */
  get values() {
    return this.#values;
  }

  /** @param {Partial<Values>} changes */
  set(changes) {
    this.#values = { ...this.#values, ...changes };
    try {
      this.#store?.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // The store is full: the choice counts for this visit only.
      this.#store = null;
    }
  }
}

/** Returns the browser's store, if it lets us have it. */
export function browserStore() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

/**
 * Reads what was kept, and of that only what is as it should be.
 * @param {Store | null} store
 * @returns {Partial<Values>}
 */
function read(store) {
  /** @type {unknown} */
  let kept;
  try {
    kept = JSON.parse(store?.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
  if (typeof kept !== "object" || kept === null) return {};
  const entries = Object.entries(kept).filter(([name, value]) => {
    const expected = /** @type {Record<string, unknown>} */ (DEFAULTS)[name];
    const choices = /** @type {Record<string, string[]>} */ (CHOICES)[name];
    return typeof value === typeof expected && (!choices || choices.includes(String(value)));
  });
  return Object.fromEntries(entries);
}
