/**
 * Who speaks.
 *
 * @import { DownStream } from "galene-client"
 */
import { Emitter } from "galene-client";

/** How often we listen. */
const INTERVAL_MS = 200;

/** Louder than this is speech; a quiet room stays below. */
const THRESHOLD = 0.02;

/** Somebody who pauses for breath is still speaking. */
const HOLD_MS = 700;

/** @extends {Emitter<{changed: {}}>} */
export class Speakers extends Emitter {
  /** Ids of the streams in which somebody speaks. @type {Set<string>} */
  active = new Set();
  /** @type {Map<string, number>} */
  #heard = new Map();
  #streams;
  #self;
  /** @type {ReturnType<typeof setInterval> | undefined} */
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

  start() {
    this.stop();
    this.#timer = setInterval(() => this.#listen(), INTERVAL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#heard.clear();
    this.active = new Set();
  }

  #listen() {
    const now = performance.now();
    if (this.#self()) this.#heard.set("", now);
    for (const stream of this.#streams()) {
      if (levelOf(stream) > THRESHOLD) this.#heard.set(stream.id, now);
    }
    const active = new Set();
    for (const [id, time] of this.#heard) {
      if (now - time < HOLD_MS) active.add(id);
      else this.#heard.delete(id);
    }
    const same = active.size === this.active.size && [...active].every((id) => this.active.has(id));
    this.active = active;
    if (!same) this.emit("changed", {});
  }
}

/** @param {DownStream} stream */
function levelOf(stream) {
  const receivers = stream.pc.getReceivers().filter(({ track }) => track.kind === "audio");
  const sources = receivers.flatMap((receiver) => receiver.getSynchronizationSources());
  return Math.max(0, ...sources.map(({ audioLevel }) => audioLevel ?? 0));
}
