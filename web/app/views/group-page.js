/**
 * The whole page of a group: shows the state of the call, and what is open on the page itself.
 *
 * @import { User } from "galene-client"
 * @import { Call } from "../model/call.js"
 *
 * @typedef {{kind: "lock"} | {kind: "wall"} | {kind: "kick", user: User} | {kind: "warn", user: User}
 *   | {kind: "record"} | {kind: "settings"} | {kind: "subgroups"} | {kind: "shortcuts"} | {kind: "invite"}
 *   | {kind: "password"} | {kind: "volume", key: string, name: string}
 *   | {kind: "stats", stream: string, name: string}} Dialog
 *
 * @typedef {object} Ui What is open, apart from the call
 * @property {"chat" | "people" | null} panel
 * @property {Dialog | null} dialog
 * @property {string} recipient Who the next message is for; empty for everybody
 * @property {number} page Of the tiles
 * @property {{width: number, height: number}} space For tiles
 *
 * @typedef {object} View What views show, and where they report to
 * @property {Call} call
 * @property {Readonly<Ui>} ui
 * @property {(changes: Partial<Ui>) => void} set
 * @property {() => void} float Shows the meeting in a small window over others, or no longer
 */
import { html, LitElement, nothing } from "lit";
import { t } from "../i18n/index.js";
import { isAllowed } from "../model/devices.js";
import { callView } from "./call-view.js";
import { joinView } from "./join-view.js";
import { noticesView } from "./notices-view.js";
import { presentFile, sendFiles } from "./file-items.js";
import { FloatingWindow } from "./float.js";
import { actOnKey, actOnKeyUp, stopTalking } from "./shortcuts.js";
import "./chat-scroller.js";
import "./command-field.js";
import "./level-meter.js";
import "./menu-button.js";
import "./tile-grid.js";
import "./tool-bar.js";

/** What is not needed to join is loaded this long after: pictures and sound come first. */
const LATER_MS = 3000;

export class GroupPage extends LitElement {
  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
    /** @type {Ui} */
    this.ui = {
      panel: null,
      dialog: null,
      recipient: "",
      page: 0,
      space: { width: 960, height: 600 },
    };
    this.announcement = "";
    this.floating = new FloatingWindow();
    /** What opens over the meeting, once it is loaded. @type {typeof import("./dialogs.js") | null} */
    this.dialogs = null;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @param {Call} call */
  show(call) {
    this.call = call;
    let { phase } = call;
    call.on("changed", () => {
      if (phase !== call.phase && call.phase === "call" && phase !== "lost") this.enter();
      phase = call.phase;
      this.requestUpdate();
    });
    call.on("announced", ({ text }) => {
      this.announcement = text;
      this.requestUpdate();
    });
    call.on("wanted", ({ what, user }) => {
      if (what === "presentfile") presentFile(call);
      else if (user) sendFiles(call, user);
    });
    addEventListener("beforeunload", (event) => {
      // What is being sent would be lost; nothing else would.
      if (call.files.isBusy) event.preventDefault();
    });
    call.load();
    call.devices.refresh();
    this.resumeDevices(call);
    document.addEventListener("keydown", (event) => {
      if (this.view) actOnKey(event, this.view);
    });
    document.addEventListener("keyup", (event) => {
      if (this.view) actOnKeyUp(event, this.view);
    });
    addEventListener("blur", () => {
      if (this.view) stopTalking(this.view);
    });
    this.requestUpdate();
  }

  /** @returns {View | null} */
  get view() {
    const { call, ui } = this;
    const float = () => void this.floating.toggle(/** @type {View} */ (this.view));
    return call && { call, ui, set: (changes) => this.set(changes), float };
  }

  /** @param {Partial<Ui>} changes */
  set(changes) {
    this.ui = { ...this.ui, ...changes };
    this.call?.chat.setWatched(this.ui.panel === "chat");
    if (changes.dialog) this.loadDialogs();
    this.requestUpdate();
  }

  /** Loads what opens over the meeting: nobody needs it to join. */
  async loadDialogs() {
    try {
      this.dialogs ??= await import("./dialogs.js");
    } catch {
      this.call?.notices.show("danger", t("problem.unreachable"));
      this.ui = { ...this.ui, dialog: null };
    }
    this.requestUpdate();
  }

  /** Opens what was open on the last visit, if that asks nothing of the user. @param {Call} call */
  async resumeDevices(call) {
    const { cameraOn, microphoneOn } = call.settings.values;
    if (cameraOn && (await isAllowed("camera"))) await call.local.setCamera(true);
    if (microphoneOn && (await isAllowed("microphone"))) await call.local.setMuted(false);
  }

  /** The meeting begins. */
  async enter() {
    // On a wide screen there is room for the chat beside the tiles.
    const panel = matchMedia("(min-width: 1100px)").matches ? "chat" : null;
    this.set({ panel, recipient: "", page: 0 });
    await this.updateComplete;
    this.querySelector("h1")?.focus();
    // It must be there even if the server is not, when it is needed.
    setTimeout(() => this.loadDialogs(), LATER_MS);
  }

  /** @override */
  updated() {
    const { call } = this;
    if (!call) return;
    const dialog = this.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
    document.documentElement.dataset["phase"] = call.phase;
    if (this.view) this.floating.update(this.view);
    const unread = call.chat.unread > 0 ? `(${call.chat.unread}) ` : "";
    document.title = `${unread}${call.title} – Galène`;
  }

  /** @override */
  render() {
    const { view } = this;
    if (!view) return nothing;
    const isInCall = view.call.phase === "call" || view.call.phase === "lost";
    return html`
      ${isInCall ? callView(view) : joinView(view)} ${noticesView(view.call.notices)}
      <div class="vh" role="status" data-announcement>${this.announcement}</div>
      ${this.dialogs?.dialogView(view) ?? nothing}
    `;
  }
}
