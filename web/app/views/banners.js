/**
 * What everybody should know now, above the meeting.
 * @import { View } from "./group-page.js"
 */
import { html, nothing } from "lit";
import { t } from "../i18n/index.js";
import { sentence } from "../model/explain.js";
import { icon } from "./icon.js";

/** @param {View} view */
export function bannersView({ call }) {
  const { session } = call;
  const hope = session.isConnecting
    ? t("lost.connecting")
    : session.retryAt === null
      ? t("lost.gaveUp")
      : t("lost.soon");
  const why = session.refusal ? t("lost.refused", { reason: sentence(session.refusal.message) }) : "";
  return html`<div class="banners">
    ${call.phase === "lost"
      ? html`<div class="banner" data-tone="danger" role="alert" data-banner="lost">
          ${icon("wifi-off")}
          <p>${t("lost")} ${why} ${hope}</p>
          <button
            class="btn small"
            type="button"
            data-action="rejoin"
            ?disabled=${session.isConnecting}
            @click=${() => call.rejoin()}
          >
            ${t("lost.rejoin")}
          </button>
        </div>`
      : nothing}
    ${call.audio.isBlocked
      ? html`<div class="banner" data-tone="info" role="alert" data-banner="blocked">
          ${icon("volume-2")}
          <p>${t("blocked")}</p>
          <button class="btn small primary" type="button" @click=${() => call.audio.unblock()}>
            ${t("blocked.allow")}
          </button>
        </div>`
      : nothing}
    ${call.publisher.hasScreen
      ? html`<div class="banner" data-tone="info" data-banner="sharing">
          ${icon("monitor-up")}
          <p>${t("sharing")}</p>
          <button
            class="btn small"
            type="button"
            data-action="stop-sharing"
            @click=${() => call.publisher.stopAll("screenshare")}
          >
            ${t("sharing.stop")}
          </button>
        </div>`
      : nothing}
  </div>`;
}
