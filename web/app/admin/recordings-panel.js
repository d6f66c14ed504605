/**
 * The recordings of a group: what there is, and away with it. They are watched on a page of the
 * server's, by members who may record: administrators as such may not.
 * @import { Recording } from "galene-client/admin"
 */
import { AdminError } from "galene-client/admin";
import { html, nothing, repeat } from "lit";
import { recordingsPathOf } from "../model/address.js";
import { clockTime, size } from "../i18n/index.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { Panel, unlessGone } from "./panel.js";
import { w } from "./words.js";

class RecordingsPanel extends Panel {
  constructor() {
    super();
    /** The last first; `null` if the server does not tell. @type {Recording[] | null} */
    this.list = null;
    /** Whether there is a page for members; `null` until that is known. @type {boolean | null} */
    this.hasPage = null;
  }

  get path() {
    return recordingsPathOf(this.group);
  }

  /** @override */
  load() {
    this.list = null;
    this.hasPage = null;
    this.run(() => this.read());
  }

  /** @override */
  async read() {
    const { group } = this;
    const list = await unlessGone(this.admin.recordings(group));
    // Galène's server does not tell, but may have the page.
    const hasPage = list !== null || (await isThere(this.path));
    if (this.group !== group) return;
    const time = (/** @type {Recording} */ { modified }) => modified?.getTime() ?? 0;
    this.list = list && list.sort((a, b) => time(b) - time(a));
    this.hasPage = hasPage;
  }

  /** @param {Recording} recording */
  async delete({ name, etag }) {
    const question = {
      title: w("recordings.delete.title", { name }),
      text: w("recordings.delete.text"),
      yes: w("delete"),
    };
    if (!(await ask(question))) return;
    await this.change(
      () => this.admin.deleteRecording(this.group, name, etag),
      w("recordings.deleted", { name }),
    );
  }

  /** @override */
  render() {
    return html`<div class="sheet">${this.outcome()} ${this.place()}</div>`;
  }

  place() {
    if (this.hasPage === null) return nothing;
    if (!this.hasPage) return html`<p class="quiet">${w("recordings.none")}</p>`;
    return html`
      ${this.list === null ? nothing : this.rows(this.list)}
      <p class="hint">${w("recordings.text")}</p>
      <div class="row">
        <a class="btn" href=${this.path} target="_blank" rel="noopener" data-action="recordings">
          ${icon("film")} ${w("recordings.open")}
        </a>
      </div>
    `;
  }

  /** @param {Recording[]} list */
  rows(list) {
    if (list.length === 0) return html`<p class="quiet" data-empty>${w("recordings.empty")}</p>`;
    return html`<ul class="rows" role="list" aria-label=${w("tab.recordings")}>
      ${repeat(
        list,
        ({ name }) => name,
        (recording) => this.item(recording),
      )}
    </ul>`;
  }

  /** @param {Recording} recording */
  item(recording) {
    const { name, modified } = recording;
    return html`<li class="card item" data-recording=${name}>
      <span class="item-name">${icon("film")} <strong>${name}</strong></span>
      <span class="quiet">${modified ? `${clockTime(modified)} · ` : ""}${size(recording.size)}</span>
      <span class="row">
        <button class="icon-btn" type="button" data-action="delete" aria-label=${w("recordings.delete", { name })} ?disabled=${this.isBusy} @click=${() => this.delete(recording)}>
          ${icon("trash-2")}
        </button>
      </span>
    </li>`;
  }
}

/**
 * Whether the server has a page at a path, whoever may see it.
 * @param {string} path
 */
async function isThere(path) {
  // It asks for credentials before it says anything else.
  const { status } = await fetch(path, { method: "HEAD", credentials: "omit" }).catch((cause) => {
    throw new AdminError(0, String(cause));
  });
  return status === 401 || status === 200;
}

customElements.define("recordings-panel", RecordingsPanel);
