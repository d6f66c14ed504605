/**
 * Which key does what. Keys can be changed and turned off one by one (WCAG 2.2, success criterion
 * 2.1.4).
 *
 * @typedef {keyof typeof DEFAULT_KEYS} Action
 * @typedef {Partial<Record<Action, string>>} Keys Only those that are not as at first; empty for none
 */

/** The keys as they are at first. */
export const DEFAULT_KEYS = {
  mute: "m",
  video: "v",
  share: "s",
  hand: "h",
  chat: "c",
  people: "p",
  layout: "l",
  list: "?",
};

/** All there is a key for. */
export const ACTIONS = /** @type {Action[]} */ (Object.keys(DEFAULT_KEYS));

/**
 * Returns the key for an action; empty if there is none.
 * @param {Keys} keys
 * @param {Action} action
 */
export function keyFor(keys, action) {
  return keys[action] ?? DEFAULT_KEYS[action];
}

/**
 * Returns what a key does, or `null`.
 * @param {Keys} keys
 * @param {string} key
 */
export function actionOf(keys, key) {
  return ACTIONS.find((action) => keyFor(keys, action) === key.toLowerCase()) ?? null;
}

/**
 * Gives an action another key.
 * @param {Keys} keys
 * @param {Action} action
 * @param {string} key As in `KeyboardEvent.key`; `Backspace` or `Delete` for none
 * @returns {{keys: Keys} | {taken: Action} | null} The keys from then on; what has that key already;
 *   or `null` if it cannot be one
 */
export function rebind(keys, action, key) {
  const isNone = key === "Backspace" || key === "Delete";
  // The space bar is for speaking, and named keys are for moving about.
  if (!isNone && !isKey(key)) return null;
  const wanted = isNone ? "" : key.toLowerCase();
  const taken = wanted === "" ? null : actionOf(keys, wanted);
  if (taken && taken !== action) return { taken };
  const { [action]: _, ...others } = keys;
  return { keys: wanted === DEFAULT_KEYS[action] ? others : { ...others, [action]: wanted } };
}

/**
 * Whether a value, which may come from anywhere, tells keys.
 * @param {unknown} value
 */
export function areKeys(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([action, key]) => {
    return Object.hasOwn(DEFAULT_KEYS, action) && (key === "" || (typeof key === "string" && isKey(key)));
  });
}

/** @param {string} key */
function isKey(key) {
  return [...key].length === 1 && key.trim() !== "";
}
