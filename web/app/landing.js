/**
 * The first page: the public groups, and a way to any other.
 * @import { GroupStatus } from "galene-client"
 */
import { decodeStatus } from "galene-client";
import { html, LitElement, nothing } from "lit";
import { pathOf } from "./model/address.js";
import { sentence } from "./model/explain.js";
import { browserStore, Settings } from "./model/settings.js";
import { plural } from "./model/text.js";
import { applyTheme } from "./theme.js";
import { icon } from "./views/icon.js";

class LandingPage extends LitElement {
  constructor() {
    super();
    /** @type {GroupStatus[] | "loading" | "failed"} */
    this.groups = "loading";
    this.problem = "";
    this.isLooking = false;
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
        <p class="lead">Meet in your browser. Nothing to install.</p>
        <form class="card go" @submit=${this.go}>
          <label for="group">Group name</label>
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
              Go ${icon("arrow-right")}
            </button>
          </div>
          <p id="problem" class="field-problem" role="alert">${this.problem}</p>
        </form>
        <section aria-labelledby="public">
          <h2 id="public">Public groups</h2>
          ${this.list()}
        </section>
      </main>
    `;
  }

  list() {
    const { groups } = this;
    if (groups === "loading") return html`<p class="quiet" role="status">Looking for groups…</p>`;
    if (groups === "failed") {
      return html`
        <p class="quiet" role="alert">The list of groups could not be loaded.</p>
        <button class="btn" type="button" @click=${this.load}>${icon("refresh-cw")} Try again</button>
      `;
    }
    if (groups.length === 0) {
      return html`<p class="quiet">There are none at the moment. Others are found by their name.</p>`;
    }
    return html`<ul class="groups" role="list">
      ${groups.map(
        (group) => html`<li>
          <a class="card group" href=${group.location ?? pathOf(group.name)} data-group=${group.name}>
            <span class="group-name">${group.displayName || group.name}</span>
            ${group.description ? html`<span class="quiet">${group.description}</span>` : nothing}
            <span class="facts">
              ${group.locked
                ? html`<span class="pill">${icon("lock")} Locked</span>`
                : nothing}
              ${group.clientCount === undefined
                ? nothing
                : html`<span class="pill">
                    ${icon("users")} ${plural(group.clientCount, "person", "people")}
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
  try {
    const response = await fetch(`${pathOf(name)}.status`);
    if (response.ok) return "";
    if (response.status === 404) return `There is no group named “${name}”.`;
    return sentence(await response.text());
  } catch {
    return "The server cannot be reached. Check your connection to the Internet.";
  }
}

applyTheme(new Settings(browserStore()).values.theme);
customElements.define("landing-page", LandingPage);
