/**
 * Files to others: asking which, and what is on its way.
 * @import { Transfer, User } from "galene-client"
 * @import { Call } from "../model/call.js"
 */
import { html, nothing, repeat } from "lit";
import { size, t } from "../i18n/index.js";
import { displayName } from "../model/text.js";
import { icon } from "./icon.js";
import { pickFiles } from "./pick-files.js";

/**
 * @param {Call} call
 * @param {User} user
 */
export async function sendFiles(call, user) {
  call.files.send(user, await pickFiles({ multiple: true }));
}

/** @param {Call} call */
export async function presentFile(call) {
  const [file] = await pickFiles({ accept: "video/*,audio/*" });
  if (file) await call.presentFile(file);
}

/** @param {Call} call */
export function transferList({ files, settings }) {
  if (files.shown.length === 0) return nothing;
  return html`<ul class="transfers" role="list" aria-label=${t("files")}>
    ${repeat(
      files.shown,
      ({ id, userId }) => `${userId} ${id}`,
      (transfer) => transferView(transfer, !settings.values.forceRelay, () => files.dismiss(transfer)),
    )}
  </ul>`;
}

/**
 * @param {Transfer} transfer
 * @param {boolean} isDirect Whether it may go from one to the other without a relay
 * @param {() => void} dismiss
 */
function transferView(transfer, isDirect, dismiss) {
  const { isOurs, isOver, name, state, username } = transfer;
  const who = { name: displayName(username) };
  const percent = transfer.size === 0 ? 100 : Math.floor((100 * transfer.transferred) / transfer.size);
  return html`<li class="transfer" data-transfer=${name} data-state=${state}>
    <p><strong>${name}</strong> <span class="quiet">${size(transfer.size)}</span></p>
    <p class="quiet" role="status">
      ${isOurs ? t("files.to", who) : t("files.from", who)} · ${t(`files.${state}`)}
      ${state === "cancelled" && transfer.reason !== "" ? html`(${transfer.reason})` : nothing}
    </p>
    ${state === "connected"
      ? html`<progress max="100" .value=${percent} aria-label=${name}>${percent} %</progress>`
      : nothing}
    <div class="row">
      ${!isOurs && state === "inviting"
        ? html`<button
              class="btn small primary"
              type="button"
              data-action="accept-file"
              aria-describedby=${isDirect ? "address-hint" : nothing}
              @click=${() => transfer.accept()}
            >
              ${t("files.accept")}
            </button>
            <button class="btn small" type="button" data-action="refuse-file" @click=${() => transfer.cancel()}>
              ${t("files.refuse")}
            </button>`
        : nothing}
      ${isOver
        ? html`<button
            class="icon-btn"
            type="button"
            aria-label=${t("files.dismiss", { file: name })}
            @click=${dismiss}
          >
            ${icon("x")}
          </button>`
        : isOurs || state !== "inviting"
          ? html`<button class="btn small" type="button" data-action="cancel-file" @click=${() => transfer.cancel()}>
              ${t("cancel")}
            </button>`
          : nothing}
    </div>
    ${!isOurs && state === "inviting" && isDirect
      ? html`<p class="hint" id="address-hint">${t("files.hint")}</p>`
      : nothing}
  </li>`;
}
