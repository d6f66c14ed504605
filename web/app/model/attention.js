/**
 * Small signs between people that pass: reactions, captions; and in which order hands were raised.
 *
 * @import { ClientId, User } from "galene-client"
 */
import { Emitter } from "galene-client";
import { hasHand } from "./tiles.js";

/** What one can react with. */
export const REACTIONS = ["👍", "👏", "❤️", "😂", "😮", "🎉"];

/** A reaction is shown for so long. */
const REACTION_MS = 4000;

/** Nobody needs to react more often. */
const REACTION_PAUSE_MS = 800;

/** A caption that nothing follows goes away after this. */
const CAPTION_MS = 5000;

/** More would hide the pictures. */
const CAPTION_LINES = 2;

/** Longer ones are cut: anybody who may send captions can send anything. */
const MAX_CAPTION_LETTERS = 300;

/** @extends {Emitter<{changed: {}}>} */
export class Attention extends Emitter {
  /** @type {Map<ClientId, string>} */
  reactions = new Map();
  /** @type {{id: number, from: string, text: string}[]} */
  captions = [];
  /** Who raised their hands, first come first. @type {ClientId[]} */
  hands = [];
  #ids = 0;
  #reactedAt = 0;
  /** @type {Map<ClientId, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /** Whether we may react again already. */
  mayReact() {
    const now = performance.now();
    if (now - this.#reactedAt < REACTION_PAUSE_MS) return false;
    this.#reactedAt = now;
    return true;
  }

  /**
   * @param {ClientId} user
   * @param {unknown} what Only what is known is shown: others can send anything
   * @returns {boolean} Whether it is shown
   */
  react(user, what) {
    const reaction = REACTIONS.find((known) => known === what);
    if (reaction === undefined) return false;
    clearTimeout(this.#timers.get(user));
    this.reactions.set(user, reaction);
    const forget = () => {
      this.#timers.delete(user);
      this.reactions.delete(user);
      this.emit("changed", {});
    };
    this.#timers.set(user, setTimeout(forget, REACTION_MS));
    this.emit("changed", {});
    return true;
  }

  /**
   * @param {string} from
   * @param {string} text
   */
  caption(from, text) {
    const id = (this.#ids += 1);
    const line = { id, from, text: text.slice(0, MAX_CAPTION_LETTERS) };
    this.captions = [...this.captions, line].slice(-CAPTION_LINES);
    setTimeout(() => {
      this.captions = this.captions.filter((other) => other.id !== id);
      this.emit("changed", {});
    }, CAPTION_MS);
    this.emit("changed", {});
  }

  /**
   * Follows who raises a hand and who lowers it.
   * @param {Iterable<User>} users
   */
  followHands(users) {
    const raised = [...users].filter(hasHand).map(({ id }) => id);
    const still = this.hands.filter((id) => raised.includes(id));
    this.hands = [...still, ...raised.filter((id) => !still.includes(id))];
  }
}
