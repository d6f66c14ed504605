/**
 * The page for what does not exist: names the group, if one was asked for.
 */
import { t, useLanguage } from "./i18n/index.js";
import { groupOf } from "./model/address.js";
import { applyTheme } from "./theme.js";
import { browserStore, Settings } from "./model/settings.js";

const settings = new Settings(browserStore());
applyTheme(settings.values.theme);
await useLanguage(settings.values.language);

const group = groupOf(location.pathname);
const isGroup = group !== "";
const say = (/** @type {string} */ selector, /** @type {string} */ text) => {
  const element = document.querySelector(selector);
  if (element) element.textContent = text;
};
document.title = `${t(isGroup ? "problem.nowhere" : "notFound")} – Galène`;
say("h1", t(isGroup ? "problem.nowhere" : "notFound"));
say("#reason", isGroup ? t("notFound.group", { name: group }) : t("problem.nowhere.text"));
say("#home", t("notFound.home"));
