/**
 * Small things about words.
 *
 * @typedef {{text: string, href: string | null}} Part Text, and where it leads if it is a link
 */

import { t } from "../i18n/index.js";

const LINK = /\bhttps?:\/\/[^\s<>"]+/g;

/** Marks that end a sentence rather than an address. */
const CLOSING = /[.,:;!?'»”]+$/;

/**
 * Splits text at its links. Only `http` and `https` count: nothing that runs.
 * @param {string} text
 * @returns {Part[]}
 */
export function linkify(text) {
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    let link = match[0].replace(CLOSING, "");
    // A bracket belongs to the address only if it was opened there.
    if (link.endsWith(")") && !link.includes("(")) link = link.slice(0, -1).replace(CLOSING, "");
    if (!URL.canParse(link)) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), href: null });
    parts.push({ text: link, href: link });
    end = match.index + link.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: null });
  return parts;
}

/**
 * Returns one or two letters for somebody without a picture.
 * @param {string} name
 */
export function initials(name) {
  const words = name.split(/[\s._@/-]+/).filter((word) => word !== "");
  const [first, ...rest] = words;
  const chosen = [first, rest.at(-1)].filter((word) => word !== undefined);
  // Spread, so that a letter of two code units stays whole.
  return chosen.map((word) => [...word][0]?.toLocaleUpperCase() ?? "").join("") || "?";
}

/**
 * Returns the name to show for a user.
 * @param {string} username
 */
export function displayName(username) {
  return username === "" ? t("anonymous") : username;
}

/**
 * Returns a colour for a person: one of a few hues, always the same for the same name.
 * @param {string} name
 * @returns {number} From 0 to 5
 */
export function hueOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % 6;
}
