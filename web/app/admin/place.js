/**
 * Where in the page one is. It stands behind the `#` of the address, so that "Back" works and a
 * place can be bookmarked; the server never sees it.
 *
 * @typedef {"settings" | "users" | "tokens" | "live" | "recordings"} Tab
 * @typedef {{at: "live" | "tokens" | "new"} | {at: "group", group: string, tab: Tab}} Place
 */

/** @type {Tab[]} */
export const TABS = ["settings", "users", "tokens", "live", "recordings"];

/**
 * @param {string} hash
 * @returns {Place}
 */
export function placeOf(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const group = parameters.get("group");
  if (group) {
    const tab = TABS.find((name) => name === parameters.get("tab")) ?? "settings";
    return { at: "group", group, tab };
  }
  const at = parameters.get("at");
  return { at: at === "tokens" || at === "new" ? at : "live" };
}

/** @param {Place} place */
export function hashOf(place) {
  const values = place.at === "group" ? { group: place.group, tab: place.tab } : { at: place.at };
  return `#${new URLSearchParams(values)}`;
}

/**
 * Takes an administrator's token and the group that it is for out of the address of the page, where
 * it would be seen and remembered.
 * @param {Location} location
 * @param {History} history
 */
export function takeEntry(location, history) {
  const url = new URL(location.href);
  const token = url.searchParams.get("token") ?? "";
  const group = url.searchParams.get("group") ?? "";
  if (url.search !== "") {
    url.search = "";
    history.replaceState(null, "", url);
  }
  return { token, group };
}
