/**
 * The recordings of a group: a list, to download and to delete.
 *
 * @typedef {{name: string, bytes: number, modified: Date | null}} Recording
 */
import { AdminError } from "galene-client/admin";
import { html, nothing, repeat } from "lit";
import { clockTime, size } from "../i18n/index.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { Panel } from "./panel.js";
import { save } from "./save-file.js";
import { timeOf } from "./token-state.js";
import { w } from "./words.js";

class RecordingsPanel extends Panel {
  constructor() {
    super();
    /** @type {Recording[] | null} */
    this.recordings = null;
    /** Whether the server lets us see recordings here. */
    this.isOffered = true;
  }

  /** @override */
  load() {
    this.recordings = null;
    this.run(() => this.read());
  }

  async read() {
    const { group } = this;
    try {
      const list = await this.admin.recordings(group);
      if (group !== this.group) return;
      this.recordings = list.map(({ name, bytes, modified }) => ({
        name: String(name ?? ""),
        bytes: Number(bytes ?? 0),
        modified: timeOf(modified),
      }));
      this.isOffered = true;
    } catch (error) {
      // Galène's server has a page for members only.
      if (!(error instanceof AdminError) || error.status !== 404) throw error;
      this.isOffered = false;
    }
  }

  /** @param {string} name */
  download(name) {
    return this.run(async () => save(name, () => this.admin.recording(this.group, name)));
  }

  /** @param {string} name */
  async delete(name) {
    const question = { title: w("recordings.delete.title", { name }), text: w("recordings.delete.text"), yes: w("delete") };
    if (!(await ask(question))) return;
    await this.run(async () => {
      await this.admin.deleteRecording(this.group, name);
      await this.read();
    }, w("recordings.deleted", { name }));
  }

  /** @override */
  render() {
    return html`<div class="sheet">${this.outcome()} ${this.isOffered ? this.list() : html`<p class="quiet">${w("recordings.elsewhere")} <a href="/recordings/${this.group}/">${w("recordings.page")}</a></p>`}</div>`;
  }

  list() {
    if (this.recordings === null) return nothing;
    if (this.recordings.length === 0) return html`<p class="quiet">${w("recordings.none")}</p>`;
    return html`<ul class="rows" role="list" aria-label=${w("tab.recordings")}>
      ${repeat(
        this.recordings,
        ({ name }) => name,
        ({ name, bytes, modified }) => html`<li class="card item" data-recording=${name}>
          <span class="item-name">${icon("film")} <strong>${name}</strong></span>
          <span class="facts quiet">${size(bytes)} ${modified ? html`· ${clockTime(modified)}` : nothing}</span>
          <span class="row">
            <button class="btn small" type="button" data-action="download" ?disabled=${this.isBusy} @click=${() => this.download(name)}>
              ${icon("save")} ${w("recordings.download")} <span class="vh">${name}</span>
            </button>
            <button class="icon-btn" type="button" data-action="delete" aria-label=${w("recordings.delete", { name })} ?disabled=${this.isBusy} @click=${() => this.delete(name)}>
              ${icon("trash-2")}
            </button>
          </span>
        </li>`,
      )}
    </ul>`;
  }
}

customElements.define("recordings-panel", RecordingsPanel);
