/**
 * The groups below this one: who is in which, and the way there.
 * @import { Call } from "../model/call.js"
 */
import { html, LitElement, nothing } from "lit";
import { t } from "../i18n/index.js";
import { isGroupName, pathOf } from "../model/address.js";
import { dialogHead, doneButton } from "./dialog-parts.js";
import { icon } from "./icon.js";

class SubgroupsDialog extends LitElement {
  /** @override */
  static properties = { call: { attribute: false } };

  constructor() {
    super();
    /** @type {Call | null} */
    this.call = null;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @override */
  firstUpdated() {
    this.call?.subgroups.on("changed", () => this.requestUpdate());
    this.ask();
  }

  ask() {
    const { call } = this;
    if (call?.connection) call.subgroups.ask(call.connection);
  }

  /** @override */
  render() {
    const { call } = this;
    if (!call) return nothing;
    const { list } = call.subgroups;
    const enter = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      const name = String(new FormData(form).get("name")).trim();
      if (isGroupName(name)) return location.assign(pathOf(`${call.group}/${name}`));
      const field = form.querySelector("input");
      field?.setCustomValidity(t("landing.noGroup", { name }));
      field?.reportValidity();
    };
    return html`<div class="dialog-body">
      ${dialogHead(t("subgroups.title"))}
      <p class="quiet">${t("subgroups.text")}</p>
      ${list === null
        ? html`<p role="status">${t("subgroups.asking")}</p>`
        : list.length === 0
          ? html`<p role="status">${t("subgroups.none")}</p>`
          : html`<ul class="rooms" role="list">
              ${list.map(({ name, count }) => {
                const short = name.slice(call.group.length + 1);
                return html`<li class="room" data-room=${name}>
                  ${icon("network")}
                  <span class="room-name"><strong dir="auto">${short}</strong> ${t("count.people", { count })}</span>
                  <a class="btn small" href=${pathOf(name)} aria-label=${t("subgroups.enterOne", { name: short })}>
                    ${t("subgroups.enter")}
                  </a>
                </li>`;
              })}
            </ul>`}
      <form class="row" @submit=${enter}>
        <div class="field grow">
          <label for="room">${t("subgroups.other")}</label>
          <input
            id="room"
            name="name"
            autocomplete="off"
            maxlength="100"
            required
            @input=${(/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).setCustomValidity("")}
          />
        </div>
        <button class="btn" data-action="enter-room">${t("subgroups.enter")}</button>
      </form>
      <div class="row">
        <button class="btn" type="button" data-action="refresh" @click=${() => this.ask()}>
          ${icon("refresh-cw")} ${t("subgroups.again")}
        </button>
      </div>
      ${doneButton()}
    </div>`;
  }
}

customElements.define("subgroups-dialog", SubgroupsDialog);
