/**
 * The controls of the meeting.
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { html, nothing } from "lit";
import { canShareScreen } from "../model/devices.js";
import { hasHand } from "../model/tiles.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";

/** @param {View} view */
export function toolbar(view) {
  const { call, ui, set } = view;
  const { local } = call;
  const togglePanel = (/** @type {"chat" | "people"} */ panel) => {
    set({ panel: ui.panel === panel ? null : panel });
  };
  return html`<footer class="bar" id="controls" tabindex="-1">
    <tool-bar aria-label="Controls of the meeting">
      ${button({
        action: "microphone",
        label: local.isMuted ? "Unmute" : "Mute",
        iconName: local.isMuted ? "mic-off" : "mic",
        key: "m",
        tone: local.isMuted ? "off" : "on",
        run: () => call.setMuted(!local.isMuted),
      })}
      ${button({
        action: "camera",
        label: local.isCameraOn ? "Stop video" : "Start video",
        iconName: local.isCameraOn ? "video" : "video-off",
        key: "v",
        tone: local.isCameraOn ? "on" : "off",
        run: () => call.setCamera(!local.isCameraOn),
      })}
      ${canShareScreen()
        ? button({
            action: "share",
            label: "Share screen",
            iconName: "monitor-up",
            key: "s",
            run: () => call.shareScreen(),
          })
        : nothing}
      <span class="gap" aria-hidden="true"></span>
      ${button({
        action: "chat",
        label: "Chat",
        iconName: "message-square",
        key: "c",
        isExpanded: ui.panel === "chat",
        count: call.chat.unread,
        run: () => togglePanel("chat"),
      })}
      ${button({
        action: "people",
        label: "People",
        iconName: "users",
        key: "p",
        isExpanded: ui.panel === "people",
        run: () => togglePanel("people"),
      })}
      ${menu({ label: "More", icon: "ellipsis", text: "More", className: "btn tool", items: moreItems(view) })}
      <span class="gap" aria-hidden="true"></span>
      ${button({
        action: "leave",
        label: "Leave",
        iconName: "phone-off",
        tone: "danger",
        run: () => call.leave(),
      })}
    </tool-bar>
  </footer>`;
}

/**
 * @param {{action: string, label: string, iconName: string, run: () => void, key?: string,
 *   tone?: "on" | "off" | "danger", isExpanded?: boolean, count?: number}} options
 */
function button({ action, label, iconName, run, key, tone, isExpanded, count = 0 }) {
  return html`<button
    class="btn tool ${tone ?? (isExpanded ? "on" : "")}"
    type="button"
    data-action=${action}
    title=${key ? `${label} (${key.toUpperCase()})` : label}
    aria-keyshortcuts=${key ?? nothing}
    aria-expanded=${isExpanded === undefined ? nothing : `${isExpanded}`}
    @click=${run}
  >
    ${icon(iconName)}<span class="label">${label}</span>
    ${count > 0
      ? html`<span class="badge">${count}<span class="vh"> unread</span></span>`
      : nothing}
  </button>`;
}

/**
 * @param {View} view
 * @returns {Item[]}
 */
function moreItems({ call, set }) {
  const isRaised = hasHand(call.self ?? undefined);
  /** @type {Item[]} */
  const items = [
    {
      label: isRaised ? "Lower hand" : "Raise hand",
      icon: "hand",
      run: () => call.raiseHand(!isRaised),
      name: "hand",
    },
    {
      label: "Devices and settings",
      icon: "settings",
      run: () => set({ dialog: { kind: "settings" } }),
      name: "settings",
    },
    {
      label: "Keyboard shortcuts",
      icon: "info",
      run: () => set({ dialog: { kind: "shortcuts" } }),
      name: "shortcuts",
    },
  ];
  if (!call.may("op")) return items;
  items.push(
    { label: "Mute everybody else", icon: "mic-off", run: () => call.muteAll(), name: "mute-all" },
    call.isLocked
      ? { label: "Unlock the group", icon: "lock-open", run: () => call.unlock(), name: "unlock" }
      : { label: "Lock the group…", icon: "lock", run: () => set({ dialog: { kind: "lock" } }), name: "lock" },
    { label: "Clear the chat", icon: "eraser", run: () => call.clearChat(), isDangerous: true, name: "clear-chat" },
  );
  return items;
}
