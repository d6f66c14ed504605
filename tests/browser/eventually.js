/**
 * Waiting for what will happen, without knowing when.
 */
import { setTimeout as pause } from "node:timers/promises";

/** How often we look. */
const INTERVAL_MS = 200;

/**
 * Tries until `attempt` no longer throws, and returns what it returned. Throws what it threw last if
 * the time is over.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {number} [withinMs]
 * @returns {Promise<T>}
 */
export async function eventually(attempt, withinMs = 20_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await pause(INTERVAL_MS);
  }
}

/**
 * Checks again and again for as long as it should stay true.
 * @param {() => Promise<void>} check
 * @param {number} forMs
 */
export async function throughout(check, forMs) {
  const end = Date.now() + forMs;
  while (Date.now() < end) {
    await check();
    await pause(INTERVAL_MS);
  }
}
