/**
 * Permissions as they are typed.
 */

/**
 * @param {unknown} permissions
 * @returns {string} What is shown and typed
 */
export function permissionText(permissions) {
  if (!Array.isArray(permissions)) return String(permissions ?? "");
  // One word alone would be a role.
  return permissions.length === 1 ? `[${permissions}]` : permissions.join(", ");
}

/**
 * Returns what was typed, as the server wants it: one word is a role, several are a list, and so is
 * one in brackets.
 * @param {string} text
 */
export function permissionsOf(text) {
  const isList = /[[\],]/.test(text);
  const words = text.split(/[\s,[\]"]+/).filter((word) => word !== "");
  return isList || words.length > 1 ? words : (words[0] ?? "");
}
