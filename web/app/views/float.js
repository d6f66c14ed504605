/**
 * The meeting in a small window that stays over all others: pictures, and what one needs at once.
 * Where browsers have no such window, the most important picture alone, if they have that.
 * @import { Tile } from "../model/tiles.js"
 * @import { View } from "./group-page.js"
 */
import { html, nothing, render, repeat } from "lit";
import { t } from "../i18n/index.js";
import { arrange } from "../model/layout.js";
import { hueOf, initials } from "../model/text.js";
import { only } from "../model/tracks.js";
import { icon } from "./icon.js";

/** More would be too small to see. */
const MAX_TILES = 6;

/** At first; then as the user makes it. */
const SIZE = { width: 400, height: 320 };

/** Between tiles, in pixels. */
const GAP = 4;

/** @typedef {{requestWindow: (size: {width: number, height: number}) => Promise<Window>}} PictureInPicture */

/** @returns {PictureInPicture | null} */
function windows() {
  return /** @type {{documentPictureInPicture?: PictureInPicture}} */ (/** @type {unknown} */ (window)).documentPictureInPicture ?? null;
}

/** Whether the browser can show anything over other windows. */
export function canFloat() {
  return windows() !== null || document.pictureInPictureEnabled === true;
}

export class FloatingWindow {
  /** @type {Window | null} */
  #window = null;
  /** @type {View | null} */
  #view = null;

  /**
   * Opens the window, or closes it. Only in answer to a click.
   * @param {View} view
   */
  async toggle(view) {
    if (this.#window) return this.#window.close();
    const pictures = windows();
    try {
      if (pictures) await this.#open(pictures, view);
      else await togglePicture();
    } catch {
      view.call.notices.show("warning", t("float.refused"));
    }
  }

  /** Shows what there is now. @param {View} view */
  update(view) {
    this.#view = view;
    if (!this.#window) return;
    if (view.call.phase !== "call" && view.call.phase !== "lost") return this.#window.close();
    const { body } = this.#window.document;
    render(content(view, this.#window), body, { creationScope: document });
    this.#place(view);
  }

  /**
   * @param {PictureInPicture} pictures
   * @param {View} view
   */
  async #open(pictures, view) {
    const opened = await pictures.requestWindow(SIZE);
    this.#window = opened;
    const { head, documentElement, body } = opened.document;
    opened.document.title = view.call.title;
    for (const name of ["lang", "dir", "data-theme"]) {
      documentElement.setAttribute(name, document.documentElement.getAttribute(name) ?? "");
    }
    body.className = "floating";
    for (const sheet of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll("link[rel=stylesheet]"))) {
      const copy = opened.document.createElement("link");
      Object.assign(copy, { rel: "stylesheet", href: sheet.href });
      // What is placed before there are styles is placed wrongly.
      copy.addEventListener("load", () => this.#view && this.update(this.#view));
      head.append(copy);
    }
    opened.addEventListener("pagehide", () => {
      this.#window = null;
      render(nothing, body);
      this.#view?.call.showTiles(new Map(), "window");
    });
    opened.addEventListener("resize", () => this.#view && this.update(this.#view));
    this.update(view);
  }

  /** Puts the tiles where they are largest, and asks for as much as they show. @param {View} view */
  #place({ call }) {
    const list = this.#window?.document.querySelector("ul");
    if (!list) return;
    const tiles = /** @type {HTMLElement[]} */ ([...list.children]);
    const { rects } = arrange({ width: list.clientWidth, height: list.clientHeight }, tiles.map(() => ({ stage: false })), GAP);
    const sizes = new Map();
    for (const [index, tile] of tiles.entries()) {
      const rect = rects[index];
      if (!rect) continue;
      for (const [name, length] of [["left", rect.x], ["top", rect.y], ["width", rect.width], ["height", rect.height]]) {
        tile.style.setProperty(String(name), `${length}px`);
      }
      const { stream } = tile.dataset;
      if (stream) sizes.set(stream, { width: rect.width, height: rect.height });
    }
    call.showTiles(sizes, "window");
  }
}

/**
 * Those who are on stage, then those who speak or show something; ourselves only if nobody else is there.
 * @param {Tile[]} tiles
 */
export function chooseTiles(tiles) {
  const others = tiles.filter(({ isSelf }) => !isSelf);
  const rank = (/** @type {Tile} */ { stage, isSpeaking, media }) => (stage ? 0 : isSpeaking ? 1 : media ? 2 : 3);
  const ranked = others.map((tile, index) => ({ tile, index })).sort((a, b) => rank(a.tile) - rank(b.tile) || a.index - b.index);
  const chosen = new Set(ranked.slice(0, MAX_TILES).map(({ tile }) => tile));
  // In the order of the page: nobody should jump about for having spoken.
  return others.length === 0 ? tiles.slice(0, 1) : others.filter((tile) => chosen.has(tile));
}

/**
 * @param {View} view
 * @param {Window} opened
 */
function content({ call }, opened) {
  const { local } = call;
  const tool = (/** @type {string} */ action, /** @type {string} */ label, /** @type {string} */ name, /** @type {() => void} */ run, tone = "") => {
    return html`<button class="btn tool ${tone}" type="button" data-action=${action} aria-label=${label} title=${label} @click=${run}>
      ${icon(name)}
    </button>`;
  };
  const leave = () => {
    opened.close();
    call.leave();
  };
  return html`<main>
    <ul role="list">
      ${repeat(chooseTiles(call.tiles), ({ key }) => key, tileView)}
    </ul>
    <div class="row center" role="toolbar" aria-label=${t("controls")}>
      ${tool("microphone", local.isMuted ? t("unmute") : t("mute"), local.isMuted ? "mic-off" : "mic", () => call.setMuted(!local.isMuted), local.isMuted ? "off" : "on")}
      ${tool("camera", local.isCameraOn ? t("video.stop") : t("video.start"), local.isCameraOn ? "video" : "video-off", () => call.setCamera(!local.isCameraOn), local.isCameraOn ? "on" : "off")}
      ${tool("leave", t("leave"), "phone-off", leave, "danger")}
    </div>
  </main>`;
}

/** @param {Tile} tile */
function tileView({ key, name, streamId, media, isSpeaking, isMuted, isScreen, delivery }) {
  return html`<li
    class="tile"
    data-key=${key}
    data-name=${name}
    data-stream=${streamId || nothing}
    data-kind=${isScreen ? "screen" : "camera"}
    data-delivery=${media ? delivery.status : nothing}
    ?data-speaking=${isSpeaking}
  >
    <span class="avatar" data-hue=${hueOf(name)} aria-hidden="true">${initials(name)}</span>
    ${media
      ? html`<video autoplay playsinline aria-label=${name} .muted=${true} .srcObject=${only("video", media)}></video>`
      : nothing}
    <span class="name">${isMuted ? icon("mic-off") : nothing}<span class="name-text" dir="auto">${name}</span></span>
  </li>`;
}

/** Takes the most important picture out of the page, or puts it back. */
async function togglePicture() {
  if (document.pictureInPictureElement) return document.exitPictureInPicture();
  const tiles = [...document.querySelectorAll(".tile:not([data-self]) video")];
  const video = tiles.find((each) => each.closest("[data-stage], [data-speaking]")) ?? tiles[0];
  if (!(video instanceof HTMLVideoElement)) throw new Error("there is no picture");
  await floatPicture(video);
}

/**
 * Shows one picture over other windows. Only in answer to a click.
 * @param {HTMLVideoElement} video
 */
export async function floatPicture(video) {
  // Browsers refuse it for a picture that has not begun yet.
  if (video.readyState === HTMLMediaElement.HAVE_NOTHING) {
    await new Promise((resolve) => video.addEventListener("loadedmetadata", resolve, { once: true }));
  }
  await video.requestPictureInPicture();
}
