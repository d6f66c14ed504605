/**
 * How well streams come through: measured every few seconds, and judged in a word.
 *
 * @import { DownStream, StreamStats, UpStream } from "galene-client"
 *
 * @typedef {"good" | "fair" | "poor"} Grade
 * @typedef {"" | "loss" | "delay" | "bandwidth" | "cpu" | "lost"} Reason
 * @typedef {{grade: Grade, reason: Reason}} Judgement
 */
import { Emitter, judge, StatsSampler } from "galene-client";

/** Often enough to see a change, seldom enough to cost nothing. */
const INTERVAL_MS = 2500;

/** @extends {Emitter<{changed: {}}>} */
export class QualityWatch extends Emitter {
  /** By the id of the stream. @type {Map<string, StreamStats>} */
  stats = new Map();
  /** @type {Map<string, StatsSampler>} */
  #samplers = new Map();
  /** @type {Map<string, Judgement>} */
  #judgements = new Map();
  #streams;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => Iterable<UpStream | DownStream>} streams */
  constructor(streams) {
    super();
    this.#streams = streams;
  }

  start() {
    this.stop();
    const measure = async () => {
      const timer = this.#timer;
      await this.#measure();
      // Unless we were stopped meanwhile.
      if (this.#timer === timer) this.#timer = setTimeout(measure, INTERVAL_MS);
    };
    this.#timer = setTimeout(measure, INTERVAL_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.stats.clear();
    this.#samplers.clear();
    this.#judgements.clear();
  }

  /**
   * @param {string} id Of a stream
   * @returns {Judgement | null} `null` before it was measured
   */
  of(id) {
    return this.#judgements.get(id) ?? null;
  }

  /**
   * Judges a stream anew: the server said something about it.
   * @param {DownStream} stream
   */
  reconsider(stream) {
    this.#judge(stream, this.stats.get(stream.id) ?? { media: [], roundTripMs: 0, path: "" });
    this.emit("changed", {});
  }

  /** The worst of all: our own line, if most suffer. @returns {Judgement | null} */
  get overall() {
    const all = [...this.#judgements.values()];
    if (all.length === 0) return null;
    const bad = all.filter(({ grade }) => grade !== "good");
    // One bad stream is its sender's trouble; if at least half are bad, it is ours.
    if (bad.length * 2 < all.length || bad.length === 0) return { grade: "good", reason: "" };
    return bad.find(({ grade }) => grade === "poor") ?? bad[0] ?? null;
  }

  async #measure() {
    const streams = [...this.#streams()];
    for (const stream of streams) {
      const { id, pc } = stream;
      if (pc.connectionState === "closed") continue;
      const sampler = this.#samplers.get(id) ?? new StatsSampler();
      this.#samplers.set(id, sampler);
      const stats = await sampler.sample(pc);
      this.stats.set(id, stats);
      this.#judge(stream, stats);
    }
    const ids = new Set(streams.map(({ id }) => id));
    for (const id of [...this.#judgements.keys()]) {
      if (ids.has(id)) continue;
      this.#samplers.delete(id);
      this.stats.delete(id);
      this.#judgements.delete(id);
    }
    this.emit("changed", {});
  }

  /**
   * @param {UpStream | DownStream} stream
   * @param {StreamStats} stats
   */
  #judge(stream, stats) {
    const delivery = "delivery" in stream ? stream.delivery : undefined;
    this.#judgements.set(stream.id, unlessLost(judge(stats, delivery), stream));
  }
}

/**
 * A stream that has no way to the server is bad, whatever was measured before.
 * @param {Judgement} judgement
 * @param {UpStream | DownStream} stream
 * @returns {Judgement}
 */
function unlessLost(judgement, { pc }) {
  const isLost = pc.iceConnectionState === "failed" || pc.iceConnectionState === "disconnected";
  return isLost ? { grade: "poor", reason: "lost" } : judgement;
}
