/**
 * One tile: a picture or initials, and who it is.
 * @import { Delivery } from "galene-client"
 * @import { Tile } from "../model/tiles.js"
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { html, nothing } from "lit";
import { t } from "../i18n/index.js";
import { hueOf, initials } from "../model/text.js";
import { only } from "../model/tracks.js";
import { floatPicture } from "./float.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";
import { userItems } from "./user-items.js";

/**
 * @param {View} view
 * @param {Tile} tile
 */
export function tileView(view, tile) {
  const caption = captionOf(tile);
  const { name } = tile;
  const isMirrored = tile.key === "self" && view.call.settings.values.mirror;
  return html`<li
    class="tile"
    data-key=${tile.key}
    data-user=${tile.userId}
    data-stream=${tile.streamId || nothing}
    data-name=${name}
    data-kind=${tile.isScreen ? "screen" : "camera"}
    data-quality=${tile.quality?.grade ?? nothing}
    data-delivery=${tile.media ? tile.delivery.status : nothing}
    ?data-self=${tile.isSelf}
    ?data-speaking=${tile.isSpeaking}
    ?data-muted=${tile.isMuted}
    ?data-stage=${tile.stage}
  >
    <span class="avatar" data-hue=${hueOf(name)} aria-hidden="true">${initials(name)}</span>
    ${tile.media
      ? html`<video
          class=${isMirrored ? "mirrored" : ""}
          autoplay
          playsinline
          aria-label=${tile.isScreen ? t("tile.screenOf", { name }) : t("tile.cameraOf", { name })}
          .muted=${true}
          .srcObject=${only("video", tile.media)}
        ></video>`
      : nothing}
    <div class="tile-badges">
      ${tile.hasHand
        ? html`<span class="tile-badge hand">${icon("hand")} <span>${t("hand.raised")}</span></span>`
        : nothing}
      ${tile.isConnecting && !tile.isSelf && tile.streamId !== ""
        ? html`<span class="tile-badge"><span>${t("tile.connecting")}</span></span>`
        : tile.media && tile.delivery.status === "paused"
          ? html`<span class="tile-badge paused">${icon("video-off")} <span>${deliveryText(tile.delivery)}</span></span>`
          : qualityBadge(tile)}
    </div>
    ${tile.reaction === "" ? nothing : html`<span class="reaction" aria-hidden="true">${tile.reaction}</span>`}
    <span class="name">
      ${tile.isMuted ? html`${icon("mic-off")}<span class="vh">${t("muted")}: </span>` : nothing}
      <span class="name-text" dir="auto">${caption}</span>
      ${tile.isSpeaking ? html`<span class="vh">, ${t("tile.speaking")}</span>` : nothing}
    </span>
    <div class="tile-menu">
      ${menu({ label: t("user.actions", { name: caption }), icon: "ellipsis", items: itemsOf(view, tile) })}
    </div>
  </li>`;
}

/**
 * Says how much of a picture is sent, and why not all.
 * @param {Delivery} delivery
 */
export function deliveryText({ status, reason }) {
  if (status === "full") return t("delivery.full");
  if (status === "paused") return t(reason === "last-n" ? "delivery.pausedLastN" : "delivery.paused");
  return t("quality.reason.bandwidth");
}

/** @param {Tile} tile */
function qualityBadge({ quality }) {
  if (!quality || quality.grade === "good") return nothing;
  return html`<span class="tile-badge quality" data-grade=${quality.grade}>
    ${icon("signal-low")} <span>${t(`quality.reason.${quality.reason || "loss"}`)}</span>
  </span>`;
}

/** @param {Tile} tile */
function captionOf({ name, isSelf, isScreen, key }) {
  if (isScreen) return isSelf ? t("tile.yourScreen") : t("tile.screen", { name });
  if (isSelf) return key === "self" ? t("name.you", { name }) : t("tile.yourFile");
  return name;
}

/**
 * @param {View} view
 * @param {Tile} tile
 * @returns {Item[]}
 */
function itemsOf(view, tile) {
  const { call, set } = view;
  const user = call.connection?.users.get(tile.userId);
  const stream = call.connection?.down.get(tile.streamId);
  /** @type {Item[]} */
  const items = [
    {
      label: tile.isPinned ? t("tile.unpin") : t("tile.pin"),
      icon: tile.isPinned ? "pin-off" : "pin",
      run: () => call.pin(tile.key),
      name: "pin",
    },
  ];
  const element = () => document.querySelector(`.tile[data-key="${CSS.escape(tile.key)}"]`);
  if (tile.media && document.fullscreenEnabled) {
    const run = () => void element()?.requestFullscreen();
    items.push({ label: t("tile.fullscreen"), icon: "maximize", run, name: "fullscreen" });
  }
  if (tile.media && document.pictureInPictureEnabled) {
    const run = () => {
      const video = element()?.querySelector("video");
      if (video) floatPicture(video).catch(() => call.notices.show("warning", t("float.refused")));
    };
    items.push({ label: t("tile.pip"), icon: "picture-in-picture-2", run, name: "pip" });
  }
  const own = tile.key.startsWith("own:") ? tile.key.slice(4) : "";
  if (own !== "") {
    const run = () => call.publisher.stop(own);
    items.push({ label: t("tile.stop"), icon: "monitor-x", run, name: "stop" });
  }
  if (stream && (stream.media?.getAudioTracks().length ?? 0) > 0) {
    const run = () => set({ dialog: { kind: "volume", key: stream.localId, name: tile.name } });
    items.push({ label: t("tile.volume"), icon: "volume-2", run, name: "volume" });
  }
  const measured = tile.streamId || (tile.key === "self" ? call.publisher.camera?.stream?.id : "");
  if (measured) {
    const run = () => set({ dialog: { kind: "stats", stream: measured, name: captionOf(tile) } });
    items.push({ label: t("stats"), icon: "activity", run, name: "stats" });
  }
  if (user && !tile.isSelf && !tile.isScreen) items.push(...userItems(view, user));
  return items;
}
