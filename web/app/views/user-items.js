/**
 * What can be done with a user; for operators, more.
 * @import { PermissionChange, User } from "galene-client"
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { t } from "../i18n/index.js";
import { canPresentFile } from "../model/devices.js";
import { displayName } from "../model/text.js";
import { hasHand } from "../model/tiles.js";
import { presentFile, sendFiles } from "./file-items.js";

/**
 * @param {View} view
 * @param {User} user
 * @returns {Item[]}
 */
export function userItems({ call, set }, user) {
  const { moderation } = call;
  /** @type {Item[]} */
  const items = [];
  if (call.may("message")) {
    const run = () => set({ panel: "chat", recipient: user.id });
    items.push(
      { label: t("user.message"), icon: "message-square", run, name: "message" },
      {
        label: t("user.sendFile"),
        icon: "paperclip",
        run: () => {
          set({ panel: "chat" });
          sendFiles(call, user);
        },
        name: "sendfile",
      },
    );
  }
  if (!call.may("op") || !moderation) return items;
  const has = (/** @type {string} */ permission) => user.permissions.includes(permission);
  const change = (/** @type {PermissionChange} */ name, /** @type {string} */ icon) => {
    return { label: t(`user.${name}`), icon, run: () => moderation.change(user.id, name), name };
  };
  const mute = () => {
    moderation.mute(user.id);
    call.notices.show("info", t("notice.askedSilent", { name: displayName(user.username) }));
  };
  items.push({ label: t("user.mute"), icon: "mic-off", run: mute, name: "mute" });
  if (hasHand(user)) {
    const run = () => call.connection?.userMessage("lowerhand", null, { dest: user.id });
    items.push({ label: t("user.lowerHand"), icon: "hand", run, name: "lowerhand" });
  }
  items.push(
    has("present") ? change("unpresent", "ban") : change("present", "presentation"),
    has("message") ? change("shutup", "message-square-off") : change("unshutup", "message-square"),
    has("op") ? change("unop", "shield") : change("op", "shield"),
    {
      label: t("user.warn"),
      icon: "triangle-alert",
      run: () => set({ dialog: { kind: "warn", user } }),
      name: "warn",
    },
    {
      label: t("user.identify"),
      icon: "info",
      run: () => moderation.identify(user.id),
      name: "identify",
    },
    {
      label: t("user.kick"),
      icon: "user-x",
      run: () => set({ dialog: { kind: "kick", user } }),
      isDangerous: true,
      name: "kick",
    },
  );
  return items;
}

/**
 * What one can do with oneself.
 * @param {View} view
 * @returns {Item[]}
 */
export function selfItems({ call, set }) {
  const isRaised = call.hasHand;
  /** @type {Item[]} */
  const items = [
    {
      label: isRaised ? t("hand.lower") : t("hand.raise"),
      icon: "hand",
      run: () => call.raiseHand(!isRaised),
      name: "hand",
    },
  ];
  if (call.may("token")) {
    const run = () => set({ dialog: { kind: "invite" } });
    items.push({ label: t("invite"), icon: "user-plus", run, name: "invite" });
  }
  if (call.may("present") && canPresentFile()) {
    items.push({ label: t("presentFile"), icon: "film", run: () => presentFile(call), name: "presentfile" });
  }
  if (call.hasPassword && call.connection?.status.canChangePassword) {
    const run = () => set({ dialog: { kind: "password" } });
    items.push({ label: t("password.change"), icon: "key-round", run, name: "password" });
  }
  return items;
}
