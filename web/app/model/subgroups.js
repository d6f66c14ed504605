/**
 * The groups below this one in which somebody is.
 *
 * @import { ServerConnection, ServerWords } from "galene-client"
 *
 * @typedef {{name: string, count: number}} Subgroup
 */
import { Emitter } from "galene-client";

/** @extends {Emitter<{changed: {}}>} */
export class Subgroups extends Emitter {
  /** `null` until the server answered. @type {Subgroup[] | null} */
  list = null;
  #isAsked = false;

  /** Asks the server, if we may. @param {ServerConnection} connection */
  ask(connection) {
    this.#isAsked = true;
    this.list = null;
    connection.groupAction("subgroups");
    this.emit("changed", {});
  }

  /**
   * The server answers in the chat: as a line of text for each group.
   * @param {ServerWords} words
   * @returns {boolean} Whether it is the answer that we wait for
   */
  handleChat({ source, dest, value }) {
    if (!this.#isAsked || source !== "" || dest === "" || typeof value !== "string") return false;
    const list = readSubgroups(value);
    if (list === null) return false;
    this.#isAsked = false;
    this.list = list;
    this.emit("changed", {});
    return true;
  }
}

/**
 * @param {string} text
 * @returns {Subgroup[] | null} `null` if it is something else
 */
export function readSubgroups(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const groups = lines.map((line) => /^(.+) \((\d+) clients?\)$/.exec(line));
  if (groups.includes(null)) return null;
  return groups.map((match) => ({ name: match?.[1] ?? "", count: Number(match?.[2]) }));
}
