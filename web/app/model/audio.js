/**
 * Lets the others be heard: one audio element per stream, apart from the tiles, so that nobody falls
 * silent when the page is rearranged.
 */
import { Emitter } from "galene-client";
import { only } from "./tracks.js";

/** @extends {Emitter<{changed: {}}>} */
export class AudioOutput extends Emitter {
  /** Whether the browser waits for a click before it plays anything. */
  isBlocked = false;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();
  /** By what stays the same when a stream is replaced. @type {Map<string, number>} */
  #volumes = new Map();
  #speaker;

  /** @param {string} speaker Id of the device, or empty */
  constructor(speaker) {
    super();
    this.#speaker = speaker;
  }

  /**
   * @param {string} id
   * @param {MediaStream} media
   */
  play(id, media) {
    const element = this.#elements.get(id) ?? new Audio();
    this.#elements.set(id, element);
    const sound = only("audio", media);
    if (element.srcObject !== sound) {
      element.srcObject = sound;
      element.volume = this.volume(id);
      this.#route(element);
    }
    this.#start(element);
  }

  /** How loud somebody is played, from 0 to 1. @param {string} id */
  volume(id) {
    return this.#volumes.get(id) ?? 1;
  }

  /**
   * @param {string} id
   * @param {number} volume
   */
  setVolume(id, volume) {
    this.#volumes.set(id, volume);
    const element = this.#elements.get(id);
    if (element) element.volume = volume;
    this.emit("changed", {});
  }

  /** @param {string} id */
  stop(id) {
    const element = this.#elements.get(id);
    if (!element) return;
    this.#elements.delete(id);
    element.pause();
    element.srcObject = null;
  }

  /** Tries again, in answer to a click. */
  unblock() {
    this.isBlocked = false;
    for (const element of this.#elements.values()) this.#start(element);
    this.emit("changed", {});
  }

  /** @param {string} speaker */
  choose(speaker) {
    this.#speaker = speaker;
    for (const element of this.#elements.values()) this.#route(element);
  }

  /** @param {HTMLAudioElement} element */
  #start(element) {
    element.play().catch((error) => {
      // Any other reason is one of our own doing: it was stopped before it began.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.isBlocked = true;
      this.emit("changed", {});
    });
  }

  /** @param {HTMLAudioElement} element */
  #route(element) {
    if (this.#speaker === "" || !("setSinkId" in element)) return;
    // A speaker that was unplugged since: the browser's choice is the best that is left.
    element.setSinkId(this.#speaker).catch(() => {});
  }
}
