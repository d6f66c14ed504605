/**
 * Single keys that do things, outside of fields. They can be turned off in the settings
 * (WCAG 2.2, success criterion 2.1.4).
 * @import { View } from "./group-page.js"
 */
import { hasHand } from "../model/tiles.js";

/** @type {{key: string, label: string, run: (view: View) => void}[]} */
export const SHORTCUTS = [
  {
    key: "m",
    label: "Mute or unmute",
    run: ({ call }) => call.setMuted(!call.local.isMuted),
  },
  {
    key: "v",
    label: "Start or stop video",
    run: ({ call }) => call.setCamera(!call.local.isCameraOn),
  },
  { key: "s", label: "Share the screen", run: ({ call }) => void call.shareScreen() },
  {
    key: "h",
    label: "Raise or lower the hand",
    run: ({ call }) => call.raiseHand(!hasHand(call.self ?? undefined)),
  },
  {
    key: "c",
    label: "Open or close the chat",
    run: ({ ui, set }) => set({ panel: ui.panel === "chat" ? null : "chat" }),
  },
  {
    key: "p",
    label: "Open or close the list of people",
    run: ({ ui, set }) => set({ panel: ui.panel === "people" ? null : "people" }),
  },
  { key: "?", label: "Show this list", run: ({ set }) => set({ dialog: { kind: "shortcuts" } }) },
];

/**
 * @param {KeyboardEvent} event
 * @param {View} view
 */
export function actOnKey(event, view) {
  const { call, ui } = view;
  if (call.phase !== "call" || ui.dialog || !call.settings.values.shortcuts) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
  const target = /** @type {Element} */ (event.target);
  if (target.closest("input, textarea, select, [role=menu], [contenteditable]")) return;
  const shortcut = SHORTCUTS.find(({ key }) => key === event.key.toLowerCase());
  if (!shortcut) return;
  event.preventDefault();
  shortcut.run(view);
}
