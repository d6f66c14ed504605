/**
 * The recordings of a group. The server shows them on a page of its own, to members who may record:
 * administrators as such may not.
 */
import { AdminError } from "galene-client/admin";
import { html } from "lit";
import { icon } from "../views/icon.js";
import { Panel } from "./panel.js";
import { w } from "./words.js";

class RecordingsPanel extends Panel {
  constructor() {
    super();
    /** @type {"unknown" | "offered" | "none"} */
    this.offer = "unknown";
  }

  get path() {
    return `/recordings/${this.group.split("/").map(encodeURIComponent).join("/")}/`;
  }

  /** @override */
  load() {
    this.offer = "unknown";
    const { group } = this;
    this.run(async () => {
      // The page asks for credentials before it says anything else; a server without it has none.
      const asking = fetch(this.path, { method: "HEAD", credentials: "omit" });
      const { status } = await asking.catch((cause) => {
        throw new AdminError(0, String(cause));
      });
      if (group === this.group) this.offer = status === 401 || status === 200 ? "offered" : "none";
    });
  }

  /** @override */
  render() {
    return html`<div class="sheet">${this.outcome()} ${this.place()}</div>`;
  }

  place() {
    switch (this.offer) {
      case "unknown":
        return "";
      case "none":
        return html`<p class="quiet">${w("recordings.none")}</p>`;
      case "offered":
        return html`<p>${w("recordings.text")}</p>
          <div class="row">
            <a class="btn" href=${this.path} target="_blank" rel="noopener" data-action="recordings">
              ${icon("film")} ${w("recordings.open")}
            </a>
          </div>`;
    }
  }
}

customElements.define("recordings-panel", RecordingsPanel);
