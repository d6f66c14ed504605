/**
 * What can be typed into a chat that begins with a slash: Galène's commands. What they do, and in
 * which words they are explained, is up to the page.
 *
 * @typedef {keyof typeof COMMANDS} CommandName
 *
 * @typedef {"user" | "text" | "message" | "expiry" | "link" | "key" | "value"} Parameter
 *
 * @typedef {object} Command
 * @property {readonly Parameter[]} parameters The last one takes the rest of the line
 * @property {number} required How many of them must be there
 * @property {readonly string[]} needs The permissions that it takes
 * @property {boolean} isHidden Whether lists leave it out: for those who know
 *
 * @typedef {{kind: "nothing"} | {kind: "say", text: string} | {kind: "me", text: string}
 *   | {kind: "command", name: CommandName, values: string[]}
 *   | {kind: "unknown", name: string}
 *   | {kind: "denied", name: CommandName}
 *   | {kind: "incomplete", name: CommandName, missing: Parameter}} Input
 */

export const COMMANDS = /** @satisfies {Record<string, Command>} */ ({
  help: command([]),
  me: command(["text"]),
  msg: command(["user", "text"], { needs: ["message"] }),
  leave: command([]),
  clear: command([], { needs: ["op"] }),
  lock: command(["message"], { required: 0, needs: ["op"] }),
  unlock: command([], { needs: ["op"] }),
  record: command([], { needs: ["record"] }),
  unrecord: command([], { needs: ["record"] }),
  subgroups: command([], { needs: ["op"] }),
  invite: command(["user", "expiry"], { required: 0, needs: ["token"] }),
  reinvite: command(["link", "expiry"], { required: 1, needs: ["op", "token"] }),
  revoke: command(["link"], { needs: ["op", "token"] }),
  listtokens: command([], { needs: ["op", "token"] }),
  renegotiate: command([]),
  replace: command([], { isHidden: true }),
  sharescreen: command([], { needs: ["present"] }),
  unsharescreen: command([]),
  presentfile: command([], { needs: ["present"] }),
  sendfile: command(["user"], { needs: ["message"] }),
  kick: command(["user", "message"], { required: 1, needs: ["op"] }),
  identify: command(["user"], { needs: ["op"] }),
  op: command(["user"], { needs: ["op"] }),
  unop: command(["user"], { needs: ["op"] }),
  present: command(["user"], { needs: ["op"] }),
  unpresent: command(["user"], { needs: ["op"] }),
  shutup: command(["user"], { needs: ["op"] }),
  unshutup: command(["user"], { needs: ["op"] }),
  mute: command(["user"], { needs: ["op"] }),
  muteall: command([], { needs: ["op"] }),
  warn: command(["user", "message"], { needs: ["op"] }),
  wall: command(["message"], { needs: ["op"] }),
  raise: command([]),
  unraise: command([]),
  set: command(["key", "value"], { required: 0, isHidden: true }),
  unset: command(["key"], { isHidden: true }),
  "relay-test": command([], { isHidden: true }),
});

/**
 * @param {Parameter[]} parameters
 * @param {Partial<Command>} [rest]
 * @returns {Command}
 */
function command(parameters, rest = {}) {
  return { parameters, required: parameters.length, needs: [], isHidden: false, ...rest };
}

/**
 * Returns the commands that somebody with these permissions may use, in the order of the alphabet.
 * @param {readonly string[]} permissions
 * @returns {CommandName[]}
 */
export function availableCommands(permissions) {
  return names()
    .filter((name) => !COMMANDS[name].isHidden && isAllowed(name, permissions))
    .sort();
}

/**
 * Understands what was typed. A line that begins with two slashes is said, with one of them.
 * @param {string} line
 * @param {readonly string[]} permissions
 * @returns {Input}
 */
export function parseInput(line, permissions) {
  if (line.trim() === "") return { kind: "nothing" };
  if (line.startsWith("//")) return { kind: "say", text: line.slice(1) };
  const match = /^\/(\S*)\s*([^]*)$/.exec(line);
  if (!match) return { kind: "say", text: line };
  const [, typed = "", rest = ""] = match;
  const name = names().find((known) => known === typed);
  if (!name) return { kind: "unknown", name: typed };
  if (!isAllowed(name, permissions)) return { kind: "denied", name };
  const { parameters, required } = COMMANDS[name];
  const values = splitValues(rest.trimEnd(), parameters.length);
  const missing = parameters[values.length];
  if (missing && values.length < required) return { kind: "incomplete", name, missing };
  if (name === "me") return { kind: "me", text: values[0] ?? "" };
  return { kind: "command", name, values };
}

/** How long an expiry unit is, in milliseconds. */
const UNITS = {
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  mon: 31 * 86_400_000,
  yr: 365 * 86_400_000,
};

/**
 * Reads a time: so much from now, such as `2d`, or a date.
 * @param {string} text
 * @param {Date} now
 * @returns {Date | null} `null` if it is neither
 */
export function parseExpiry(text, now) {
  const match = /^(\d+)\s*(s|min|h|d|mon|yr)$/.exec(text.trim());
  if (match) {
    const unit = UNITS[/** @type {keyof typeof UNITS} */ (match[2])];
    return new Date(now.getTime() + Number(match[1]) * unit);
  }
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}

function names() {
  return /** @type {CommandName[]} */ (Object.keys(COMMANDS));
}

/**
 * @param {CommandName} name
 * @param {readonly string[]} permissions
 */
function isAllowed(name, permissions) {
  return COMMANDS[name].needs.every((needed) => permissions.includes(needed));
}

/**
 * Splits at spaces. All but the last may stand in quotation marks, and have `\` before a character
 * that should be taken as it is; the last one is the rest of the line.
 * @param {string} text
 * @param {number} count
 */
function splitValues(text, count) {
  /** @type {string[]} */
  const values = [];
  let rest = text;
  while (rest !== "" && values.length < count) {
    if (values.length === count - 1 && count > 1) {
      values.push(rest);
      break;
    }
    const { value, end } = count === 1 ? whole(rest) : word(rest);
    values.push(value);
    rest = rest.slice(end).trimStart();
  }
  return values;
}

/**
 * A single value may have spaces, as names do; quotation marks around it are taken off.
 * @param {string} text
 */
function whole(text) {
  const isQuoted = /^(["']).*\1$/.test(text) && text.length > 1;
  return { value: isQuoted ? word(text).value : text, end: text.length };
}

/** @param {string} text */
function word(text) {
  const quote = text[0] === '"' || text[0] === "'" ? text[0] : "";
  let value = "";
  let index = quote === "" ? 0 : 1;
  for (; index < text.length; index += 1) {
    const letter = text[index] ?? "";
    if (letter === "\\" && index + 1 < text.length) {
      index += 1;
      value += text[index];
    } else if (quote === "" ? /\s/.test(letter) : letter === quote) {
      index += quote === "" ? 0 : 1;
      break;
    } else {
      value += letter;
    }
  }
  return { value, end: index };
}
