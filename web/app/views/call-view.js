/**
 * The meeting: tiles, tools, and a panel beside them.
 * @import { Arranged } from "./tile-grid.js"
 * @import { View } from "./group-page.js"
 */
import { html, nothing, repeat } from "lit";
import { t } from "../i18n/index.js";
import { perPage } from "../model/layout.js";
import { paginate } from "../model/tiles.js";
import { bannersView } from "./banners.js";
import { chatPanel } from "./chat-panel.js";
import { icon } from "./icon.js";
import { peoplePanel } from "./people-panel.js";
import { tileView } from "./tile-view.js";
import { toolbar } from "./toolbar.js";

/** @param {View} view */
export function callView(view) {
  const { call, ui, set } = view;
  const all = call.tiles;
  const hasStage = all.some(({ stage }) => stage);
  const { tiles, page, pages } = paginate(all, perPage(ui.space, hasStage), ui.page);
  const arranged = (/** @type {CustomEvent<Arranged>} */ { detail }) => {
    call.showTiles(detail.sizes);
    const { width, height } = detail.space;
    if (width !== ui.space.width || height !== ui.space.height) set({ space: { width, height } });
  };
  return html`
    <div class="call" data-phase=${call.phase} data-panel=${ui.panel ?? "none"}>
      <a class="skip" href="#controls">${t("skip")}</a>
      ${head(view)} ${bannersView(view)}
      <main class="stage" tabindex="-1">
        <h2 class="vh">${t("participants")}</h2>
        <tile-grid @arranged=${arranged} data-layout=${call.settings.values.layout}>
          <ul role="list">
            ${repeat(
              tiles,
              ({ key }) => key,
              (tile) => tileView(view, tile),
            )}
          </ul>
        </tile-grid>
        ${all.length === 1 && call.phase === "call" && call.others.length === 0
          ? html`<p class="alone">${t("alone")}</p>`
          : nothing}
        ${pages > 1 ? pager(view, page, pages) : nothing} ${captions(view)}
      </main>
      ${ui.panel === "chat" ? chatPanel(view) : nothing}
      ${ui.panel === "people" ? peoplePanel(view) : nothing} ${toolbar(view)}
    </div>
  `;
}

/** @param {View} view */
function head({ call, set }) {
  const overall = call.quality.overall;
  return html`<header class="call-head">
    <h1 tabindex="-1">${call.title}</h1>
    ${call.isRecorded
      ? html`<span class="pill recording" data-recording>${icon("circle-dot")} ${t("recording")}</span>`
      : nothing}
    ${call.isLocked ? html`<span class="pill" data-locked>${icon("lock")} ${t("locked")}</span>` : nothing}
    ${call.may("op") ? html`<span class="pill wide-only">${icon("shield")} ${t("role.op")}</span>` : nothing}
    <span class="space"></span>
    ${overall
      ? html`<span class="pill quality" data-grade=${overall.grade}>
          ${icon(overall.grade === "good" ? "signal" : "signal-low")}
          <span class="wide-only">${t(`quality.${overall.grade}`)}</span>
          <span class="vh">${overall.reason === "" ? "" : t(`quality.reason.${overall.reason}`)}</span>
        </span>`
      : nothing}
    <span class="pill wide-only">${icon("users")} ${t("count.people", { count: call.others.length + 1 })}</span>
    ${call.may("token")
      ? html`<button
          class="btn small wide-only"
          type="button"
          data-action="invite"
          @click=${() => set({ dialog: { kind: "invite" } })}
        >
          ${icon("user-plus")} ${t("invite.short")}
        </button>`
      : nothing}
  </header>`;
}

/**
 * @param {View} view
 * @param {number} page
 * @param {number} pages
 */
function pager({ set }, page, pages) {
  return html`<nav class="pager" aria-label=${t("pages")}>
    <button
      class="icon-btn"
      type="button"
      aria-label=${t("pages.back")}
      ?disabled=${page === 0}
      @click=${() => set({ page: page - 1 })}
    >
      ${icon("chevron-left")}
    </button>
    <span aria-live="polite">${t("pages.at", { page: page + 1, pages })}</span>
    <button
      class="icon-btn"
      type="button"
      aria-label=${t("pages.next")}
      ?disabled=${page === pages - 1}
      @click=${() => set({ page: page + 1 })}
    >
      ${icon("chevron-right")}
    </button>
  </nav>`;
}

/** @param {View} view */
function captions({ call }) {
  if (call.attention.captions.length === 0) return nothing;
  return html`<div class="captions" data-size=${call.settings.values.captions} aria-live="off">
    ${call.attention.captions.map(
      ({ from, text }) => html`<p dir="auto"><strong>${from}:</strong> ${text}</p>`,
    )}
  </div>`;
}
