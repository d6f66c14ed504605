/**
 * The first page: the public groups, and a way to any other.
 * @import { GroupStatus } from "galene-client"
 */
import { decodeStatus } from "galene-client";
import { html, LitElement, nothing } from "lit";
import { t, useLanguage } from "./i18n/index.js";
import { isGroupName, pathOf } from "./model/address.js";
import { sentence } from "./model/explain.js";
import { RecentGroups } from "./model/recent.js";
import { browserStore, Settings } from "./model/settings.js";
import { applyTheme } from "./theme.js";
import { icon } from "./views/icon.js";

class LandingPage extends LitElement {
  constructor() {
    super();
    /** @type {GroupStatus[] | "loading" | "failed"} */
    this.groups = "loading";
    this.problem = "";
    this.isLooking = false;
    this.recent = new RecentGroups(browserStore());
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.load();
  }

  async load() {
    try {
      const response = await fetch("/public-groups.json");
      /** @type {unknown} */
      const list = response.ok ? await response.json() : null;
      this.groups = Array.isArray(list) ? list.map(decodeStatus) : "failed";
    } catch {
      this.groups = "failed";
    }
    this.requestUpdate();
  }

  /** @param {SubmitEvent} event */
  async go(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const name = String(new FormData(form).get("group") ?? "").trim().replace(/^\/+|\/+$/g, "");
    if (name === "") return;
    this.isLooking = true;
    this.problem = "";
    this.requestUpdate();
    this.problem = await findProblem(name);
    this.isLooking = false;
    this.requestUpdate();
    if (this.problem === "") location.assign(pathOf(name));
    else form.querySelector("input")?.focus();
  }

  /** @override */
  render() {
    return html`
      <main class="landing">
        <header class="brand">
          <img src=${new URL("./icon.svg", import.meta.url).href} alt="" width="40" height="40" />
          <h1>Galène</h1>
        </header>
        <p class="lead">${t("landing.lead")}</p>
        <form class="card go" @submit=${this.go}>
          <label for="group">${t("landing.name")}</label>
          <div class="row">
            <input
              id="group"
              name="group"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              required
              aria-describedby="problem"
              aria-invalid=${this.problem === "" ? "false" : "true"}
            />
            <button class="btn primary" ?disabled=${this.isLooking}>
              ${t("landing.go")} ${icon("arrow-right")}
            </button>
          </div>
          <p id="problem" class="field-problem" role="alert">${this.problem}</p>
        </form>
        ${this.visited()}
        <section aria-labelledby="public">
          <h2 id="public">${t("landing.public")}</h2>
          ${this.list()}
        </section>
      </main>
    `;
  }

  visited() {
    const visits = this.recent.list;
    if (visits.length === 0) return nothing;
    const forget = () => {
      this.recent.clear();
      this.requestUpdate();
      this.querySelector("input")?.focus();
    };
    return html`<section aria-labelledby="recent">
      <h2 id="recent">${t("landing.recent")}</h2>
      <div class="row recent">
        ${visits.map(
          ({ name, title }) => html`<a class="btn" href=${pathOf(name)} data-recent=${name} dir="auto">${title || name}</a>`,
        )}
        <button class="btn small" type="button" data-action="forget" @click=${forget}>${t("landing.forget")}</button>
      </div>
    </section>`;
  }

  list() {
    const { groups } = this;
    if (groups === "loading") return html`<p class="quiet" role="status">${t("landing.loading")}</p>`;
    if (groups === "failed") {
      return html`
        <p class="quiet" role="alert">${t("landing.failed")}</p>
        <button class="btn" type="button" @click=${this.load}>${icon("refresh-cw")} ${t("again")}</button>
      `;
    }
    if (groups.length === 0) {
      return html`<p class="quiet">${t("landing.none")}</p>`;
    }
    return html`<ul class="groups" role="list">
      ${groups.map(
        (group) => html`<li>
          <a class="card group" href=${group.location ?? pathOf(group.name)} data-group=${group.name}>
            <span class="group-name">${group.displayName || group.name}</span>
            ${group.description ? html`<span class="quiet">${group.description}</span>` : nothing}
            <span class="facts">
              ${group.locked
                ? html`<span class="pill">${icon("lock")} ${t("locked")}</span>`
                : nothing}
              ${group.clientCount === undefined
                ? nothing
                : html`<span class="pill">
                    ${icon("users")} ${t("count.people", { count: group.clientCount })}
                  </span>`}
            </span>
          </a>
        </li>`,
      )}
    </ul>`;
  }
}

/**
 * Returns why a group cannot be gone to, or an empty text.
 * @param {string} name
 */
async function findProblem(name) {
  if (!isGroupName(name)) return t("landing.noGroup", { name });
  try {
    const response = await fetch(`${pathOf(name)}.status`);
    if (response.ok) return "";
    if (response.status === 404) return t("landing.noGroup", { name });
    return sentence(await response.text());
  } catch {
    return t("landing.unreachable");
  }
}

const settings = new Settings(browserStore());
applyTheme(settings.values.theme);
await useLanguage(settings.values.language);
customElements.define("landing-page", LandingPage);
