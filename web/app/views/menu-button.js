/**
 * A button that opens a menu: `<menu-button>` with a button and a `popover` of role `menu` inside.
 * Follows the pattern "menu button" of the ARIA Authoring Practices.
 *
 * @typedef {object} Item
 * @property {string} label
 * @property {string} icon
 * @property {() => void} run
 * @property {boolean} [isDangerous]
 * @property {boolean} [isChosen] One of several of which one is chosen
 * @property {string} [name] For tests
 */
import { html, nothing } from "lit";
import { icon } from "./icon.js";

/** Between the button and the menu, and between the menu and the edge of the window. */
const GAP = 6;

/**
 * @param {{label: string, icon: string, items: Item[], text?: string, className?: string,
 *   menuClass?: string}} options
 *   `label` names the button; with `text` that is seen, too
 */
export function menu({ label, icon: iconName, items, text, className = "icon-btn", menuClass = "" }) {
  return html`<menu-button>
    <button
      class=${className}
      type="button"
      aria-haspopup="menu"
      aria-expanded="false"
      aria-label=${label}
      title=${label}
    >
      ${icon(iconName)} ${text === undefined ? "" : html`<span class="label">${text}</span>`}
    </button>
    <div class="menu ${menuClass}" role="menu" popover aria-label=${label}>
      ${items.map(
        (item) => html`<button
          role=${item.isChosen === undefined ? "menuitem" : "menuitemradio"}
          aria-checked=${item.isChosen === undefined ? nothing : `${item.isChosen}`}
          type="button"
          tabindex="-1"
          class=${item.isDangerous ? "dangerous" : ""}
          data-item=${item.name ?? item.label}
          @click=${item.run}
        >
          ${item.icon === "" ? nothing : icon(item.icon)} ${item.label}
        </button>`,
      )}
    </div>
  </menu-button>`;
}

class MenuButton extends HTMLElement {
  constructor() {
    super();
    this.addEventListener("click", (event) => this.#click(event));
    this.addEventListener("keydown", (event) => this.#key(event));
    // Popovers tell only themselves that they open or close.
    this.addEventListener("toggle", (event) => this.#toggled(event), { capture: true });
  }

  /** @returns {HTMLElement | null} */
  get menu() {
    return this.querySelector("[popover]");
  }

  /** @returns {HTMLElement | null} */
  get button() {
    return this.querySelector("[aria-haspopup]");
  }

  get items() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role^=menuitem]")]);
  }

  get isOpen() {
    return this.menu?.matches(":popover-open") ?? false;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    if (this.button?.contains(target)) {
      if (this.isOpen) this.menu?.hidePopover();
      else this.#open(0);
    } else if (target.closest("[role^=menuitem]")) {
      this.#close();
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { items } = this;
    const index = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const isOnButton = document.activeElement === this.button;
    switch (event.key) {
      case "ArrowDown":
        if (isOnButton) this.#open(0);
        else items[(index + 1) % items.length]?.focus();
        break;
      case "ArrowUp":
        if (isOnButton) this.#open(-1);
        else items.at(index - 1)?.focus();
        break;
      case "Home":
        if (!this.isOpen) return;
        items[0]?.focus();
        break;
      case "End":
        if (!this.isOpen) return;
        items.at(-1)?.focus();
        break;
      case "Tab":
        this.menu?.hidePopover();
        return;
      case "Escape":
        if (!this.isOpen) return;
        this.#close();
        break;
      default:
        if (!this.isOpen || event.key.length !== 1 || event.key === " ") return;
        this.#find(event.key, index);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index Which item gets the focus */
  #open(index) {
    const { menu, button, items } = this;
    if (!menu || !button) return;
    menu.showPopover();
    place(menu, button.getBoundingClientRect());
    items.at(index)?.focus();
  }

  #close() {
    this.menu?.hidePopover();
    this.button?.focus();
  }

  /** @param {Event} event */
  #toggled(event) {
    if (event.target === this.menu) this.button?.setAttribute("aria-expanded", `${this.isOpen}`);
  }

  /**
   * Goes to the next item that begins with a letter.
   * @param {string} letter
   * @param {number} index
   */
  #find(letter, index) {
    const { items } = this;
    const turned = [...items.slice(index + 1), ...items.slice(0, index + 1)];
    const starts = (/** @type {HTMLElement} */ item) =>
      item.textContent.trim().toLowerCase().startsWith(letter.toLowerCase());
    turned.find(starts)?.focus();
  }
}

/**
 * Puts a menu below or above its button, where there is room.
 * @param {HTMLElement} menu
 * @param {DOMRect} button
 */
function place(menu, button) {
  const { width, height } = menu.getBoundingClientRect();
  const below = button.bottom + GAP;
  const hasRoomBelow = below + height + GAP <= innerHeight;
  const top = hasRoomBelow ? below : Math.max(GAP, button.top - GAP - height);
  const isRtl = document.documentElement.dir === "rtl";
  const wanted = isRtl ? button.left : button.right - width;
  const left = Math.max(GAP, Math.min(wanted, innerWidth - width - GAP));
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${left}px`);
}

customElements.define("menu-button", MenuButton);
