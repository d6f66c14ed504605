/**
 * Puts its children, the tiles, where they are largest; children with `data-stage` get most of the
 * space. Arranges anew when its size or its children change.
 */
import { arrange } from "../model/layout.js";

class TileGrid extends HTMLElement {
  #resize = new ResizeObserver(() => this.#arrange());
  #mutation = new MutationObserver(() => this.#arrange());

  connectedCallback() {
    this.#resize.observe(this);
    this.#mutation.observe(this, {
      childList: true,
      subtree: true,
      attributeFilter: ["data-stage"],
    });
  }

  disconnectedCallback() {
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
    const placed = arrange(space, tiles.map((tile) => ({ stage: "stage" in tile.dataset })), gap);
    for (const [index, tile] of tiles.entries()) {
      const rect = placed.rects[index];
      if (!rect) continue;
      tile.style.setProperty("left", `${rect.x}px`);
      tile.style.setProperty("top", `${rect.y}px`);
      tile.style.setProperty("width", `${rect.width}px`);
      tile.style.setProperty("height", `${rect.height}px`);
      tile.toggleAttribute("data-small", rect.width < 180);
    }
    list.style.setProperty("height", `${placed.height}px`);
  }
}

customElements.define("tile-grid", TileGrid);
