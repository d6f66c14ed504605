/**
 * What was said in the meeting.
 *
 * @import { ClientId, ServerWords } from "galene-client"
 *
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} id Given by the server, for what everybody can read; else empty
 * @property {ClientId} source
 * @property {string} from
 * @property {string} to Who it was said to in private; empty for everybody
 * @property {boolean} isPrivate
 * @property {boolean} isOwn
 * @property {boolean} isNote Seen by us alone: an answer to what we asked the page
 * @property {boolean} isAction Said with `/me`
 * @property {Date | null} time
 * @property {string} text
 * @property {boolean} follows Whether the same person goes on speaking
 */
import { Emitter } from "galene-client";
import { t } from "../i18n/index.js";

/** As many messages as one may want to read again; the oldest go first. */
const MAX_ENTRIES = 1000;

/** Within this time, somebody who goes on speaking is not named again. */
const FOLLOWS_MS = 60_000;

/** @extends {Emitter<{changed: {}}>} */
export class ChatLog extends Emitter {
  /** @type {Entry[]} */
  entries = [];
  /** Messages that came while nobody looked. */
  unread = 0;
  /** Key of the first message that came while nobody looked; empty if all were read. */
  firstUnread = "";
  #keys = 0;
  #watched = false;

  /** Whether somebody looks at the messages as they come. @param {boolean} watched */
  setWatched(watched) {
    this.#watched = watched;
    if (watched && this.unread > 0) {
      this.unread = 0;
      this.emit("changed", {});
    }
  }

  /**
   * Takes in a message. After a reconnection the server repeats what was said: that is not new.
   * @param {ServerWords} words
   * @param {ClientId} self
   * @param {string} toName The name of who it was said to, if in private
   */
  add(words, self, toName) {
    const { id, source, time, value } = words;
    if (id !== "" && this.entries.some((entry) => entry.id === id && entry.source === source)) return;
    const isOwn = source !== "" && source === self;
    const last = this.entries.at(-1);
    const entry = {
      key: `${(this.#keys += 1)}`,
      id,
      source,
      from: source === "" && words.username === "" ? t("server") : words.username,
      to: toName,
      isPrivate: words.dest !== "",
      isNote: false,
      isOwn,
      isAction: words.kind === "me",
      time,
      text: typeof value === "string" ? value : JSON.stringify(value),
      follows: false,
    };
    entry.follows = last !== undefined && follows(last, entry);
    this.entries = [...this.entries, entry].slice(-MAX_ENTRIES);
    if (!this.#watched && !isOwn && words.type === "chat") {
      if (this.unread === 0) this.firstUnread = entry.key;
      this.unread += 1;
    }
    // Whoever answers has read what is above.
    if (isOwn && words.type === "chat") this.firstUnread = "";
    this.emit("changed", {});
  }

  /**
   * Says something to ourselves: an answer to a command.
   * @param {string} text
   */
  note(text) {
    const entry = {
      key: `${(this.#keys += 1)}`,
      id: "",
      source: "",
      from: t("server"),
      to: "",
      isPrivate: false,
      isNote: true,
      isOwn: false,
      isAction: false,
      time: new Date(),
      text,
      follows: false,
    };
    this.entries = [...this.entries, entry].slice(-MAX_ENTRIES);
    this.emit("changed", {});
  }

  /**
   * Removes everything, everything of one user, or one message.
   * @param {unknown} what As it came with `clearchat`
   */
  clear(what) {
    const { id, userId } = /** @type {{id?: unknown, userId?: unknown}} */ (what ?? {});
    this.entries = this.entries.filter((entry) => {
      if (typeof userId !== "string") return false;
      return entry.source !== userId || (typeof id === "string" && entry.id !== id);
    });
    for (const [index, entry] of this.entries.entries()) {
      const last = this.entries[index - 1];
      entry.follows = last !== undefined && follows(last, entry);
    }
    this.firstUnread = this.entries.some(({ key }) => key === this.firstUnread) ? this.firstUnread : "";
    this.unread = Math.min(this.unread, this.entries.length);
    this.emit("changed", {});
  }
}

/**
 * @param {Entry} last
 * @param {Entry} entry
 */
function follows(last, entry) {
  if (last.source !== entry.source || last.from !== entry.from || last.to !== entry.to) return false;
  if (last.isPrivate !== entry.isPrivate || last.isAction || entry.isAction) return false;
  const elapsed = (entry.time?.getTime() ?? 0) - (last.time?.getTime() ?? 0);
  return Math.abs(elapsed) < FOLLOWS_MS;
}
