/**
 * The page for what does not exist: names the group, if one was asked for.
 */
import { groupOf } from "./model/address.js";
import { applyTheme } from "./theme.js";
import { browserStore, Settings } from "./model/settings.js";

applyTheme(new Settings(browserStore()).values.theme);

const group = groupOf(location.pathname);
const heading = document.querySelector("h1");
const reason = document.querySelector("#reason");
if (group !== "" && heading && reason) {
  document.title = "No such group – Galène";
  heading.textContent = "There is no such group";
  reason.textContent = `This server has no group named “${group}”. Check the address you were given.`;
}
