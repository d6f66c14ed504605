/**
 * What of a group's definition has a field in the form, and how fields and definitions say the same
 * thing. Everything else of a definition can be changed as JSON.
 *
 * @import { Word } from "./words.js"
 *
 * @typedef {"text" | "long" | "url" | "number" | "time" | "list" | "flag"} Kind
 *
 * @typedef {object} Field
 * @property {string} key In the definition
 * @property {Kind} kind
 * @property {Word} label
 * @property {Word} [hint]
 *
 * @typedef {{title: Word, fields: Field[]}} Section
 */

/** @type {Section[]} */
export const SECTIONS = [
  {
    title: "section.about",
    fields: [
      { key: "displayName", kind: "text", label: "field.displayName", hint: "field.displayName.hint" },
      { key: "description", kind: "long", label: "field.description" },
      { key: "contact", kind: "text", label: "field.contact", hint: "field.private" },
      { key: "comment", kind: "long", label: "field.comment", hint: "field.private" },
    ],
  },
  {
    title: "section.doors",
    fields: [
      { key: "public", kind: "flag", label: "field.public" },
      { key: "max-clients", kind: "number", label: "field.maxClients", hint: "field.maxClients.hint" },
      { key: "not-before", kind: "time", label: "field.notBefore" },
      { key: "expires", kind: "time", label: "field.expires", hint: "field.expires.hint" },
      { key: "autolock", kind: "flag", label: "field.autolock" },
      { key: "autokick", kind: "flag", label: "field.autokick" },
      { key: "redirect", kind: "url", label: "field.redirect", hint: "field.redirect.hint" },
    ],
  },
  {
    title: "section.possible",
    fields: [
      { key: "unrestricted-tokens", kind: "flag", label: "field.unrestrictedTokens" },
      { key: "allow-recording", kind: "flag", label: "field.allowRecording" },
      { key: "auto-subgroups", kind: "flag", label: "field.autoSubgroups" },
      { key: "max-history-age", kind: "number", label: "field.maxHistoryAge", hint: "field.maxHistoryAge.hint" },
      { key: "max-cameras", kind: "number", label: "field.maxCameras", hint: "field.maxCameras.hint" },
      { key: "codecs", kind: "list", label: "field.codecs", hint: "field.codecs.hint" },
    ],
  },
  {
    title: "section.elsewhere",
    fields: [
      { key: "authServer", kind: "url", label: "field.authServer", hint: "field.authServer.hint" },
      { key: "authPortal", kind: "url", label: "field.authPortal" },
    ],
  },
];

/**
 * Returns what a field shows.
 * @param {Kind} kind
 * @param {unknown} value Of the definition
 */
export function shown(kind, value) {
  if (value === undefined || value === null) return "";
  if (kind === "list") return Array.isArray(value) ? value.join(", ") : String(value);
  if (kind === "time") return localTime(String(value));
  return String(value);
}

/**
 * Returns what the definition says if somebody typed this: `undefined` if the key should not be there.
 * @param {Kind} kind
 * @param {string} text
 */
export function meant(kind, text) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  switch (kind) {
    case "number": {
      const number = Number(trimmed);
      // What is no number is left to the server, which says so at the right place.
      return Number.isFinite(number) ? number : trimmed;
    }
    case "list":
      return trimmed.split(/[\s,]+/).filter((word) => word !== "");
    case "time": {
      const time = new Date(trimmed);
      return Number.isNaN(time.getTime()) ? trimmed : time.toISOString();
    }
    case "long":
    case "text":
    case "url":
      return trimmed;
    case "flag":
      return trimmed === "true" ? true : undefined;
  }
}

/**
 * Returns a moment as fields for local times have it, to the minute; as it is if it is none.
 * @param {string} iso
 */
export function localTime(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day}T${two(time.getHours())}:${two(time.getMinutes())}`;
}
