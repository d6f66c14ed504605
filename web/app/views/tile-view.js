/**
 * One tile: a picture or initials, and who it is.
 * @import { Tile } from "../model/tiles.js"
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { html, nothing } from "lit";
import { hueOf, initials } from "../model/text.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";
import { userItems } from "./user-items.js";

/**
 * @param {View} view
 * @param {Tile} tile
 */
export function tileView(view, tile) {
  const caption = captionOf(tile);
  return html`<li
    class="tile"
    data-key=${tile.key}
    data-user=${tile.userId}
    data-stream=${tile.streamId || nothing}
    data-name=${tile.name}
    data-kind=${tile.isScreen ? "screen" : "camera"}
    ?data-self=${tile.isSelf}
    ?data-speaking=${tile.isSpeaking}
    ?data-muted=${tile.isMuted}
    ?data-stage=${tile.stage}
  >
    <span class="avatar" data-hue=${hueOf(tile.name)} aria-hidden="true">${initials(tile.name)}</span>
    ${tile.media
      ? html`<video
          class=${tile.isSelf && !tile.isScreen ? "mirrored" : ""}
          autoplay
          playsinline
          aria-label=${tile.isScreen ? `Screen of ${tile.name}` : `Camera of ${tile.name}`}
          .muted=${true}
          .srcObject=${tile.media}
        ></video>`
      : nothing}
    ${tile.hasHand
      ? html`<span class="tile-badge hand">${icon("hand")} <span>Hand raised</span></span>`
      : nothing}
    ${tile.isConnecting && !tile.isSelf && tile.streamId !== ""
      ? html`<span class="tile-badge"><span>Connecting…</span></span>`
      : nothing}
    <span class="name">
      ${tile.isMuted ? html`${icon("mic-off")}<span class="vh">Muted: </span>` : nothing}
      <span class="name-text">${caption}</span>
      ${tile.isSpeaking ? html`<span class="vh">, speaking</span>` : nothing}
    </span>
    <div class="tile-menu">
      ${menu({ label: `Actions for ${caption}`, icon: "ellipsis", items: itemsOf(view, tile) })}
    </div>
  </li>`;
}

/** @param {Tile} tile */
function captionOf({ name, isSelf, isScreen }) {
  if (isScreen) return isSelf ? "Your screen" : `${name} – screen`;
  return isSelf ? `${name} (you)` : name;
}

/**
 * @param {View} view
 * @param {Tile} tile
 * @returns {Item[]}
 */
function itemsOf(view, tile) {
  const { call } = view;
  const user = call.connection?.users.get(tile.userId);
  /** @type {Item[]} */
  const items = [
    {
      label: tile.isPinned ? "Unpin" : "Pin",
      icon: tile.isPinned ? "pin-off" : "pin",
      run: () => call.pin(tile.key),
      name: "pin",
    },
  ];
  if (tile.media && document.fullscreenEnabled) {
    const run = () => {
      const element = document.querySelector(`.tile[data-key="${CSS.escape(tile.key)}"]`);
      element?.requestFullscreen();
    };
    items.push({ label: "Full screen", icon: "maximize", run, name: "fullscreen" });
  }
  if (user && !tile.isSelf && !tile.isScreen) items.push(...userItems(view, user));
  return items;
}
