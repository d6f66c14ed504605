/**
 * Who is where now, and how well they are served: looked up again and again while somebody looks.
 * @import { Dictionary } from "galene-client"
 * @import { Figures } from "./figures.js"
 */
import { AdminError } from "galene-client/admin";
import { html, nothing, repeat } from "lit";
import { spoken } from "../i18n/index.js";
import { icon } from "../views/icon.js";
import { ask } from "./ask.js";
import { dictionaries, figuresOf, total } from "./figures.js";
import { Panel } from "./panel.js";
import { hashOf } from "./place.js";
import { w } from "./words.js";

/** How often we look. Bit rates are means of a second or more, so more often shows nothing new. */
const INTERVAL_MS = 3000;

class LivePanel extends Panel {
  constructor() {
    super();
    /** @type {Dictionary[] | null} */
    this.groups = null;
    /** Of the group, if there is one. @type {Dictionary[]} */
    this.members = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.look = () => {
      clearTimeout(this.timer);
      if (document.visibilityState === "visible" && this.isConnected) this.refresh();
    };
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.look);
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.timer);
  }

  /** @override */
  load() {
    this.groups = null;
    this.members = [];
    this.look();
  }

  async refresh() {
    const { group, office } = this;
    try {
      const [groups, members] = await Promise.all([
        // Statistics are those of the whole server, and not for administrators of a group.
        office.isWhole ? this.admin.stats() : [],
        group === "" ? [] : this.membersOf(group),
      ]);
      if (group !== this.group) return;
      this.groups = groups;
      this.members = members;
      this.problem = "";
    } catch (error) {
      this.explain(error);
    } finally {
      clearTimeout(this.timer);
      if (this.isConnected && office.isOpen) this.timer = setTimeout(this.look, INTERVAL_MS);
      this.requestUpdate();
    }
  }

  /** @param {string} group */
  async membersOf(group) {
    try {
      return await this.admin.clients(group);
    } catch (error) {
      // Galène's server does not tell names; there are the statistics still.
      if (error instanceof AdminError && error.status === 404) return [];
      throw error;
    }
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  async kick(id, name) {
    const question = { title: w("live.kick.title", { name }), text: w("live.kick.text"), yes: w("live.kick") };
    if (!(await ask(question))) return;
    await this.run(() => this.admin.kick(this.group, id), w("live.kicked", { name }));
    this.look();
  }

  /** @override */
  render() {
    return html`<div class="sheet">
      ${this.outcome()}
      ${this.groups === null ? nothing : this.group === "" ? this.overview(this.groups) : this.people(this.groups)}
    </div>`;
  }

  /** @param {Dictionary[]} groups */
  overview(groups) {
    const rows = groups.map((group) => {
      const clients = dictionaries(group["clients"]);
      const up = total(clients.map((client) => figuresOf(client["up"])));
      const down = total(clients.map((client) => figuresOf(client["down"])));
      return { name: String(group["name"] ?? ""), count: clients.length, up, down };
    });
    const busy = rows.filter(({ count }) => count > 0);
    const people = busy.reduce((sum, { count }) => sum + count, 0);
    const sum = { up: total(rows.map(({ up }) => up)), down: total(rows.map(({ down }) => down)) };
    return html`
      <dl class="tiles">
        ${figure(w("live.groups"), number(busy.length))} ${figure(w("live.people"), number(people))}
        ${figure(w("live.in"), bitrate(sum.up.bitrate))} ${figure(w("live.out"), bitrate(sum.down.bitrate))}
      </dl>
      ${busy.length === 0
        ? html`<p class="quiet">${w("live.nobody")}</p>`
        : html`<div class="table" role="region" tabindex="0" aria-label=${w("live.table")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">${w("group")}</th>
                  <th scope="col">${w("live.people")}</th>
                  ${heads()}
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  busy,
                  ({ name }) => name,
                  ({ name, count, up, down }) => html`<tr data-group=${name}>
                    <th scope="row"><a href=${hashOf({ at: "group", group: name, tab: "live" })}>${name}</a></th>
                    <td>${number(count)}</td>
                    ${cells(up, down)}
                  </tr>`,
                )}
              </tbody>
            </table>
          </div>`}
    `;
  }

  /** @param {Dictionary[]} groups */
  people(groups) {
    const stats = groups.find(({ name }) => name === this.group);
    const known = new Map(dictionaries(stats?.["clients"]).map((client) => [client["id"], client]));
    const members = this.members.length > 0 ? this.members : [...known.values()];
    if (members.length === 0) return html`<p class="quiet">${w("live.nobodyHere")}</p>`;
    const hasFigures = this.office.isWhole;
    return html`<div class="table" role="region" tabindex="0" aria-label=${w("live.table")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${w("users.name")}</th>
            <th scope="col">${w("permissions")}</th>
            ${hasFigures ? heads() : nothing}
            <th scope="col"><span class="vh">${w("live.actions")}</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(members, (member) => member["id"], (member) => {
            const id = String(member["id"] ?? "");
            const name = String(member["username"] ?? "") || w("live.anonymous");
            const client = known.get(id);
            const permissions = Array.isArray(member["permissions"]) ? member["permissions"].join(", ") : "";
            return html`<tr data-member=${name}>
              <th scope="row">
                ${name}
                ${member["address"] ? html`<span class="quiet small">${String(member["address"])}</span>` : nothing}
              </th>
              <td class="wrapping">${permissions}</td>
              ${hasFigures ? cells(figuresOf(client?.["up"]), figuresOf(client?.["down"])) : nothing}
              <td>
                <button class="btn small" type="button" data-action="kick" @click=${() => this.kick(id, name)}>
                  ${icon("user-x")} ${w("live.kick")} <span class="vh">${name}</span>
                </button>
              </td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
  }
}

function heads() {
  return html`
    <th scope="col">${w("live.in")}</th>
    <th scope="col">${w("live.inLoss")}</th>
    <th scope="col">${w("live.out")}</th>
    <th scope="col">${w("live.outLoss")}</th>
    <th scope="col">${w("live.rtt")}</th>
  `;
}

/**
 * @param {Figures} up
 * @param {Figures} down
 */
function cells(up, down) {
  // Of what nothing is known, nothing is said.
  const loss = (/** @type {Figures} */ { tracks, loss: part }) => (tracks === 0 ? "–" : percent(part));
  const rate = (/** @type {Figures} */ { tracks, bitrate: bits }) => (tracks === 0 ? "–" : bitrate(bits));
  return html`
    <td data-figure="up">${rate(up)}</td>
    <td>${loss(up)}</td>
    <td data-figure="down">${rate(down)}</td>
    <td>${loss(down)}</td>
    <td>${down.rtt === 0 ? "–" : w("live.ms", { count: Math.round(down.rtt) })}</td>
  `;
}

/**
 * @param {string} label
 * @param {string} value
 */
function figure(label, value) {
  return html`<div class="card"><dt>${label}</dt><dd>${value}</dd></div>`;
}

/** @param {number} value */
function number(value) {
  return new Intl.NumberFormat(spoken()).format(value);
}

/** @param {number} value */
function percent(value) {
  return new Intl.NumberFormat(spoken(), { style: "percent", maximumFractionDigits: 1 }).format(value);
}

/** @param {number} value In bits per second */
function bitrate(value) {
  const isLarge = value >= 1_000_000;
  const shown = new Intl.NumberFormat(spoken(), { maximumFractionDigits: isLarge ? 1 : 0 });
  return `${shown.format(value / (isLarge ? 1_000_000 : 1000))} ${isLarge ? "Mbit/s" : "kbit/s"}`;
}

customElements.define("live-panel", LivePanel);
