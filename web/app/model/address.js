/**
 * The addresses of groups, and of what was recorded in them.
 */

const PREFIX = "/group/";

/**
 * Returns the name of the group at an URL path, or an empty text if there is none.
 * @param {string} path
 */
export function groupOf(path) {
  if (!path.startsWith(PREFIX)) return "";
  const name = path.slice(PREFIX.length).replace(/\/+$/, "");
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/**
 * Whether a group can have this name. No part of one is empty or begins with a dot, and none has a
 * backslash: browsers and servers would read the address as another one.
 * @param {string} name
 */
export function isGroupName(name) {
  return !name.includes("\\") && name.split("/").every((part) => part !== "" && !part.startsWith("."));
}

/**
 * Returns the URL path of the page that lists what was recorded in a group.
 * @param {string} name
 */
export function recordingsPathOf(name) {
  return `/recordings/${encoded(name)}/`;
}

/**
 * Returns the URL path of a group. Slashes stay: they separate a group from its subgroups.
 * @param {string} name
 */
export function pathOf(name) {
  return `${PREFIX}${encoded(name)}/`;
}

/** @param {string} name */
function encoded(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}
