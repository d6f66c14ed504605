/**
 * Tells listeners what happened. Like `EventTarget`, but each name has its type of detail.
 * @template {object} Events From the name of an event to its detail
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(detail: never) => void>>} */
  #listeners = new Map();

  /**
   * Calls `listener` whenever `name` happens. Returns a function that ends this.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} detail
   */
  emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        /** @type {(detail: Events[Name]) => void} */ (listener)(detail);
      } catch (error) {
        // A fault in one listener must not keep the news from the others, nor stop the caller.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
