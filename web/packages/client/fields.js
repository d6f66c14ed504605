/**
 * Reading what came from outside: each value is what it should be, or an error says which is not.
 * @import { Dictionary, EncodingUse, GroupStatus, Speaker } from "./protocol.js"
 */

/** A message that does not follow the protocol. */
export class ProtocolError extends Error {
  /** @override */
  name = "ProtocolError";
}

/**
 * @param {unknown} value
 * @returns {value is Dictionary}
 */
export function isDictionary(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of one message, read as what they should be. What is absent is empty. */
export class Fields {
  #object;

  /** @param {Dictionary} object */
  constructor(object) {
    this.#object = object;
  }

  /** @param {string} name */
  value(name) {
    return this.#object[name] ?? null;
  }

  /** @param {string} name */
  text(name) {
    const value = this.value(name) ?? "";
    if (typeof value !== "string") throw this.#wrong(name, "text");
    return value;
  }

  /** @param {string} name */
  id(name) {
    const value = this.text(name);
    if (value === "") throw this.#wrong(name, "an id");
    return value;
  }

  /**
   * @template {string} Word
   * @param {string} name
   * @param {Word[]} words
   */
  oneOf(name, words) {
    const value = this.text(name);
    const word = words.find((known) => known === value);
    if (word === undefined) throw this.#wrong(name, words.join(" or "));
    return word;
  }

  /** @param {string} name */
  texts(name) {
    const value = this.value(name) ?? [];
    const texts = Array.isArray(value) && value.filter((item) => typeof item === "string");
    if (!texts || texts.length !== value.length) throw this.#wrong(name, "a list of texts");
    return texts;
  }

  /** @param {string} name */
  flag(name) {
    const value = this.value(name) ?? false;
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false");
    return value;
  }

  /** @param {string} name */
  time(name) {
    const text = this.text(name);
    if (text === "") return null;
    const time = new Date(text);
    if (Number.isNaN(time.getTime())) throw this.#wrong(name, "a time");
    return time;
  }

  /** @param {string} name */
  dictionary(name) {
    const value = this.value(name);
    if (value !== null && !isDictionary(value)) throw this.#wrong(name, "an object");
    return value;
  }

  /** @param {string} name */
  status(name) {
    const status = this.dictionary(name);
    return status === null ? null : decodeStatus(status);
  }

  /**
   * @param {string} name
   * @returns {RTCConfiguration | null}
   */
  rtcConfiguration(name) {
    const value = this.dictionary(name);
    const servers = value?.["iceServers"] ?? [];
    if (!Array.isArray(servers) || !servers.every(isDictionary)) {
      throw this.#wrong(name, "an RTCConfiguration");
    }
    return value;
  }

  /**
   * @param {string} name
   * @returns {Speaker[]}
   */
  speakers(name) {
    return this.#list(name).map((fields) => {
      const level = fields.value("level");
      if (typeof level !== "number") throw this.#wrong(name, "speakers with levels");
      return { id: fields.id("id"), source: fields.id("source"), level };
    });
  }

  /**
   * @param {string} name
   * @returns {EncodingUse[]}
   */
  encodings(name) {
    return this.#list(name).map((fields) => {
      return { rid: fields.text("rid"), active: fields.flag("active") };
    });
  }

  /**
   * @param {string} name
   * @returns {RTCIceCandidateInit}
   */
  candidate(name) {
    const value = this.dictionary(name);
    if (typeof value?.["candidate"] !== "string") throw this.#wrong(name, "a candidate");
    return value;
  }

  /** Objects in a list, each to be read by its own fields. @param {string} name */
  #list(name) {
    const list = this.value(name) ?? [];
    if (!Array.isArray(list) || !list.every(isDictionary)) throw this.#wrong(name, "a list of objects");
    return list.map((entry) => new Fields({ ...entry, type: `${this.text("type")}.${name}` }));
  }

  /**
   * @param {string} name
   * @param {string} expected
   */
  #wrong(name, expected) {
    const type = this.#object["type"];
    return new ProtocolError(`${name} of ${String(type)} should be ${expected}`);
  }
}

/**
 * Reads the status of a group, as it comes with `joined`, from the group's `.status` and in the list
 * of public groups.
 * @param {unknown} value
 * @returns {GroupStatus}
 * @throws {ProtocolError} If it is not one
 */
export function decodeStatus(value) {
  if (!isDictionary(value)) throw new ProtocolError("a status that is not an object");
  for (const name of TEXTS_OF_STATUS) {
    if (!["string", "undefined"].includes(typeof value[name])) {
      throw new ProtocolError(`${name} of a status should be text`);
    }
  }
  if (!["number", "undefined"].includes(typeof value["clientCount"])) {
    throw new ProtocolError("clientCount of a status should be a number");
  }
  return /** @type {GroupStatus} */ ({ name: "", ...value });
}

const TEXTS_OF_STATUS = [
  "name",
  "displayName",
  "description",
  "location",
  "endpoint",
  "redirect",
  "authServer",
  "authPortal",
];
