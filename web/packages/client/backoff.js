/**
 * How long to wait before trying again, and when to stop.
 */

/** The first wait; doubled each time. */
const FIRST_MS = 500;

/** The longest wait between two attempts. */
const LONGEST_MS = 15_000;

/**
 * After this much waiting, somebody must ask for more. Within a minute, servers miss a connection that was
 * lost, and forgive an address its wrong logins: who is kept out for twice that is kept out by something
 * else.
 */
const TOTAL_MS = 120_000;

/** The waits between attempts to connect again. */
export class Backoff {
  #next = FIRST_MS;
  #total = 0;
  #random;

  /** @param {() => number} [random] From 0 to 1: clients that lost the same server should not all return at once */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Returns the next wait in milliseconds, or `null` to give up. */
  next() {
    if (this.#total >= TOTAL_MS) return null;
    const wait = Math.round(this.#next * (0.5 + this.#random() / 2));
    this.#next = Math.min(this.#next * 2, LONGEST_MS);
    this.#total += wait;
    return wait;
  }

  /** Begins anew: it worked, or somebody asked for it. */
  reset() {
    this.#next = FIRST_MS;
    this.#total = 0;
  }
}
