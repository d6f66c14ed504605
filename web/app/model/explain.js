/**
 * Words for what went wrong on the way into a meeting.
 *
 * @typedef {object} Problem
 * @property {string} title
 * @property {string} text
 * @property {"username" | "password" | null} field Which field to look at
 */
import { JoinError } from "galene-client";
import { t } from "../i18n/index.js";
import { LoginError } from "./login.js";

/**
 * @param {unknown} error
 * @param {boolean} [hasToken] Whether it was tried with an invitation
 * @returns {Problem}
 */
export function explain(error, hasToken = false) {
  if (!(error instanceof JoinError) || error.kind === "closed") {
    const own = error instanceof LoginError ? error.message : t("problem.unreachable.text");
    return { title: t("problem.unreachable"), text: own, field: null };
  }
  const says = sentence(error.message);
  switch (error.code) {
    case "need-username":
      return { title: t("problem.name"), text: t("problem.name.text"), field: "username" };
    case "duplicate-username":
      return { title: t("problem.taken"), text: t("problem.taken.text"), field: "username" };
  }
  // The server has no code for the following, so that only its words tell them apart. If they change,
  // its own words are shown, which is not wrong either.
  if (/not authori[sz]ed|wrong (user|name|password)|invitation is not valid/i.test(error.message)) {
    return hasToken
      ? { title: t("problem.invitation"), text: t("problem.invitation.text"), field: null }
      : { title: t("problem.password"), text: t("problem.password.text"), field: "password" };
  }
  if (/misconfigured/i.test(error.message)) {
    return { title: t("problem.broken"), text: says, field: null };
  }
  if (/(does not|doesn't) exist/i.test(error.message)) {
    return { title: t("problem.nowhere"), text: t("problem.nowhere.text"), field: null };
  }
  return { title: t("problem.other"), text: says, field: null };
}

/**
 * Makes a sentence of the server's words.
 * @param {string} text
 */
export function sentence(text) {
  const trimmed = text.trim();
  if (trimmed === "") return t("problem.silent");
  const [first = "", ...rest] = trimmed;
  const closed = /[.!?…]$/.test(trimmed) ? "" : ".";
  return first.toLocaleUpperCase() + rest.join("") + closed;
}
