/**
 * What this browser remembers from one visit to the next.
 *
 * @typedef {"low" | "balanced" | "best"} Quality
 * @typedef {"everything" | "low" | "screens" | "audio" | "nothing"} Receive
 * @typedef {"system" | "light" | "dark"} Theme
 * @typedef {"auto" | "grid" | "speaker"} LayoutMode
 * @typedef {"auto" | "on" | "off"} Simulcast
 * @typedef {"none" | "blur" | "picture"} BackdropKind
 *
 * @import { Keys } from "./keys.js"
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
 * @property {Keys} keys Those that are not as at first
 * @property {string} language `system`, or one that there is a catalogue for
 * @property {LayoutMode} layout
 * @property {Simulcast} simulcast
 * @property {boolean} echoCancellation
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGain
 * @property {boolean} music Sound as it is, with more bits: nothing is filtered out
 * @property {boolean} blackboard Detail before motion
 * @property {BackdropKind} backdrop What is behind us
 * @property {boolean} mirror Whether we see ourselves as in a mirror
 * @property {boolean} hideSelf
 * @property {boolean} showSilent Whether those without a picture have a tile
 * @property {boolean} forceRelay Whether media go through a relay even where they need not
 * @property {"small" | "large"} captions
 *
 * @typedef {Pick<Storage, "getItem" | "setItem">} Store
 */

import { areKeys } from "./keys.js";

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
  keys: {},
  language: "system",
  layout: "auto",
  simulcast: "auto",
  echoCancellation: true,
  noiseSuppression: true,
  autoGain: true,
  music: false,
  blackboard: false,
  backdrop: "none",
  mirror: true,
  hideSelf: false,
  showSilent: true,
  forceRelay: false,
  captions: "small",
};

/** Words that a setting may be, where not every word will do. */
const CHOICES = {
  quality: ["low", "balanced", "best"],
  receive: ["everything", "low", "screens", "audio", "nothing"],
  theme: ["system", "light", "dark"],
  language: ["system", "en", "fr"],
  layout: ["auto", "grid", "speaker"],
  simulcast: ["auto", "on", "off"],
  backdrop: ["none", "blur", "picture"],
  captions: ["small", "large"],
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

  /**
   * Sets one value that somebody typed, if there is such a setting and it may be that.
   * @param {string} name
   * @param {unknown} value
   */
  accept(name, value) {
    if (!isAllowed(name, value)) return false;
    this.set({ [name]: value });
    return true;
  }

  /** Sets one value as it was at first. @param {string} name */
  reset(name) {
    if (name in DEFAULTS) this.set({ [name]: /** @type {Record<string, unknown>} */ (DEFAULTS)[name] });
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
  return Object.fromEntries(Object.entries(kept).filter(([name, value]) => isAllowed(name, value)));
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function isAllowed(name, value) {
  if (!Object.hasOwn(DEFAULTS, name)) return false;
  if (name === "keys") return areKeys(value);
  const expected = /** @type {Record<string, unknown>} */ (DEFAULTS)[name];
  const choices = /** @type {Record<string, string[]>} */ (CHOICES)[name];
  return typeof value === typeof expected && (!choices || choices.includes(String(value)));
}
