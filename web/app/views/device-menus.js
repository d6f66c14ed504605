/**
 * Menus to choose camera, microphone and speaker.
 * @import { Call } from "../model/call.js"
 */
import { html, live, nothing } from "lit";
import { t } from "../i18n/index.js";
import { choice } from "./dialog-parts.js";
import { pickFiles } from "./pick-files.js";

/** @param {Call} call */
export function deviceMenus(call) {
  const { devices, local, settings } = call;
  const { camera, microphone, speaker } = settings.values;
  const inUse = (/** @type {MediaStreamTrack | null} */ track) => track?.getSettings().deviceId ?? "";
  const isKnown = devices.cameras.length + devices.microphones.length > 0;
  return html`
    ${menu("camera", t("device.camera"), devices.cameras, local.cameraId || camera, (id) =>
      local.chooseCamera(id),
    )}
    ${devices.cameras.length > 0 ? backdropMenu(call) : nothing}
    ${menu("microphone", t("device.microphone"), devices.microphones, inUse(local.microphone) || microphone, (id) =>
      local.chooseMicrophone(id),
    )}
    ${menu("speaker", t("device.speaker"), devices.speakers, speaker, (id) => call.chooseSpeaker(id))}
    ${isKnown
      ? nothing
      : html`<p class="hint">${t("device.hint")}</p>`}
  `;
}

/**
 * What is behind us.
 * @param {Call} call
 */
function backdropMenu({ local, notices, settings }) {
  if (!("captureStream" in HTMLCanvasElement.prototype)) {
    return html`<p class="hint">${t("backdrop.cannot")}</p>`;
  }
  const { backdrop } = settings.values;
  const names = { none: t("backdrop.none"), blur: t("backdrop.blur"), picture: t("backdrop.picture") };
  const pick = async () => {
    const [file] = await pickFiles({ accept: "image/*" });
    if (!file) return;
    const { keepPicture } = await import("../effects/own-picture.js");
    try {
      await keepPicture(file);
    } catch {
      notices.show("warning", t("backdrop.noPicture", { name: file.name }));
      return;
    }
    await local.setBackdrop("picture");
  };
  return html`
    ${choice("backdrop", t("backdrop"), backdrop, names, (kind) => local.setBackdrop(kind))}
    ${backdrop === "picture"
      ? html`<button class="btn small" type="button" data-action="backdrop-picture" @click=${pick}>${t("backdrop.pick")}</button>`
      : nothing}
  `;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {MediaDeviceInfo[]} devices
 * @param {string} chosen
 * @param {(deviceId: string) => void} choose
 */
function menu(name, label, devices, chosen, choose) {
  if (devices.length === 0) return nothing;
  const known = devices.some(({ deviceId }) => deviceId === chosen);
  const change = (/** @type {Event} */ event) => {
    choose(/** @type {HTMLSelectElement} */ (event.target).value);
  };
  return html`<div class="field">
    <label for="device-${name}">${label}</label>
    <select id="device-${name}" data-device=${name} .value=${live(known ? chosen : "")} @change=${change}>
      ${known ? nothing : html`<option value="">${t("device.default")}</option>`}
      ${devices.map(
        ({ deviceId, label: text }, index) => html`<option
          value=${deviceId}
          ?selected=${deviceId === chosen}
        >
          ${text || `${label} ${index + 1}`}
        </option>`,
      )}
    </select>
  </div>`;
}
