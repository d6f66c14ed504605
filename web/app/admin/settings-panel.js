/**
 * How a group is set up: a form for what is usual, and JSON for everything.
 * @import { Field } from "./group-fields.js"
 */
import { AdminError } from "galene-client/admin";
import { html, live, nothing } from "lit";
import { list } from "../i18n/index.js";
import { sentence } from "../model/explain.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { GroupDraft, same } from "./group-draft.js";
import { meant, SECTIONS, shown } from "./group-fields.js";
import { Panel, reason } from "./panel.js";
import { w } from "./words.js";

/** The server saved a definition, but not these keys of it. */
class UnknownKeys extends Error {
  /** @param {string[]} keys */
  constructor(keys) {
    super();
    this.keys = keys;
  }
}

/** Emits `deleted`, which bubbles, when the group is gone. */
class SettingsPanel extends Panel {
  constructor() {
    super();
    /** @type {GroupDraft | null} */
    this.draft = null;
    this.isText = false;
    /** What stands in fields as it was typed: definitions know neither spaces at ends nor half a number. @type {Map<string, string>} */
    this.typed = new Map();
    /** Whether somebody else has changed the group since it was read. */
    this.hasConflict = false;
    /** What both changed, once theirs was taken in. @type {string[]} */
    this.contested = [];
    /** Whether theirs was taken in while this was changed as JSON, where the two are not mixed. */
    this.hasTheirs = false;
    /** The key that the server does not like. */
    this.wrongKey = "";
  }

  /** @override */
  load() {
    this.draft = null;
    this.isText = false;
    this.typed.clear();
    this.forgetProblems();
    const { group } = this;
    this.run(async () => {
      const draft = new GroupDraft(await this.admin.group(group));
      if (this.group === group) this.draft = draft;
    });
  }

  /** Whether there is something typed that was not saved. */
  get isChanged() {
    return this.draft?.isChanged ?? false;
  }

  forgetProblems() {
    this.hasConflict = false;
    this.contested = [];
    this.hasTheirs = false;
    this.wrongKey = "";
    this.problem = "";
    this.said = "";
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const { draft, group } = this;
    if (!draft) return;
    this.forgetProblems();
    const isSaved = await this.run(async () => {
      const description = draft.description();
      await this.write(draft, description).catch(async (error) => {
        if (!(error instanceof AdminError) || error.status !== 412) throw error;
        // Users and keys are in the same file: if only those were changed, nobody is in our way.
        const now = await this.admin.group(group);
        if (!same(now.value, draft.original)) throw error;
        draft.rebase(now);
        await this.write(draft, description);
      });
      const saved = new GroupDraft(await this.admin.group(group));
      const unknown = Object.keys(description).filter((key) => !(key in saved.original));
      if (unknown.length > 0) {
        // What the server left out without a word is still there to be mended.
        saved.text = draft.text;
        this.draft = saved;
        throw new UnknownKeys(unknown);
      }
      this.draft = saved;
      this.isText = false;
      this.typed.clear();
    }, w("settings.saved"));
    if (!isSaved) this.focusProblem();
  }

  /**
   * @param {GroupDraft} draft
   * @param {import("galene-client").Dictionary} description
   */
  write(draft, description) {
    return this.admin.updateGroup(this.group, description, draft.etag);
  }

  /**
   * @override
   * @param {unknown} error
   */
  explain(error) {
    if (error instanceof UnknownKeys) {
      this.problem = w("settings.unknown", { keys: list(error.keys) });
      return;
    }
    if (error instanceof SyntaxError) {
      this.problem = w("json.wrong", { reason: error.message });
      return;
    }
    if (error instanceof AdminError && error.status === 412) {
      this.hasConflict = true;
      return;
    }
    this.problem = reason(error);
    // The server names the place: `line 1, column 19, key `max-clients`: …`.
    const place = /\bcolumn \d+, key `([^`]+)`: (.*)/s.exec(error instanceof AdminError ? error.message : "");
    this.wrongKey = place?.[1] ?? "";
    if (place?.[2]) this.problem = `${this.wrongKey}: ${sentence(place[2])}`;
  }

  /** Takes in what somebody else wrote, and keeps what was typed here. */
  async takeTheirs() {
    const { draft, group } = this;
    if (!draft) return;
    const isDone = await this.run(async () => {
      this.contested = draft.rebase(await this.admin.group(group));
      this.hasTheirs = true;
    }, w(this.isText ? "conflict.beside" : "conflict.taken"));
    if (isDone) this.hasConflict = false;
    this.requestUpdate();
  }

  /** Brings whoever cannot see the page to what is wrong. */
  async focusProblem() {
    await this.updateComplete;
    const place = this.querySelector('[aria-invalid="true"], [data-conflict] button');
    if (place instanceof HTMLElement) place.focus();
  }

  toggleText() {
    const { draft } = this;
    if (!draft) return;
    this.forgetProblems();
    this.requestUpdate();
    if (!this.isText) {
      // From here on, the text is what counts.
      draft.text = draft.text;
      this.isText = true;
      return;
    }
    try {
      draft.leaveText();
      this.typed.clear();
      this.isText = false;
    } catch (error) {
      this.explain(error);
    }
  }

  async delete() {
    const { group, draft } = this;
    if (!draft) return;
    const question = {
      title: w("group.delete.title", { name: group }),
      text: w("group.delete.text"),
      yes: w("group.delete"),
    };
    if (!(await ask(question))) return;
    const isDone = await this.run(async () => {
      // What was read is asked for again: users that were changed since are in the same file.
      const { etag } = await this.admin.group(group);
      await this.admin.deleteGroup(group, etag);
      await this.office.refresh();
    });
    if (isDone) this.dispatchEvent(new CustomEvent("deleted", { bubbles: true }));
  }

  /** @override */
  render() {
    const { draft } = this;
    if (!draft) return this.outcome();
    return html`<form class="sheet" @submit=${this.save} novalidate>
      ${this.hasConflict ? this.conflict() : nothing}
      ${this.isText ? this.textField(draft) : SECTIONS.map((section) => this.section(draft, section))}
      ${this.outcome()}
      <div class="row bar">
        <button class="btn primary" data-action="save" ?disabled=${this.isBusy || !draft.isChanged}>
          ${icon("save")} ${w("save")}
        </button>
        <button class="btn" type="button" data-action="json" @click=${this.toggleText}>
          ${this.isText ? w("json.leave") : w("json.enter")}
        </button>
        <span class="space"></span>
        <button class="btn off" type="button" data-action="delete-group" ?disabled=${this.isBusy} @click=${this.delete}>
          ${icon("trash-2")} ${w("group.delete")}
        </button>
      </div>
    </form>`;
  }

  conflict() {
    return html`<div class="problem" role="alert" data-conflict>
      ${icon("triangle-alert")}
      <div>
        <strong>${w("conflict.title")}</strong>
        <p>${w("conflict.text")}</p>
        <button class="btn small" type="button" data-action="take-theirs" @click=${this.takeTheirs}>
          ${icon("refresh-cw")} ${w("conflict.reload")}
        </button>
      </div>
    </div>`;
  }

  /** @param {GroupDraft} draft */
  textField(draft) {
    const type = (/** @type {InputEvent} */ event) => {
      draft.text = /** @type {HTMLTextAreaElement} */ (event.target).value;
      this.requestUpdate();
    };
    const isWrong = this.problem !== "";
    return html`
      <div class="field">
        <label for="group-json">${w("json.label")}</label>
        <textarea
          id="group-json"
          class="code"
          rows="18"
          spellcheck="false"
          autocapitalize="none"
          aria-invalid=${isWrong ? "true" : "false"}
          aria-describedby="group-json-hint"
          .value=${live(draft.text)}
          @input=${type}
        ></textarea>
        <p class="hint" id="group-json-hint">${w("json.hint")}</p>
      </div>
      ${!this.hasTheirs
        ? nothing
        : html`<div class="field">
            <label for="group-theirs">${w("json.theirs")}</label>
            <textarea id="group-theirs" class="code" rows="8" readonly .value=${JSON.stringify(draft.original, null, 2)}></textarea>
          </div>`}
    `;
  }

  /**
   * @param {GroupDraft} draft
   * @param {import("./group-fields.js").Section} section
   */
  section(draft, { title, fields }) {
    return html`<fieldset class="fields">
      <legend>${w(title)}</legend>
      ${fields.map((field) => (field.kind === "flag" ? this.flag(draft, field) : this.field(draft, field)))}
    </fieldset>`;
  }

  /**
   * @param {GroupDraft} draft
   * @param {Field} field
   */
  flag(draft, { key, label }) {
    const change = (/** @type {Event} */ event) => {
      const { checked } = /** @type {HTMLInputElement} */ (event.target);
      draft.set(key, checked ? true : undefined);
      this.requestUpdate();
    };
    return html`<div>
      <label class="check">
        <input type="checkbox" name=${key} .checked=${live(draft.get(key) === true)} @change=${change} />
        <span>${w(label)}</span>
      </label>
      ${this.remarks(draft, key)}
    </div>`;
  }

  /**
   * @param {GroupDraft} draft
   * @param {Field} field
   */
  field(draft, { key, kind, label, hint }) {
    const id = `group-${key}`;
    const text = this.typed.get(key) ?? shown(kind, draft.get(key));
    const type = (/** @type {Event} */ event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      this.typed.set(key, value);
      draft.set(key, meant(kind, value));
      this.requestUpdate();
    };
    // Half a date is none, and must not be taken away from under whoever is typing it.
    const early = kind === "time" ? null : type;
    const described = `${id}-hint ${id}-remarks`;
    const isWrong = this.wrongKey.split(/[.[]/)[0] === key ? "true" : "false";
    const inputType = { number: "text", time: "datetime-local", url: "url", text: "text", list: "text" };
    return html`<div class="field">
      <label for=${id}>${w(label)}</label>
      ${kind === "long"
        ? html`<textarea id=${id} name=${key} rows="2" aria-invalid=${isWrong} aria-describedby=${described} .value=${text} @input=${type}></textarea>`
        : html`<input
            id=${id}
            name=${key}
            type=${kind === "flag" ? "text" : inputType[kind]}
            inputmode=${kind === "number" ? "numeric" : nothing}
            aria-invalid=${isWrong}
            aria-describedby=${described}
            .value=${text}
            @input=${early}
            @change=${type}
          />`}
      ${hint ? html`<p class="hint" id="${id}-hint">${w(hint)}</p>` : nothing} ${this.remarks(draft, key)}
    </div>`;
  }

  /**
   * What there is to say about one key: what the server does not like, or what somebody else wrote.
   * @param {GroupDraft} draft
   * @param {string} key
   */
  remarks(draft, key) {
    const isWrong = this.wrongKey.split(/[.[]/)[0] === key;
    const isContested = this.contested.includes(key);
    if (!isWrong && !isContested) return nothing;
    const theirs = draft.original[key];
    return html`<p class="field-problem" id="group-${key}-remarks" data-remark=${key}>
      ${isWrong ? this.problem : w("conflict.theirs", { value: theirs === undefined ? "–" : JSON.stringify(theirs) })}
    </p>`;
  }
}

customElements.define("settings-panel", SettingsPanel);
