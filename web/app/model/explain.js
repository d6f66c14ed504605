/**
 * Words for what went wrong on the way into a meeting.
 *
 * @typedef {object} Problem
 * @property {string} title
 * @property {string} text
 * @property {"username" | "password" | null} field Which field to look at
 */
import { JoinError } from "galene-client";

/**
 * @param {unknown} error
 * @returns {Problem}
 */
export function explain(error) {
  if (!(error instanceof JoinError) || error.kind === "closed") {
    return {
      title: "The server cannot be reached",
      text: "Check your connection to the Internet, then try again.",
      field: null,
    };
  }
  const says = sentence(error.message);
  switch (error.code) {
    case "need-username":
      return { title: "A name is needed", text: "Tell the others who you are.", field: "username" };
    case "duplicate-username":
      return { title: "This name is taken", text: "Choose another one.", field: "username" };
  }
  // The server has no code for the following, so that only its words tell them apart. If they change,
  // its own words are shown, which is not wrong either.
  if (/not authori[sz]ed|wrong (user|name|password)/i.test(error.message)) {
    return {
      title: "Wrong name or password",
      text: "This name and password do not open this group. Check both and try again.",
      field: "password",
    };
  }
  if (/misconfigured/i.test(error.message)) {
    return { title: "This group does not work at the moment", text: says, field: null };
  }
  if (/(does not|doesn't) exist/i.test(error.message)) {
    return { title: "There is no such group", text: "Check the address of this page.", field: null };
  }
  return { title: "You could not join", text: says, field: null };
}

/**
 * Makes a sentence of the server's words.
 * @param {string} text
 */
export function sentence(text) {
  const trimmed = text.trim();
  if (trimmed === "") return "The server did not say why.";
  const [first = "", ...rest] = trimmed;
  const closed = /[.!?…]$/.test(trimmed) ? "" : ".";
  return first.toLocaleUpperCase() + rest.join("") + closed;
}
