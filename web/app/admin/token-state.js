/**
 * Tokens as the administrative interface has them.
 *
 * @import { Dictionary } from "galene-client"
 *
 * @typedef {"good" | "early" | "expired"} TokenState
 */

/**
 * @param {Dictionary} token
 * @param {number} now In milliseconds since 1970
 * @returns {TokenState}
 */
export function stateOf(token, now) {
  const expires = timeOf(token["expires"]);
  const notBefore = timeOf(token["not-before"]);
  if (expires !== null && expires.getTime() <= now) return "expired";
  return notBefore !== null && notBefore.getTime() > now ? "early" : "good";
}

/**
 * @param {unknown} value
 * @returns {Date | null} `null` if there is none, or it is none
 */
export function timeOf(value) {
  if (typeof value !== "string") return null;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? null : time;
}

/**
 * Where a token leads: into its group, or for an administrator to this page.
 * @param {string} origin
 * @param {string} group Empty for a token of the whole server
 * @param {string} name
 * @param {Dictionary} token
 * @returns {string} Empty if it leads nowhere by itself
 */
export function linkOf(origin, group, name, token) {
  const permissions = Array.isArray(token["permissions"]) ? token["permissions"] : [];
  const query = new URLSearchParams({ token: name });
  if (permissions.includes("admin")) {
    if (group !== "") query.set("group", group);
    return `${origin}/admin/?${query}`;
  }
  if (group === "") return "";
  const path = group.split("/").map(encodeURIComponent).join("/");
  return `${origin}/group/${path}/?${query}`;
}
