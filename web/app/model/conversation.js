/**
 * What is said to us, and what we say: chat, commands, and the messages that programs send each other.
 *
 * @import { ClientId, ServerConnection, ServerWords } from "galene-client"
 * @import { Call } from "./call.js"
 */
import { parseInput, RequestError } from "galene-client";
import { t } from "../i18n/index.js";
import { CommandError, runCommand, usage } from "./commands.js";
import { sentence } from "./explain.js";
import { displayName } from "./text.js";

export class Conversation {
  #call;

  /** @param {Call} call */
  constructor(call) {
    this.#call = call;
  }

  /** @param {ServerConnection} connection */
  listen(connection) {
    connection.on("chat", (words) => this.#handleChat(connection, words));
    connection.on("usermessage", (words) => this.#handleUserMessage(connection, words));
  }

  /**
   * Takes in what somebody typed: words for everybody or for one user, or a command.
   * @param {string} line
   * @param {ClientId} dest
   * @returns {boolean} Whether it was understood, so that the field can be emptied
   */
  say(line, dest) {
    const call = this.#call;
    if (call.phase !== "call") return false;
    const input = parseInput(line, call.permissions);
    switch (input.kind) {
      case "nothing":
        return false;
      case "say":
        this.tell(input.text, "", dest);
        return true;
      case "me":
        this.tell(input.text, "me", dest);
        return true;
      case "unknown":
        call.notices.show("warning", t("command.unknown", { name: input.name }));
        return false;
      case "denied":
        call.notices.show("warning", t("command.denied", { name: input.name }));
        return false;
      case "incomplete":
        call.notices.show("warning", t("command.incomplete", { usage: usage(input.name) }));
        return false;
      case "command":
        runCommand(call, input.name, input.values).catch((error) => {
          if (!(error instanceof CommandError || error instanceof RequestError)) throw error;
          call.notices.show("danger", sentence(error.message));
        });
        return true;
      default:
        /** @satisfies {never} */ (input);
        return false;
    }
  }

  /**
   * @param {string} value
   * @param {string} kind
   * @param {ClientId} dest Empty for everybody
   */
  tell(value, kind, dest) {
    const { connection } = this.#call;
    if (!connection) return;
    connection.chat(value, { kind, dest });
    // The server sends private words to the other side only.
    if (dest === "" || dest === connection.id) return;
    const own = { id: "", source: connection.id, username: connection.username, dest };
    const rest = { privileged: false, time: new Date(), error: "", noecho: false };
    const words = { type: /** @type {const} */ ("chat"), kind, value, ...own, ...rest };
    this.#call.chat.add(words, connection.id, this.#nameOf(dest));
  }

  /**
   * @param {ServerConnection} connection
   * @param {ServerWords} words
   */
  #handleChat(connection, words) {
    const call = this.#call;
    const name = displayName(words.username);
    if (words.kind === "caption") {
      if (words.type === "chat") call.attention.caption(name, String(words.value));
      return;
    }
    if (call.subgroups.handleChat(words)) return;
    call.chat.add(words, connection.id, this.#nameOf(words.dest));
    if (words.type !== "chat" || words.source === connection.id) return;
    const text = String(words.value);
    call.announce(t(words.dest === "" ? "say.said" : "say.saidPrivately", { name, text }));
  }

  /**
   * @param {ServerConnection} connection
   * @param {ServerWords} words
   */
  #handleUserMessage(connection, { kind, privileged, source, username, value }) {
    const call = this.#call;
    const name = displayName(username);
    if (kind === "reaction") {
      if (call.attention.react(source, value)) call.announce(t("say.reacted", { name, what: String(value) }));
      return;
    }
    // Anybody can send the following; only what an operator or the server says counts.
    if (!privileged) return;
    const text = typeof value === "string" ? value : "";
    switch (kind) {
      case "mute":
        if (source === connection.id) return;
        call.local.mute();
        call.notices.show("warning", t("notice.muted", { name }));
        return;
      case "lowerhand":
        if (source === connection.id) return;
        call.raiseHand(false);
        call.notices.show("info", t("notice.handLowered", { name }));
        return;
      case "clearchat":
        return call.chat.clear(value);
      case "userinfo":
        return this.#showUserInfo(value);
      case "error":
      case "warning":
      case "info": {
        const tone = kind === "error" ? "danger" : kind;
        const says = sentence(text);
        call.notices.show(tone, username === "" ? says : t("say.named", { name, text: says }));
      }
    }
  }

  /** @param {unknown} value */
  #showUserInfo(value) {
    const { username, address } = /** @type {{username?: unknown, address?: unknown}} */ (value ?? {});
    const name = displayName(typeof username === "string" ? username : "");
    const where = typeof address === "string" ? address : t("identify.unknown");
    this.#call.chat.note(t("identify.is", { name, address: where }));
    this.#call.notices.show("info", t("identify.is", { name, address: where }));
  }

  /** @param {ClientId} id */
  #nameOf(id) {
    if (id === "") return "";
    return displayName(this.#call.connection?.users.get(id)?.username ?? "");
  }
}
