/**
 * Questions that must be answered before going on, and what else opens over the meeting.
 * @import { TemplateResult } from "lit"
 * @import { Dialog, View } from "./group-page.js"
 */
import { html, live, nothing } from "lit";
import { t } from "../i18n/index.js";
import { displayName } from "../model/text.js";
import { closeDialog, closeOnBackdrop, dialogHead, doneButton } from "./dialog-parts.js";
import { settingsDialog } from "./settings-dialog.js";
import { statsDialog } from "./stats-dialog.js";
import "./invite-dialog.js";
import "./keys-dialog.js";
import "./password-form.js";
import "./subgroups-dialog.js";

/** @param {View} view */
export function dialogView(view) {
  const { dialog } = view.ui;
  if (!dialog) return nothing;
  return html`<dialog
    class="dialog"
    aria-labelledby="dialog-title"
    data-dialog=${dialog.kind}
    @close=${() => view.set({ dialog: null })}
    @click=${closeOnBackdrop}
  >
    ${content(view, dialog)}
  </dialog>`;
}

/**
 * @param {View} view
 * @param {Dialog} dialog
 * @returns {TemplateResult}
 */
function content(view, dialog) {
  const { call } = view;
  switch (dialog.kind) {
    case "lock":
      return question({
        title: t("lock.title"),
        text: t("lock.text"),
        label: t("lock.label"),
        action: t("lock.short"),
        run: (message) => call.moderation?.lock(message),
      });
    case "wall":
      return question({
        title: t("wall.title"),
        text: t("wall.text"),
        label: t("wall.label"),
        action: t("send"),
        isRequired: true,
        run: (message) => call.moderation?.warn("", message),
      });
    case "warn": {
      const name = displayName(dialog.user.username);
      return question({
        title: t("warn.title", { name }),
        text: t("warn.text"),
        label: t("wall.label"),
        action: t("send"),
        isRequired: true,
        run: (message) => call.moderation?.warn(dialog.user.id, message),
      });
    }
    case "kick": {
      const name = displayName(dialog.user.username);
      return question({
        title: t("kick.title", { name }),
        text: t("kick.text"),
        label: t("kick.label", { name }),
        action: t("kick"),
        isDangerous: true,
        run: (message) => call.moderation?.kick(dialog.user.id, message),
      });
    }
    case "record":
      return question({
        title: t("record.title"),
        text: t("record.text"),
        action: t("record.start"),
        isDangerous: true,
        run: () => call.moderation?.record(),
      });
    case "settings":
      return settingsDialog(view);
    case "shortcuts":
      return html`<keys-dialog .settings=${call.settings} .changed=${() => call.emit("changed", {})}></keys-dialog>`;
    case "stats":
      return statsDialog(view, dialog.stream, dialog.name);
    case "volume":
      return volume(view, dialog.key, dialog.name);
    case "invite":
      return html`<invite-dialog .call=${call}></invite-dialog>`;
    case "subgroups":
      return html`<subgroups-dialog .call=${call}></subgroups-dialog>`;
    case "password":
      return html`<div class="dialog-body">
        ${dialogHead(t("password.change"))}
        <password-form .group=${call.group} .username=${call.connection?.username ?? ""}></password-form>
      </div>`;
    default:
      /** @satisfies {never} */ (dialog);
      throw new Error("unknown dialog");
  }
}

/**
 * @param {{title: string, text: string, label?: string, action: string, isDangerous?: boolean,
 *   isRequired?: boolean, run: (message: string) => void}} options
 */
function question({ title, text, label, action, isDangerous = false, isRequired = false, run }) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    run(String(fields.get("message") ?? "").trim());
  };
  return html`<form method="dialog" class="dialog-body" @submit=${submit}>
    <h2 id="dialog-title">${title}</h2>
    <p class="quiet">${text}</p>
    ${label === undefined
      ? nothing
      : html`<div class="field">
          <label for="dialog-message">${label}</label>
          <input id="dialog-message" name="message" maxlength="200" autocomplete="off" ?required=${isRequired} />
        </div>`}
    <div class="row end">
      <button class="btn" type="button" @click=${closeDialog}>${t("cancel")}</button>
      <button class="btn ${isDangerous ? "danger" : "primary"}" data-action="confirm">${action}</button>
    </div>
  </form>`;
}

/**
 * @param {View} view
 * @param {string} key
 * @param {string} name
 */
function volume({ call }, key, name) {
  const percent = Math.round(100 * call.audio.volume(key));
  const change = (/** @type {Event} */ event) => {
    call.audio.setVolume(key, Number(/** @type {HTMLInputElement} */ (event.target).value) / 100);
  };
  return html`<div class="dialog-body">
    ${dialogHead(t("volume.of", { name }))}
    <input
      class="range"
      type="range"
      min="0"
      max="100"
      step="5"
      aria-label=${t("volume.of", { name })}
      .value=${live(`${percent}`)}
      @input=${change}
    />
    ${doneButton()}
  </div>`;
}
