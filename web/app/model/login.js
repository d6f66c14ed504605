/**
 * Ways to prove who one is: a password, an invitation, or another server that vouches.
 *
 * @import { Credentials, GroupStatus } from "galene-client"
 */
import { t } from "../i18n/index.js";

/** A server that vouches for users gave no answer that helps. */
export class LoginError extends Error {
  /** @override */
  name = "LoginError";
}

/**
 * Returns the token in an address, and takes it out of what the browser shows and remembers: who looks
 * over one's shoulder must not read it.
 * @param {Location} location
 * @param {History} history
 */
export function takeToken(location, history) {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  if (location.search !== "") history.replaceState(null, "", location.pathname + location.hash);
  return token;
}

/**
 * Returns what to join with.
 * @param {GroupStatus | null} status
 * @param {{group: string, username: string, password: string, token: string}} wish
 * @param {Pick<Location, "origin" | "pathname">} location
 * @returns {Promise<Credentials>}
 */
export async function credentialsFor(status, { group, username, password, token }, location) {
  if (token !== "") return { group, token, ...(username === "" ? {} : { username }) };
  if (!status?.authServer) return { group, username, password };
  const voucher = await askAuthServer(status.authServer, {
    location: location.origin + location.pathname,
    username,
    password,
  });
  return voucher === null ? { group, username, password } : { group, username, token: voucher };
}

/**
 * Asks a server to vouch for a user.
 * @param {string} server
 * @param {{location: string, username: string, password: string}} who
 * @returns {Promise<string | null>} A token, or `null` if the group's own server should decide
 */
async function askAuthServer(server, who) {
  const response = await fetch(server, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(who),
  }).catch(() => {
    throw new LoginError(t("problem.authServer"));
  });
  if (response.status === 204) return null;
  if (!response.ok) throw new LoginError(t("problem.authRefused"));
  const text = await response.text();
  const isToken = /^application\/jwt\b/i.test(response.headers.get("Content-Type") ?? "");
  if (!isToken || text === "") throw new LoginError(t("problem.authServer"));
  return text;
}
