/**
 * A form for a group that does not exist yet: its name, and who may come in. Everything else can be
 * set afterwards.
 */
import { AdminError, WILDCARD_USER } from "galene-client/admin";
import { html } from "lit";
import { isGroupName } from "../model/address.js";
import { icon } from "../views/icon.js";
import { Panel, reason } from "./panel.js";
import { w } from "./words.js";

/** Emits `made`, which bubbles, with the name of the group. */
class NewGroup extends Panel {
  /** @override */
  firstUpdated() {
    this.querySelector("input")?.focus();
  }

  /** @param {SubmitEvent} event */
  async make(event) {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const name = String(fields.get("name") ?? "").trim().replace(/^\/+|\/+$/g, "");
    const title = String(fields.get("title") ?? "").trim();
    if (!isGroupName(name)) {
      this.problem = w("new.badName");
      return;
    }
    const isDone = await this.run(async () => {
      await this.admin.createGroup(name, {
        ...(title === "" ? {} : { displayName: title }),
        ...(fields.has("public") ? { public: true } : {}),
      });
      if (fields.get("door") === "open") {
        await this.admin.createUser(name, WILDCARD_USER, "present");
        await this.admin.allowAnyPassword(name, WILDCARD_USER);
      }
      await this.office.refresh();
    });
    if (isDone) this.dispatchEvent(new CustomEvent("made", { bubbles: true, detail: name }));
    else this.querySelector("input")?.focus();
  }

  /**
   * @override
   * @param {unknown} error
   */
  explain(error) {
    const exists = error instanceof AdminError && error.status === 412;
    this.problem = exists ? w("new.exists") : reason(error);
  }

  /** @override */
  render() {
    return html`<form class="sheet narrow" @submit=${this.make} data-form="group">
      <h2 tabindex="-1">${w("new.title")}</h2>
      <div class="field">
        <label for="new-name">${w("new.name")}</label>
        <input
          id="new-name"
          name="name"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          aria-describedby="new-name-hint"
          aria-invalid=${this.problem === "" ? "false" : "true"}
        />
        <p class="hint" id="new-name-hint">${w("new.name.hint")}</p>
      </div>
      <div class="field">
        <label for="new-title">${w("field.displayName")}</label>
        <input id="new-title" name="title" autocomplete="off" />
      </div>
      <fieldset class="fields">
        <legend>${w("new.door")}</legend>
        <label class="check"><input type="radio" name="door" value="closed" checked /> <span>${w("new.door.closed")}</span></label>
        <label class="check"><input type="radio" name="door" value="open" /> <span>${w("new.door.open")}</span></label>
      </fieldset>
      <label class="check"><input type="checkbox" name="public" /> <span>${w("field.public")}</span></label>
      ${this.outcome()}
      <div class="row">
        <button class="btn primary" data-action="make-group" ?disabled=${this.isBusy}>${icon("plus")} ${w("new.make")}</button>
        <a class="btn" href="#at=live">${w("cancel")}</a>
      </div>
    </form>`;
  }
}

customElements.define("new-group", NewGroup);
