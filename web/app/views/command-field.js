/**
 * A field for messages that offers commands while one is being typed: `<command-field>` with a
 * `textarea` and a `listbox` inside. Works as the pattern "combobox" of the ARIA Authoring Practices;
 * its role is for fields of one line only.
 */
class CommandField extends HTMLElement {
  #index = -1;

  constructor() {
    super();
    this.addEventListener("input", () => this.#update(true));
    this.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    this.addEventListener("focusout", () => this.#show([]));
    this.addEventListener("mousedown", (event) => {
      const option = /** @type {Element} */ (event.target).closest("[role=option]");
      if (!(option instanceof HTMLElement)) return;
      // The field keeps the focus.
      event.preventDefault();
      this.#choose(option);
    });
  }

  get field() {
    return this.querySelector("textarea");
  }

  get options() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role=option]")]);
  }

  get shown() {
    return this.options.filter(({ hidden }) => !hidden);
  }

  /** @param {boolean} isTyping */
  #update(isTyping) {
    const text = this.field?.value ?? "";
    const isCommand = isTyping && /^\/[a-z-]*$/.test(text);
    this.#show(isCommand ? this.options.filter(({ dataset }) => dataset["word"]?.startsWith(text)) : []);
  }

  /** @param {HTMLElement[]} shown */
  #show(shown) {
    for (const option of this.options) option.hidden = !shown.includes(option);
    const list = this.querySelector("[role=listbox]");
    if (list instanceof HTMLElement) list.hidden = shown.length === 0;
    this.#mark(-1);
  }

  /** @param {number} index */
  #mark(index) {
    this.#index = index;
    const { shown, field } = this;
    for (const [at, option] of shown.entries()) {
      option.setAttribute("aria-selected", `${at === index}`);
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    const marked = shown[index];
    if (marked) field?.setAttribute("aria-activedescendant", marked.id);
    else field?.removeAttribute("aria-activedescendant");
  }

  /** @param {HTMLElement} option */
  #choose(option) {
    if (!this.field) return;
    this.field.value = `${option.dataset["word"]} `;
    this.field.focus();
    this.#show([]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { shown } = this;
    if (shown.length === 0 || event.isComposing) return;
    const marked = shown[this.#index];
    switch (event.key) {
      case "ArrowDown":
        this.#mark((this.#index + 1) % shown.length);
        break;
      case "ArrowUp":
        this.#mark((this.#index <= 0 ? shown.length : this.#index) - 1);
        break;
      case "Tab":
      case "Enter": {
        const word = this.field?.value;
        // A command that is written out is sent, not chosen.
        const isComplete = !marked && shown.some(({ dataset }) => dataset["word"] === word);
        if (event.key === "Enter" && (isComplete || !marked)) return this.#show([]);
        const option = marked ?? shown[0];
        if (option) this.#choose(option);
        break;
      }
      case "Escape":
        this.#show([]);
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("command-field", CommandField);
