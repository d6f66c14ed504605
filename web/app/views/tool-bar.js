/**
 * A row of buttons that is one stop of the Tab key; arrow keys go from one button to the next.
 * Follows the pattern "toolbar" of the ARIA Authoring Practices.
 */
class ToolBar extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "toolbar");
    this.addEventListener("keydown", this.#key);
    this.addEventListener("focusin", this.#focused);
    this.#observer.observe(this, { childList: true, subtree: true });
    this.#rove();
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.removeEventListener("keydown", this.#key);
    this.removeEventListener("focusin", this.#focused);
  }

  /** @type {HTMLElement | undefined} */
  #current;
  #observer = new MutationObserver(() => this.#rove());

  get buttons() {
    const all = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("button")]);
    return all.filter((button) => !button.closest("[popover]"));
  }

  #rove() {
    const { buttons } = this;
    if (!this.#current || !buttons.includes(this.#current)) this.#current = buttons[0];
    for (const button of buttons) button.tabIndex = button === this.#current ? 0 : -1;
  }

  /** @param {FocusEvent} event */
  #focused = (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button || button.closest("[popover]")) return;
    this.#current = button;
    this.#rove();
  };

  /** @param {KeyboardEvent} event */
  #key = (event) => {
    const { buttons } = this;
    const index = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (index < 0) return;
    const next = {
      ArrowRight: buttons[(index + 1) % buttons.length],
      ArrowLeft: buttons.at(index - 1),
      Home: buttons[0],
      End: buttons.at(-1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
}

customElements.define("tool-bar", ToolBar);
