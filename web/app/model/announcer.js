/**
 * Says who comes and goes, raises a hand or records, for those who do not see it.
 *
 * @import { ServerConnection, User } from "galene-client"
 */
import { t } from "../i18n/index.js";
import { displayName } from "./text.js";
import { isSystem } from "./tiles.js";

/** Those who are there when we come need no announcement each. */
const ARRIVAL_MS = 2000;

export class Announcer {
  #say;
  #arrivedAt = 0;

  /** @param {(text: string) => void} say */
  constructor(say) {
    this.#say = say;
  }

  /** We have come to a meeting. */
  handleArrival() {
    this.#arrivedAt = performance.now();
  }

  /**
   * @param {ServerConnection} connection
   * @param {"add" | "change" | "delete"} kind
   * @param {User} user
   * @param {string[]} hands Those that are raised already
   */
  handleUser(connection, kind, user, hands) {
    if (connection.state !== "joined" || user.id === connection.id) return;
    if (performance.now() - this.#arrivedAt < ARRIVAL_MS) return;
    if (isSystem(user)) {
      if (kind !== "change") this.#say(t(kind === "add" ? "say.recording" : "say.notRecording"));
      return;
    }
    const name = displayName(user.username);
    if (kind === "add") this.#say(t("say.joined", { name }));
    if (kind === "delete") this.#say(t("say.left", { name }));
    const isRaised = user.data["raisehand"] === true;
    if (isRaised && !hands.includes(user.id)) this.#say(t("say.raised", { name }));
  }
}
