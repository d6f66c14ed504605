/**
 * What a stream is like at the moment, in numbers.
 * @import { MediaStats, StreamStats } from "galene-client"
 * @import { View } from "./group-page.js"
 */
import { html, nothing } from "lit";
import { t } from "../i18n/index.js";
import { dialogHead, doneButton } from "./dialog-parts.js";
import { deliveryText } from "./tile-view.js";

/**
 * @param {View} view
 * @param {string} stream
 * @param {string} name
 */
export function statsDialog({ call }, stream, name) {
  const stats = call.quality.stats.get(stream);
  const judgement = call.quality.of(stream);
  const delivery = call.connection?.down.get(stream)?.delivery;
  return html`<div class="dialog-body">
    ${dialogHead(t("stats.of", { name }))}
    ${judgement
      ? html`<p>
          ${t(`quality.${judgement.grade}`)}${judgement.reason === ""
            ? nothing
            : html`: ${t(`quality.reason.${judgement.reason}`)}`}
        </p>`
      : nothing}
    ${delivery && isTold(call) ? html`<p class="quiet" data-delivery=${delivery.status}>${deliveryText(delivery)}</p>` : nothing}
    ${stats ? table(stats) : html`<p class="quiet" role="status">${t("stats.none")}</p>`} ${doneButton()}
  </div>`;
}

/** @param {View["call"]} call */
function isTold({ connection }) {
  return connection?.features.includes("streamstatus") ?? false;
}

/** @param {StreamStats} stats */
function table({ media, roundTripMs, path }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("stats")}>
    <table class="stats">
      <thead>
        <tr>
          <th scope="col">${t("stats.media")}</th>
          <th scope="col">${t("stats.rate")}</th>
          <th scope="col">${t("stats.size")}</th>
          <th scope="col">${t("stats.loss")}</th>
          <th scope="col">${t("stats.jitter")}</th>
        </tr>
      </thead>
      <tbody>
        ${media.map(row)}
      </tbody>
    </table>
    <p class="quiet">
      ${t("stats.way", { ms: roundTripMs, path: path === "" ? "–" : path })}
    </p>
  </div>`;
}

/** @param {MediaStats} stats */
function row({ kind, rid, codec, bitrate, width, height, framesPerSecond, lossPercent, jitterMs, isActive }) {
  const name = [t(kind === "video" ? "stats.video" : "stats.audio"), codec, rid].filter(Boolean).join(" ");
  return html`<tr data-kind=${kind} data-rid=${rid}>
    <th scope="row">${name}</th>
    <td>${isActive ? t("stats.kbit", { rate: Math.round(bitrate / 1000) }) : t("off")}</td>
    <td>${width > 0 ? `${width}×${height}, ${framesPerSecond}/s` : "–"}</td>
    <td>${lossPercent.toFixed(1)} %</td>
    <td>${jitterMs} ms</td>
  </tr>`;
}
