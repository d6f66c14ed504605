/**
 * The administrator's page: the groups of the server on one side, what is chosen of them on the other.
 * @import { Settings } from "../model/settings.js"
 * @import { Place, Tab } from "./place.js"
 */
import { html, LitElement, nothing } from "lit";
import { LANGUAGES, t, useLanguage } from "../i18n/index.js";
import { pathOf } from "../model/address.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { Office } from "./office.js";
import { hashOf, placeOf, TABS } from "./place.js";
import { useWords, w } from "./words.js";
import "./live-panel.js";
import "./new-group.js";
import "./recordings-panel.js";
import "./settings-panel.js";
import "./sign-in.js";
import "./tokens-panel.js";
import "./users-panel.js";

const ICONS = { settings: "settings", users: "users", tokens: "key-round", live: "activity", recordings: "film" };

export class AdminPage extends LitElement {
  constructor() {
    super();
    /** @type {Settings | null} */
    this.settings = null;
    this.office = new Office(location.href);
    this.place = placeOf(location.hash);
    this.search = "";
    /** A group that the address names, for signing in. */
    this.wanted = "";
    this.office.on("changed", () => this.requestUpdate());
    window.addEventListener("hashchange", () => this.go(placeOf(location.hash)));
    window.addEventListener("beforeunload", (event) => {
      if (this.isChanged) event.preventDefault();
    });
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** Whether something was typed that would be lost. */
  get isChanged() {
    const panel = /** @type {{isChanged?: boolean} | null} */ (this.querySelector("settings-panel"));
    return panel?.isChanged ?? false;
  }

  /**
   * Goes somewhere else, unless that would lose what was typed and somebody minds.
   * @param {Place} place
   */
  async go(place) {
    if (hashOf(place) === hashOf(this.place)) return;
    if (this.isChanged) {
      const before = hashOf(this.place);
      history.replaceState(null, "", before);
      if (!(await ask({ title: w("lose.title"), text: w("lose.text"), yes: w("lose") }))) return;
      history.replaceState(null, "", hashOf(place));
    }
    this.place = place;
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector("main h2")?.scrollIntoView({ block: "nearest" });
    /** @type {HTMLElement | null} */ (this.querySelector("main h2[tabindex]"))?.focus();
  }

  async leave() {
    if (this.isChanged && !(await ask({ title: w("lose.title"), text: w("lose.text"), yes: w("lose") }))) return;
    this.office.close();
  }

  /** @param {Event} event */
  async speak(event) {
    const language = /** @type {HTMLSelectElement} */ (event.target).value;
    this.settings?.set({ language });
    await useLanguage(language);
    await useWords();
    this.querySelectorAll("*").forEach((element) => {
      if (element instanceof LitElement) element.requestUpdate();
    });
    this.requestUpdate();
  }

  /** @override */
  render() {
    document.title = `${w("title")} – Galène`;
    const { office } = this;
    if (!office.isOpen) {
      return html`<sign-in .office=${office} .group=${this.wanted}></sign-in> ${this.foot()}`;
    }
    const place = office.isWhole ? this.place : this.own(this.place);
    return html`
      <div class="office" data-at=${place.at} data-scope=${office.isWhole ? "server" : "group"}>
        <header class="top">
          <img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="28" height="28" />
          <h1>${w("title")}</h1>
          <span class="space"></span>
          ${office.name === "" ? nothing : html`<span class="quiet who">${office.name}</span>`}
          <button class="btn small" type="button" data-action="sign-out" @click=${this.leave}>${icon("log-out")} ${w("signOut")}</button>
        </header>
        ${office.isWhole ? this.side(place) : nothing}
        <main>${this.content(place)}</main>
      </div>
      ${this.foot()}
    `;
  }

  /**
   * Where somebody is who administers one group only.
   * @param {Place} place
   * @returns {Place}
   */
  own(place) {
    const group = this.office.scope;
    return { at: "group", group, tab: place.at === "group" && place.group === group ? place.tab : "settings" };
  }

  /** @param {Place} place */
  side(place) {
    const wanted = this.search.trim().toLocaleLowerCase();
    const groups = this.office.groups.filter((name) => name.toLocaleLowerCase().includes(wanted));
    const link = (/** @type {"live" | "tokens" | "new"} */ at, /** @type {string} */ sign, /** @type {string} */ text) =>
      html`<a class="btn side-link" href=${hashOf({ at })} aria-current=${place.at === at ? "page" : nothing} data-at=${at}>${icon(sign)} ${text}</a>`;
    return html`<nav class="side" aria-label=${w("groups")}>
      ${link("live", "activity", w("overview"))} ${link("tokens", "key-round", w("server.tokens"))}
      <h2>${w("groups")} <span class="pill small">${this.office.groups.length}</span></h2>
      ${link("new", "plus", w("new.title"))}
      <label class="vh" for="search">${w("groups.search")}</label>
      <input
        id="search"
        type="search"
        placeholder=${w("groups.search")}
        .value=${this.search}
        @input=${(/** @type {InputEvent} */ event) => {
          this.search = /** @type {HTMLInputElement} */ (event.target).value;
          this.requestUpdate();
        }}
      />
      <p class="vh" role="status">${wanted === "" ? "" : w("groups.found", { count: groups.length })}</p>
      <ul class="side-list" role="list">
        ${groups.map((name) => {
          const isHere = place.at === "group" && place.group === name;
          return html`<li>
            <a href=${hashOf({ at: "group", group: name, tab: "settings" })} aria-current=${isHere ? "page" : nothing} data-group=${name}>${name}</a>
          </li>`;
        })}
      </ul>
      ${groups.length === 0 ? html`<p class="quiet">${w("groups.none")}</p>` : nothing}
    </nav>`;
  }

  /** @param {Place} place */
  content(place) {
    const { office } = this;
    switch (place.at) {
      case "live":
        return html`<h2 tabindex="-1">${w("overview")}</h2>
          <live-panel .office=${office} .group=${""}></live-panel>`;
      case "tokens":
        return html`<h2 tabindex="-1">${w("server.tokens")}</h2>
          <tokens-panel .office=${office} .group=${""}></tokens-panel>`;
      case "new":
        return html`<new-group
          .office=${office}
          @made=${(/** @type {CustomEvent<string>} */ event) => {
            location.hash = hashOf({ at: "group", group: event.detail, tab: "settings" });
          }}
        ></new-group>`;
      case "group":
        return this.group(place.group, place.tab);
    }
  }

  /**
   * @param {string} group
   * @param {Tab} tab
   */
  group(group, tab) {
    const { office } = this;
    return html`
      <div class="group-head">
        ${office.isWhole ? html`<a class="btn small back" href="#at=live">${icon("chevron-left")} ${w("groups")}</a>` : nothing}
        <h2 tabindex="-1">${group}</h2>
        <a class="btn small" href=${pathOf(group)} target="_blank" rel="noopener">${icon("video")} ${w("group.visit")}</a>
      </div>
      <nav class="tabs" aria-label=${group}>
        ${TABS.map(
          (name) => html`<a href=${hashOf({ at: "group", group, tab: name })} aria-current=${name === tab ? "page" : nothing} data-tab=${name}>
            ${icon(ICONS[name])} ${w(`tab.${name}`)}
          </a>`,
        )}
      </nav>
      ${this.panel(group, tab)}
    `;
  }

  /**
   * @param {string} group
   * @param {Tab} tab
   */
  panel(group, tab) {
    const { office } = this;
    switch (tab) {
      case "settings":
        return html`<settings-panel
          .office=${office}
          .group=${group}
          @deleted=${() => {
            location.hash = hashOf({ at: "live" });
          }}
        ></settings-panel>`;
      case "users":
        return html`<users-panel .office=${office} .group=${group}></users-panel>`;
      case "tokens":
        return html`<tokens-panel .office=${office} .group=${group}></tokens-panel>`;
      case "live":
        return html`<live-panel .office=${office} .group=${group}></live-panel>`;
      case "recordings":
        return html`<recordings-panel .office=${office} .group=${group}></recordings-panel>`;
    }
  }

  foot() {
    const chosen = this.settings?.values.language ?? "system";
    const languages = { system: t("language.system"), ...LANGUAGES };
    return html`<footer class="foot">
      <label for="language">${t("language")}</label>
      <select id="language" @change=${this.speak}>
        ${Object.entries(languages).map(([key, name]) => html`<option value=${key} ?selected=${key === chosen}>${name}</option>`)}
      </select>
    </footer>`;
  }
}
