/**
 * Shows the end of what it contains as long as nobody scrolls back.
 */

/** This near to the end counts as the end. */
const NEAR = 40;

class ChatScroller extends HTMLElement {
  #atEnd = true;
  #observer = new MutationObserver(() => this.#follow());
  #resize = new ResizeObserver(() => this.#follow());

  connectedCallback() {
    this.#observer.observe(this, { childList: true, subtree: true });
    this.#resize.observe(this);
    this.addEventListener("scroll", () => {
      this.#atEnd = this.scrollTop + this.clientHeight > this.scrollHeight - NEAR;
    });
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.#resize.disconnect();
  }

  #follow() {
    if (this.#atEnd) this.scrollTop = this.scrollHeight;
  }
}

customElements.define("chat-scroller", ChatScroller);
