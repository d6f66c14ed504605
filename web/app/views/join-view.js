/**
 * Where one prepares: sees oneself, chooses devices and a name, and joins.
 * @import { Call } from "../model/call.js"
 * @import { View } from "./group-page.js"
 */
import { html, nothing } from "lit";
import { t } from "../i18n/index.js";
import { hueOf, initials } from "../model/text.js";
import { only } from "../model/tracks.js";
import { deviceMenus } from "./device-menus.js";
import { icon } from "./icon.js";

/** @param {View} view */
export function joinView({ call }) {
  return html`
    <main class="join">
      <header class="join-head">
        <a class="home" href="/" aria-label=${t("join.home")}>
          <img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="36" height="36" />
        </a>
        <div>
          <h1 tabindex="-1">${call.title}</h1>
          ${call.status?.description
            ? html`<p class="quiet">${call.status.description}</p>`
            : nothing}
        </div>
      </header>
      <section class="preview-area" aria-label=${t("join.preview")}>
        ${preview(call)}
        <div class="row center">${toggles(call)}</div>
        <level-meter .source=${() => call.ownLevel}></level-meter>
      </section>
      ${form(call)}
      <section class="devices card" aria-label=${t("settings.devices")}>${deviceMenus(call)}</section>
    </main>
  `;
}

/** @param {Call} call */
function preview({ local, settings }) {
  const { name } = settings.values;
  return html`<div class="preview">
    ${local.isCameraOn
      ? html`<video
          class=${settings.values.mirror ? "mirrored" : ""}
          autoplay
          playsinline
          aria-label=${t("join.camera")}
          .muted=${true}
          .srcObject=${only("video", local.media)}
        ></video>`
      : html`<div class="preview-off">
          ${name.trim() === ""
            ? icon("video-off")
            : html`<span class="avatar" data-hue=${hueOf(name)} aria-hidden="true">${initials(name)}</span>`}
          <p>${t("join.cameraOff")}</p>
        </div>`}
  </div>`;
}

/** @param {Call} call */
function toggles({ local }) {
  return html`
    <button
      class="btn ${local.isMuted ? "off" : "on"}"
      type="button"
      data-action="microphone"
      ?disabled=${local.isBusy}
      @click=${() => local.setMuted(!local.isMuted)}
    >
      ${icon(local.isMuted ? "mic-off" : "mic")}
      ${local.isMuted ? t("unmute") : t("mute")}
    </button>
    <button
      class="btn ${local.isCameraOn ? "on" : "off"}"
      type="button"
      data-action="camera"
      ?disabled=${local.isBusy}
      @click=${() => local.setCamera(!local.isCameraOn)}
    >
      ${icon(local.isCameraOn ? "video" : "video-off")}
      ${local.isCameraOn ? t("video.stop") : t("video.start")}
    </button>
  `;
}

/** @param {Call} call */
function form(call) {
  const { problem, phase, settings } = call;
  const isJoining = phase === "joining";
  const join = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    call.join(String(fields.get("username") ?? "").trim(), String(fields.get("password") ?? ""));
  };
  const rename = (/** @type {InputEvent} */ event) => {
    settings.set({ name: /** @type {HTMLInputElement} */ (event.target).value });
    call.emit("changed", {});
  };
  return html`<form class="card join-form" @submit=${join}>
    ${problem
      ? html`<div class="problem" role="alert" data-problem id="join-problem">
          ${icon("circle-alert")}
          <div>
            <strong>${problem.title}</strong>
            <p>${problem.text}</p>
          </div>
        </div>`
      : nothing}
    <div class="field">
      <label for="username">${t("join.name")}</label>
      <input
        id="username"
        name="username"
        autocomplete="username"
        maxlength="60"
        .value=${settings.values.name}
        aria-invalid=${problem?.field === "username" ? "true" : "false"}
        aria-describedby=${problem?.field === "username" ? "join-problem" : nothing}
        @input=${rename}
      />
    </div>
    ${call.token === ""
      ? passwordField(call)
      : html`<p class="hint" data-invited>${t("join.invited")}</p>`}
    <button class="btn primary wide" data-action="join" ?disabled=${isJoining}>
      ${isJoining ? t("join.joining") : t("join.now")}
    </button>
    <p class="quiet facts" role="status">${presence(call)}</p>
  </form>`;
}

/** @param {Call} call */
function passwordField({ problem }) {
  const isWrong = problem?.field === "password";
  return html`<div class="field">
    <label for="password">${t("join.password")}</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="current-password"
      aria-invalid=${isWrong ? "true" : "false"}
      aria-describedby=${isWrong ? "join-problem password-hint" : "password-hint"}
    />
    <p class="hint" id="password-hint">${t("join.passwordHint")}</p>
  </div>`;
}

/** @param {Call} call */
function presence(call) {
  const count = call.status?.clientCount;
  return html`
    ${call.isLocked ? html`<span class="pill">${icon("lock")} ${t("locked")}</span>` : nothing}
    ${count === undefined
      ? nothing
      : count === 0
        ? t("join.nobody")
        : t("join.here", { count })}
  `;
}
