/**
 * Who speaks: as the server says, or by the energy of the sound that comes from them.
 *
 * @import { DownStream } from "galene-client"
 *
 * @typedef {object} Energy What the browser has counted so far
 * @property {number} total
 * @property {number} seconds
 */
import { Emitter } from "galene-client";

/** How often we listen. */
const INTERVAL_MS = 300;

/** Louder than this is speech, as a part of full scale; a quiet room stays below. */
const THRESHOLD = 0.015;

/** Somebody who pauses for breath is still speaking. */
const HOLD_MS = 700;

/** @extends {Emitter<{changed: {}}>} */
export class Speakers extends Emitter {
  /** Ids of the streams in which somebody speaks. @type {Set<string>} */
  active = new Set();
  /** The stream of somebody else in which somebody spoke last; empty if nobody did. */
  latest = "";
  /** When each was last heard. @type {Map<string, number>} */
  #heard = new Map();
  /** @type {Map<string, Energy>} */
  #energies = new Map();
  /** As the server says, the loudest first; `null` if it does not. @type {string[] | null} */
  #told = null;
  #streams;
  #self;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {() => Iterable<DownStream>} streams
   * @param {() => boolean} self Whether we speak ourselves; that counts as the stream `""`
   */
  constructor(streams, self) {
    super();
    this.#streams = streams;
    this.#self = self;
  }

  /** @param {boolean} isTold Whether the server says who speaks */
  start(isTold) {
    this.stop();
    this.#told = isTold ? [] : null;
    const listen = async () => {
      const timer = this.#timer;
      await this.#listen();
      // Unless we were stopped meanwhile.
      if (this.#timer === timer) this.#timer = setTimeout(listen, INTERVAL_MS);
    };
    this.#timer = setTimeout(listen, INTERVAL_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#heard.clear();
    this.#energies.clear();
    this.#told = null;
    this.active = new Set();
    this.latest = "";
  }

  /**
   * The server says who speaks.
   * @param {string[]} ids Of the streams, the loudest first; `""` is us
   */
  handleSpeakers(ids) {
    this.#told = ids;
    this.#update();
  }

  /** Whoever goes on speaking keeps the stage; who is silent does not lose it until another speaks. */
  #follow() {
    if (this.active.has(this.latest)) return;
    const [next] = [...this.active].filter((id) => id !== "");
    if (next !== undefined) this.latest = next;
  }

  async #listen() {
    const now = performance.now();
    if (this.#self()) this.#heard.set("", now);
    // What the server says costs nothing to find out.
    const streams = this.#told ? [] : [...this.#streams()];
    const energies = await Promise.all(streams.map(energyOf));
    /** @type {Map<string, Energy>} */
    const next = new Map();
    for (const [index, { id }] of streams.entries()) {
      const energy = energies[index];
      if (!energy) continue;
      next.set(id, energy);
      const before = this.#energies.get(id);
      if (before && levelBetween(before, energy) > THRESHOLD) this.#heard.set(id, now);
    }
    this.#energies = next;
    this.#update();
  }

  #update() {
    const now = performance.now();
    const active = new Set(this.#told ?? []);
    for (const [id, time] of this.#heard) {
      if (now - time < HOLD_MS) active.add(id);
      else this.#heard.delete(id);
    }
    const same = active.size === this.active.size && [...active].every((id) => this.active.has(id));
    this.active = active;
    this.#follow();
    if (!same) this.emit("changed", {});
  }
}

/**
 * Returns the level of sound between two moments, from 0 to 1.
 * @param {Energy} before
 * @param {Energy} after
 */
export function levelBetween(before, after) {
  const seconds = after.seconds - before.seconds;
  // Energy is the square of the level, times the time (W3C webrtc-stats, totalAudioEnergy).
  return seconds > 0 ? Math.sqrt(Math.max(0, after.total - before.total) / seconds) : 0;
}

/**
 * @param {DownStream} stream
 * @returns {Promise<Energy | null>}
 */
async function energyOf({ pc }) {
  const receiver = pc.getReceivers().find(({ track }) => track.kind === "audio");
  if (!receiver || pc.connectionState === "closed") return null;
  const report = await receiver.getStats();
  for (const stats of report.values()) {
    if (stats.type !== "inbound-rtp") continue;
    return { total: stats.totalAudioEnergy ?? 0, seconds: stats.totalSamplesDuration ?? 0 };
  }
  return null;
}
