/**
 * The meeting: tiles, tools, and a panel beside them.
 * @import { View } from "./group-page.js"
 */
import { html, nothing, repeat } from "lit";
import { plural } from "../model/text.js";
import { chatPanel } from "./chat-panel.js";
import { icon } from "./icon.js";
import { peoplePanel } from "./people-panel.js";
import { tileView } from "./tile-view.js";
import { toolbar } from "./toolbar.js";

/** @param {View} view */
export function callView(view) {
  const { call, ui } = view;
  const { tiles } = call;
  return html`
    <div class="call" data-phase=${call.phase} data-panel=${ui.panel ?? "none"}>
      <a class="skip" href="#controls">Skip to the controls</a>
      <header class="call-head">
        <h1 tabindex="-1">${call.title}</h1>
        ${call.isLocked ? html`<span class="pill" data-locked>${icon("lock")} Locked</span>` : nothing}
        ${call.may("op") ? html`<span class="pill wide-only">${icon("shield")} Operator</span>` : nothing}
        <span class="space"></span>
        <span class="pill wide-only">
          ${icon("users")} ${plural(call.others.length + 1, "person", "people")}
        </span>
      </header>
      ${banners(view)}
      <main class="stage">
        <h2 class="vh">Participants</h2>
        <tile-grid>
          <ul role="list">
            ${repeat(
              tiles,
              ({ key }) => key,
              (tile) => tileView(view, tile),
            )}
          </ul>
        </tile-grid>
        ${tiles.length === 1 && call.phase === "call"
          ? html`<p class="alone">You are the only one here so far.</p>`
          : nothing}
      </main>
      ${ui.panel === "chat" ? chatPanel(view) : nothing}
      ${ui.panel === "people" ? peoplePanel(view) : nothing} ${toolbar(view)}
    </div>
  `;
}

/** @param {View} view */
function banners({ call }) {
  return html`<div class="banners">
    ${call.phase === "lost"
      ? html`<div class="banner" data-tone="danger" role="alert" data-banner="lost">
          ${icon("wifi-off")}
          <p>
            The connection was lost.
            ${call.isConnecting
              ? "Connecting again…"
              : call.retryAt === null
                ? "It did not come back by itself."
                : "Trying again in a moment."}
          </p>
          <button
            class="btn small"
            type="button"
            data-action="rejoin"
            ?disabled=${call.isConnecting}
            @click=${() => call.rejoin()}
          >
            Rejoin now
          </button>
        </div>`
      : nothing}
    ${call.audio.isBlocked
      ? html`<div class="banner" data-tone="info" role="alert" data-banner="blocked">
          ${icon("volume-2")}
          <p>Your browser plays no sound until you ask for it.</p>
          <button class="btn small primary" type="button" @click=${() => call.audio.unblock()}>
            Click to hear
          </button>
        </div>`
      : nothing}
    ${call.publisher.screens.size > 0
      ? html`<div class="banner" data-tone="info" data-banner="sharing">
          ${icon("monitor-up")}
          <p>You are sharing your screen.</p>
          <button
            class="btn small"
            type="button"
            data-action="stop-sharing"
            @click=${() => call.publisher.removeScreens()}
          >
            Stop sharing
          </button>
        </div>`
      : nothing}
  </div>`;
}
