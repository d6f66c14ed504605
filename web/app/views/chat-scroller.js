/**
 * Shows the end of what it contains as long as nobody scrolls back; then it has `data-back`.
 */

/** This near to the end counts as the end. */
const NEAR = 40;

export class ChatScroller extends HTMLElement {
  #atEnd = true;
  #observer = new MutationObserver(() => this.#follow());
  #resize = new ResizeObserver(() => this.#follow());

  connectedCallback() {
    this.#observer.observe(this, { childList: true, subtree: true });
    this.#resize.observe(this);
    this.addEventListener("scroll", () => {
      this.#atEnd = this.scrollTop + this.clientHeight > this.scrollHeight - NEAR;
      this.toggleAttribute("data-back", !this.#atEnd);
    });
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.#resize.disconnect();
  }

  /** Shows the end again, and stays there. */
  toEnd() {
    this.scrollTop = this.scrollHeight;
  }

  #follow() {
    if (this.#atEnd) this.toEnd();
  }
}

customElements.define("chat-scroller", ChatScroller);
