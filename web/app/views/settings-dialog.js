/**
 * Devices, quality and appearance.
 * @import { View } from "./group-page.js"
 */
import { html } from "lit";
import { LANGUAGES, t, useLanguage } from "../i18n/index.js";
import { applyTheme } from "../theme.js";
import { deviceMenus } from "./device-menus.js";
import { check, choice, dialogHead, doneButton } from "./dialog-parts.js";

/** @param {View} view */
export function settingsDialog({ call }) {
  return html`<div class="dialog-body">
    ${dialogHead(t("settings"))}
    <section class="fields">
      <h3>${t("settings.devices")}</h3>
      ${deviceMenus(call)}
    </section>
    ${pictures(call)} ${sound(call)} ${appearance(call)} ${network(call)} ${doneButton()}
  </div>`;
}

/** @param {View["call"]} call */
function pictures(call) {
  const { values } = call.settings;
  return html`<section class="fields">
    <h3>${t("settings.pictures")}</h3>
    ${choice(
      "quality",
      t("quality.send"),
      values.quality,
      { low: t("quality.low"), balanced: t("quality.balanced"), best: t("quality.best") },
      (quality) => {
        call.settings.set({ quality });
        call.applyPicture();
      },
    )}
    ${choice(
      "receive",
      t("receive"),
      values.receive,
      {
        everything: t("receive.everything"),
        low: t("receive.low"),
        screens: t("receive.screens"),
        audio: t("receive.audio"),
        nothing: t("receive.nothing"),
      },
      (receive) => call.setReceive(receive),
    )}
    ${choice(
      "simulcast",
      t("simulcast"),
      values.simulcast,
      { auto: t("auto"), on: t("on"), off: t("off") },
      (simulcast) => {
        call.settings.set({ simulcast });
        call.publisher.applyQuality();
      },
    )}
    ${check("blackboard", t("blackboard"), values.blackboard, (blackboard) => {
      call.settings.set({ blackboard });
      call.applyPicture();
    })}
    ${toggle(call, "mirror", t("mirror"))} ${toggle(call, "hideSelf", t("hideSelf"))}
    ${toggle(call, "showSilent", t("showSilent"))}
  </section>`;
}

/** @param {View["call"]} call */
function sound(call) {
  const { values } = call.settings;
  /** @type {[keyof typeof values & ("music" | "echoCancellation" | "noiseSuppression" | "autoGain"), string][]} */
  const switches = [
    ["noiseSuppression", t("sound.noise")],
    ["echoCancellation", t("sound.echo")],
    ["autoGain", t("sound.gain")],
    ["music", t("sound.music")],
  ];
  return html`<section class="fields">
    <h3>${t("settings.sound")}</h3>
    ${switches.map(([name, label]) =>
      check(name, label, values[name], (value) => {
        call.settings.set({ [name]: value });
        call.applySound();
      }),
    )}
  </section>`;
}

/** @param {View["call"]} call */
function appearance(call) {
  const { values } = call.settings;
  const changed = () => call.emit("changed", {});
  return html`<section class="fields">
    <h3>${t("settings.appearance")}</h3>
    ${choice(
      "language",
      t("language"),
      values.language,
      { system: t("language.system"), ...LANGUAGES },
      async (language) => {
        call.settings.set({ language });
        await useLanguage(language);
        changed();
      },
    )}
    ${choice(
      "theme",
      t("theme"),
      values.theme,
      { system: t("theme.system"), light: t("theme.light"), dark: t("theme.dark") },
      (theme) => {
        call.settings.set({ theme });
        applyTheme(theme);
      },
    )}
    ${choice(
      "captions",
      t("captions"),
      values.captions,
      { small: t("captions.small"), large: t("captions.large") },
      (captions) => {
        call.settings.set({ captions });
        changed();
      },
    )}
  </section>`;
}

/** @param {View["call"]} call */
function network(call) {
  return html`<section class="fields">
    <h3>${t("settings.network")}</h3>
    ${check("forceRelay", t("forceRelay"), call.settings.values.forceRelay, (forceRelay) => {
      call.settings.set({ forceRelay });
      call.applyRelay();
    })}
  </section>`;
}

/**
 * A switch that only changes what is shown here.
 * @param {View["call"]} call
 * @param {"mirror" | "hideSelf" | "showSilent"} name
 * @param {string} label
 */
function toggle(call, name, label) {
  return check(name, label, call.settings.values[name], (value) => {
    call.settings.set({ [name]: value });
    call.emit("changed", {});
  });
}
