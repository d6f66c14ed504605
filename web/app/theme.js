/**
 * Light or dark: as the system has it, unless the user chose.
 * @import { Theme } from "./model/settings.js"
 */

/** @param {Theme} theme */
export function applyTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
