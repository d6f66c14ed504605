/**
 * Puts its children, the tiles, where they are largest; children with `data-stage` get most of the
 * space. Arranges anew when its size or its children change.
 */
/**
 * Tells by the event `arranged` how large tiles with a stream are, and how much space there is.
 * @typedef {{sizes: Map<string, {width: number, height: number}>, space: {width: number, height: number}}} Arranged
 */
import { arrange } from "../model/layout.js";

/** When nothing moved for this long, the layout is settled (as long as Galène's own page waits). */
const SETTLED_MS = 200;

class TileGrid extends HTMLElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** The window of the picture that left its tile. @type {PictureInPictureWindow | null} */
  #window = null;
  #arrangeAgain = () => this.#arrange();
  #entered = (/** @type {Event} */ event) => {
    this.#window = /** @type {PictureInPictureEvent} */ (event).pictureInPictureWindow;
    this.#window.addEventListener("resize", this.#arrangeAgain);
    this.#arrange();
  };
  #left = () => {
    this.#window = null;
    this.#arrange();
  };
  #resize = new ResizeObserver(() => this.#arrange());
  #mutation = new MutationObserver((records) => {
    const list = this.firstElementChild;
    // What changes within a tile is no matter of where it is.
    if (records.some(({ type, target }) => type === "attributes" || target === this || target === list)) {
      this.#arrange();
    }
  });

  connectedCallback() {
    addEventListener("fullscreenchange", this.#arrangeAgain, { capture: true });
    this.addEventListener("enterpictureinpicture", this.#entered);
    this.addEventListener("leavepictureinpicture", this.#left);
    this.#resize.observe(this);
    this.#mutation.observe(this, {
      childList: true,
      subtree: true,
      attributeFilter: ["data-stage", "data-stream"],
    });
  }

  /**
   * A layout that is still changing needs no answer.
   * @param {Arranged["sizes"]} sizes
   * @param {Arranged["space"]} space
   */
  #tell(sizes, space) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.dispatchEvent(new CustomEvent("arranged", { detail: { sizes, space } }));
    }, SETTLED_MS);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    removeEventListener("fullscreenchange", this.#arrangeAgain, { capture: true });
    this.removeEventListener("enterpictureinpicture", this.#entered);
    this.removeEventListener("leavepictureinpicture", this.#left);
    this.#resize.disconnect();
    this.#mutation.disconnect();
  }

  #arrange() {
    const list = this.firstElementChild;
    if (!(list instanceof HTMLElement)) return;
    const style = getComputedStyle(this);
    const space = {
      width: this.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: this.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    };
    const gap = parseFloat(style.getPropertyValue("--gap")) || 0;
    const tiles = /** @type {HTMLElement[]} */ ([...list.children]);
    const sizes = new Map();
    const placed = arrange(space, tiles.map((tile) => ({ stage: "stage" in tile.dataset })), gap);
    for (const [index, tile] of tiles.entries()) {
      const rect = placed.rects[index];
      if (!rect) continue;
      tile.style.setProperty("left", `${rect.x}px`);
      tile.style.setProperty("top", `${rect.y}px`);
      tile.style.setProperty("width", `${rect.width}px`);
      tile.style.setProperty("height", `${rect.height}px`);
      tile.toggleAttribute("data-small", rect.width < 180);
      const { stream } = tile.dataset;
      const { width, height } = this.#shownSize(tile) ?? rect;
      if (stream) sizes.set(stream, { width, height });
    }
    this.#tell(sizes, space);
    list.style.setProperty("height", `${placed.height}px`);
  }

  /**
   * The size of what is not shown in its place in the grid.
   * @param {HTMLElement} tile
   */
  #shownSize(tile) {
    if (document.fullscreenElement === tile) return screen;
    return document.pictureInPictureElement?.closest(".tile") === tile ? this.#window : null;
  }
}

customElements.define("tile-grid", TileGrid);
