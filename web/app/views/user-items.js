/**
 * What can be done with another user; for operators, more.
 * @import { User } from "galene-client"
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */

/**
 * @param {View} view
 * @param {User} user
 * @returns {Item[]}
 */
export function userItems({ call, set }, user) {
  /** @type {Item[]} */
  const items = [];
  if (call.may("message")) {
    const run = () => set({ panel: "chat", recipient: user.id });
    items.push({ label: "Private message", icon: "message-square", run, name: "message" });
  }
  if (!call.may("op")) return items;
  const has = (/** @type {string} */ permission) => user.permissions.includes(permission);
  items.push(
    { label: "Mute", icon: "mic-off", run: () => call.mute(user), name: "mute" },
    has("present")
      ? { label: "Forbid to present", icon: "ban", run: () => call.act(user, "unpresent"), name: "unpresent" }
      : { label: "Allow to present", icon: "presentation", run: () => call.act(user, "present"), name: "present" },
    has("message")
      ? { label: "Forbid to chat", icon: "message-square-off", run: () => call.act(user, "shutup"), name: "shutup" }
      : { label: "Allow to chat", icon: "message-square", run: () => call.act(user, "unshutup"), name: "unshutup" },
    has("op")
      ? { label: "No longer an operator", icon: "shield", run: () => call.act(user, "unop"), name: "unop" }
      : { label: "Make an operator", icon: "shield", run: () => call.act(user, "op"), name: "op" },
    {
      label: "Remove…",
      icon: "user-x",
      run: () => set({ dialog: { kind: "kick", user } }),
      isDangerous: true,
      name: "kick",
    },
  );
  return items;
}
