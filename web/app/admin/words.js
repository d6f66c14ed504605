/**
 * The words of the administrator's page. They stand apart from those of meetings, so that who meets
 * does not load them; what both pages say, such as "Close", is taken from there.
 *
 * @import { Message } from "../i18n/index.js"
 *
 * @typedef {keyof typeof en} Word
 */
import { say, spoken } from "../i18n/index.js";
import { en } from "./en.js";

/** @type {Record<Word, Message>} */
let catalogue = en;

/** Speaks the language that `useLanguage` chose. */
export async function useWords() {
  catalogue = spoken() === "fr" ? (await import("./fr.js")).fr : en;
}

/**
 * Returns the text for `word`, with values in their places.
 * @param {Word} word
 * @param {Record<string, string | number>} [values]
 */
export function w(word, values) {
  return say(catalogue[word], values);
}
