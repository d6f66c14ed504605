/**
 * The words of the page, in the language of whoever reads them. Catalogues stand beside this file; to
 * add a language, translate `en.js` and name it in `LANGUAGES`.
 *
 * @typedef {keyof typeof en} Key
 * @typedef {string | {zero?: string, one?: string, two?: string, few?: string, many?: string, other: string}} Message
 *   Forms for numbers, as `Intl.PluralRules` names them; `{name}` stands for a value
 * @typedef {Record<Key, Message>} Catalogue
 */
import { en } from "./en.js";

/** The languages there are, each by its own name. */
export const LANGUAGES = { en: "English", fr: "Français" };

/** Those that are written from right to left, for catalogues to come. */
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

/** @type {Catalogue} */
let catalogue = en;
let language = "en";
let plurals = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");

/**
 * Speaks a language from now on: the one that was chosen, or with `system` the first of the
 * browser's that there is.
 * @param {string} wanted
 */
export async function useLanguage(wanted) {
  const wishes = wanted === "system" ? navigator.languages : [wanted];
  const known = wishes.map((wish) => wish.split("-")[0] ?? "").find((wish) => wish in LANGUAGES);
  await load(known ?? "en");
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? "rtl" : "ltr";
}

/** @param {string} name */
async function load(name) {
  // Only what is spoken is loaded; English is there in any case.
  catalogue = name === "fr" ? (await import("./fr.js")).fr : en;
  language = name;
  plurals = new Intl.PluralRules(name);
  numbers = new Intl.NumberFormat(name);
}

/** The language that is spoken, as a BCP 47 tag. */
export function spoken() {
  return language;
}

/**
 * Returns the text for `key`, with values in their places. `count` chooses the form.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return say(catalogue[key], values);
}

/**
 * Puts values in their places, for pages that have a catalogue of their own besides.
 * @param {Message} message
 * @param {Record<string, string | number>} [values]
 */
export function say(message, values = {}) {
  const { count } = values;
  const form = typeof count === "number" ? plurals.select(count) : "other";
  const text = typeof message === "string" ? message : (message[form] ?? message.other);
  return text.replace(/\{(\w+)\}/g, (_, /** @type {string} */ name) => {
    const value = values[name] ?? "";
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

/**
 * Returns a time of day, and the day if it is another one.
 * @param {Date} time
 */
export function clockTime(time) {
  const isToday = time.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { dateStyle: /** @type {const} */ ("medium") };
  return new Intl.DateTimeFormat(language, { ...day, timeStyle: "short" }).format(time);
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: units[power] ?? "byte",
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: 1,
  }).format(bytes / 1000 ** power);
}

/** @param {Iterable<string>} names */
export function list(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names);
}
