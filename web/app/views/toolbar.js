/**
 * The controls of the meeting.
 * @import { Action } from "../model/keys.js"
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { html, nothing } from "lit";
import { t } from "../i18n/index.js";
import { REACTIONS } from "../model/attention.js";
import { canPresentFile, canShareScreen } from "../model/devices.js";
import { keyFor } from "../model/keys.js";
import { presentFile } from "./file-items.js";
import { canFloat } from "./float.js";
import { groupItems } from "./group-items.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";

/** @param {View} view */
export function toolbar(view) {
  const { call, ui, set } = view;
  const { local } = call;
  const isRaised = call.hasHand;
  const key = (/** @type {Action} */ action) => keyFor(call.settings.values.keys, action);
  const togglePanel = (/** @type {"chat" | "people"} */ panel) => {
    set({ panel: ui.panel === panel ? null : panel });
  };
  return html`<footer class="bar" id="controls" tabindex="-1">
    <tool-bar aria-label=${t("controls")}>
      ${button({
        action: "microphone",
        label: local.isMuted ? t("unmute") : t("mute"),
        iconName: local.isMuted ? "mic-off" : "mic",
        key: key("mute"),
        tone: local.isMuted ? "off" : "on",
        run: () => call.setMuted(!local.isMuted),
      })}
      ${button({
        action: "camera",
        label: local.isCameraOn ? t("video.stop") : t("video.start"),
        iconName: local.isCameraOn ? "video" : "video-off",
        key: key("video"),
        tone: local.isCameraOn ? "on" : "off",
        run: () => call.setCamera(!local.isCameraOn),
      })}
      ${canShareScreen()
        ? button({
            action: "share",
            label: t("share"),
            iconName: "monitor-up",
            key: key("share"),
            className: "wide-only",
            run: () => call.shareScreen(),
          })
        : nothing}
      <span class="gap" aria-hidden="true"></span>
      ${button({
        action: "hand",
        label: isRaised ? t("hand.lower") : t("hand.raise"),
        iconName: "hand",
        key: key("hand"),
        ...(isRaised ? { tone: /** @type {const} */ ("on") } : {}),
        run: () => call.raiseHand(!isRaised),
      })}
      ${call.may("message")
        ? html`<span class="wide-only">
            ${menu({
              label: t("react"),
              icon: "smile",
              className: "btn tool",
              items: REACTIONS.map((reaction) => {
                return { label: reaction, icon: "", run: () => call.react(reaction), name: reaction };
              }),
              menuClass: "reactions",
            })}
          </span>`
        : nothing}
      ${button({
        action: "chat",
        label: t("chat"),
        iconName: "message-square",
        key: key("chat"),
        isExpanded: ui.panel === "chat",
        count: call.chat.unread,
        run: () => togglePanel("chat"),
      })}
      ${button({
        action: "people",
        label: t("people"),
        iconName: "users",
        key: key("people"),
        isExpanded: ui.panel === "people",
        run: () => togglePanel("people"),
      })}
      ${menu({ label: t("more"), icon: "ellipsis", text: t("more"), className: "btn tool", items: moreItems(view) })}
      <span class="gap" aria-hidden="true"></span>
      ${button({
        action: "leave",
        label: t("leave"),
        iconName: "phone-off",
        tone: "danger",
        run: () => call.leave(),
      })}
    </tool-bar>
  </footer>`;
}

/**
 * @param {{action: string, label: string, iconName: string, run: () => void, key?: string,
 *   tone?: "on" | "off" | "danger", isExpanded?: boolean, count?: number, className?: string}} options
 */
function button({ action, label, iconName, run, key, tone, isExpanded, count = 0, className = "" }) {
  return html`<button
    class="btn tool ${className} ${tone ?? (isExpanded ? "on" : "")}"
    type="button"
    data-action=${action}
    title=${key ? `${label} (${key.toUpperCase()})` : label}
    aria-keyshortcuts=${key || nothing}
    aria-expanded=${isExpanded === undefined ? nothing : `${isExpanded}`}
    @click=${run}
  >
    ${icon(iconName)}<span class="label">${label}</span>
    ${count > 0
      ? html`<span class="badge"><span class="vh">, </span>${count}<span class="vh"> ${t("unread")}</span></span>`
      : nothing}
  </button>`;
}

/**
 * @param {View} view
 * @returns {Item[]}
 */
function moreItems(view) {
  const { call, set, float } = view;
  const layout = call.settings.values.layout;
  const choose = (/** @type {typeof layout} */ wanted) => () => {
    call.settings.set({ layout: wanted });
    call.emit("changed", {});
  };
  const mark = (/** @type {typeof layout} */ one) => (layout === one ? "check" : LAYOUT_ICONS[one]);
  /** @type {Item[]} */
  const items = [
    { label: t("layout.auto"), icon: mark("auto"), run: choose("auto"), name: "layout-auto", isChosen: layout === "auto" },
    { label: t("layout.grid"), icon: mark("grid"), run: choose("grid"), name: "layout-grid", isChosen: layout === "grid" },
    {
      label: t("layout.speaker"),
      icon: mark("speaker"),
      run: choose("speaker"),
      name: "layout-speaker",
      isChosen: layout === "speaker",
    },
  ];
  if (canFloat()) {
    items.push({ label: t("float"), icon: "picture-in-picture-2", run: float, name: "float" });
  }
  if (canShareScreen()) {
    items.push({ label: t("share"), icon: "monitor-up", run: () => void call.shareScreen(), name: "share" });
  }
  if (call.may("present") && canPresentFile()) {
    items.push({ label: t("presentFile"), icon: "film", run: () => presentFile(call), name: "presentfile" });
  }
  if (call.local.isCameraOn && call.devices.cameras.length > 1) {
    items.push({ label: t("camera.flip"), icon: "switch-camera", run: () => call.local.flipCamera(), name: "flip" });
  }
  if (call.may("token")) {
    const run = () => set({ dialog: { kind: "invite" } });
    items.push({ label: t("invite"), icon: "user-plus", run, name: "invite" });
  }
  if (call.hasPassword && call.connection?.status.canChangePassword) {
    const run = () => set({ dialog: { kind: "password" } });
    items.push({ label: t("password.change"), icon: "key-round", run, name: "password" });
  }
  items.push(
    {
      label: t("settings"),
      icon: "settings",
      run: () => set({ dialog: { kind: "settings" } }),
      name: "settings",
    },
    {
      label: t("shortcuts"),
      icon: "info",
      run: () => set({ dialog: { kind: "shortcuts" } }),
      name: "shortcuts",
    },
    ...groupItems(view),
  );
  return items;
}

const LAYOUT_ICONS = { auto: "layout-dashboard", grid: "layout-grid", speaker: "presentation" };
