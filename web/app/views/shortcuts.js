/**
 * What single keys do, outside of fields. Which key it is can be changed; all can be turned off
 * (WCAG 2.2, success criterion 2.1.4).
 * @import { Key } from "../i18n/index.js"
 * @import { Action } from "../model/keys.js"
 * @import { View } from "./group-page.js"
 */
import { actionOf } from "../model/keys.js";

/** What each does, with its name in the list. @type {Record<Action, {label: Key, run: (view: View) => void}>} */
export const SHORTCUTS = {
  mute: { label: "key.mute", run: ({ call }) => call.setMuted(!call.local.isMuted) },
  video: { label: "key.video", run: ({ call }) => call.setCamera(!call.local.isCameraOn) },
  share: { label: "key.share", run: ({ call }) => void call.shareScreen() },
  hand: { label: "key.hand", run: ({ call }) => call.raiseHand(!call.hasHand) },
  chat: { label: "key.chat", run: ({ ui, set }) => set({ panel: ui.panel === "chat" ? null : "chat" }) },
  people: {
    label: "key.people",
    run: ({ ui, set }) => set({ panel: ui.panel === "people" ? null : "people" }),
  },
  layout: { label: "key.layout", run: ({ call }) => nextLayout(call) },
  list: { label: "key.list", run: ({ set }) => set({ dialog: { kind: "shortcuts" } }) },
};

/** @param {View["call"]} call */
function nextLayout(call) {
  const { layout } = call.settings.values;
  call.settings.set({ layout: layout === "auto" ? "grid" : layout === "grid" ? "speaker" : "auto" });
  call.emit("changed", {});
}

/** Whether the microphone is on for as long as the space bar is held. */
let isTalking = false;

/**
 * @param {KeyboardEvent} event
 * @param {View} view
 */
export function actOnKey(event, view) {
  const { call, ui } = view;
  if ((call.phase !== "call" && call.phase !== "lost") || ui.dialog || event.defaultPrevented) return;
  if (event.key === "F6") {
    event.preventDefault();
    return goOn(event.shiftKey);
  }
  if (!call.settings.values.shortcuts || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = /** @type {Element} */ (event.target);
  if (target.closest("input, textarea, select, [role=menu], [contenteditable]")) return;
  if (event.key === " " && !target.closest("button, a, [role=log]")) {
    event.preventDefault();
    if (!event.repeat && call.local.isMuted && call.local.microphone) {
      isTalking = true;
      call.setMuted(false);
    }
    return;
  }
  const action = actionOf(call.settings.values.keys, event.key);
  if (!action || event.repeat) return;
  event.preventDefault();
  SHORTCUTS[action].run(view);
}

/**
 * @param {KeyboardEvent} event
 * @param {View} view
 */
export function actOnKeyUp(event, view) {
  if (event.key === " ") stopTalking(view);
}

/**
 * Ends speaking by the space bar. A window that is no longer in front does not hear that it was let go.
 * @param {View} view
 */
export function stopTalking({ call }) {
  if (!isTalking) return;
  isTalking = false;
  call.setMuted(true);
}

/** Goes to the next part of the page. @param {boolean} isBack */
function goOn(isBack) {
  const parts = /** @type {HTMLElement[]} */ ([
    ...document.querySelectorAll(".call-head h1, main.stage, aside.panel, .bar"),
  ]);
  const index = parts.findIndex((part) => part.contains(document.activeElement));
  const next = parts.at((index + (isBack ? -1 : 1) + parts.length) % parts.length);
  const target = next?.matches(".bar, aside")
    ? next.querySelector("textarea, button:not([tabindex='-1'])")
    : next;
  if (target instanceof HTMLElement) target.focus();
}
