/**
 * A group's definition while somebody changes it: what was read, and what was typed since. When
 * somebody else has changed the group meanwhile, what was typed is kept on top of what they wrote.
 *
 * @import { Versioned } from "galene-client/admin"
 * @import { Dictionary } from "galene-client"
 */
export class GroupDraft {
  /** @type {Map<string, unknown>} */
  #edits = new Map();
  /** The whole definition as JSON, if that is how it is being changed. @type {string | null} */
  #text = null;
  #read;

  /** @param {Versioned<Dictionary>} read */
  constructor(read) {
    this.#read = read;
  }

  get etag() {
    return this.#read.etag;
  }

  /** What was read. */
  get original() {
    return this.#read.value;
  }

  get isChanged() {
    return this.#text === null ? this.#edits.size > 0 : this.#text !== written(this.original);
  }

  /**
   * Returns what a key is now, `undefined` if it is not there.
   * @param {string} key
   * @returns {unknown}
   */
  get(key) {
    return this.#edits.has(key) ? this.#edits.get(key) : this.original[key];
  }

  /**
   * @param {string} key
   * @param {unknown} value `undefined` to take the key away
   */
  set(key, value) {
    if (same(value, this.original[key]) || (value === undefined && this.original[key] === false)) {
      this.#edits.delete(key);
    } else this.#edits.set(key, value);
  }

  /** The whole as JSON: as it was typed, or else as it would be saved. */
  get text() {
    return this.#text ?? written(this.description());
  }

  set text(text) {
    this.#text = text;
  }

  /**
   * Goes from JSON back to fields; throws a `SyntaxError` if the text is no JSON object.
   */
  leaveText() {
    if (this.#text === null) return;
    const typed = parsed(this.#text);
    this.#text = null;
    this.#edits.clear();
    for (const key of new Set([...Object.keys(this.original), ...Object.keys(typed)])) {
      this.set(key, typed[key]);
    }
  }

  /**
   * Returns what is to be saved; throws a `SyntaxError` if the text is no JSON object.
   * @returns {Dictionary}
   */
  description() {
    if (this.#text !== null) return parsed(this.#text);
    const result = { ...this.original };
    for (const [key, value] of this.#edits) {
      if (value === undefined) delete result[key];
      else result[key] = value;
    }
    return result;
  }

  /**
   * Takes in what somebody else has made of the group. Returns the keys that both changed to
   * different things: what was typed here stays.
   * @param {Versioned<Dictionary>} read
   */
  rebase(read) {
    const before = this.original;
    const edits = [...this.#edits];
    this.#read = read;
    this.#edits.clear();
    for (const [key, value] of edits) this.set(key, value);
    return [...this.#edits.keys()].filter((key) => !same(before[key], read.value[key]));
  }
}

/**
 * Whether two definitions, or parts of them, say the same.
 * @param {unknown} a
 * @param {unknown} b
 */
export function same(a, b) {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/**
 * @param {unknown} value
 * @returns {unknown}
 */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { entries: entries.map(([key, inner]) => [key, sorted(inner)]) };
}

/** @param {Dictionary} description */
function written(description) {
  return JSON.stringify(description, null, 2);
}

/**
 * @param {string} text
 * @returns {Dictionary}
 */
function parsed(text) {
  /** @type {unknown} */
  const value = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SyntaxError("not an object");
  }
  return /** @type {Dictionary} */ (value);
}
