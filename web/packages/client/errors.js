/**
 * What can go wrong between a client and a group.
 */

/**
 * Refusals that are over by themselves, as a rule within a minute or two: the group is full, perhaps of a
 * connection of ours that the server does not miss yet; too many logins from our address were wrong;
 * messages came too fast; the server has too much to do; an operator who must be there is not back yet.
 *
 * The protocol has no word for them, so that only the texts of the servers tell them apart, Galène's
 * among them. What is not known here counts as final.
 */
const PASSING = /^(too many (users|failed attempts|messages)|the server is busy|there are no operators)\b/i;

/** Why joining did not work. */
export class JoinError extends Error {
  /** @override */
  name = "JoinError";

  /**
   * @param {"fail" | "redirect" | "closed"} kind Refused; is elsewhere, at the URL `value`; the
   *   connection was lost
   * @param {string} code For programs; empty if the server has no word for it
   * @param {string} value For people, or an URL
   */
  constructor(kind, code, value) {
    super(value);
    this.kind = kind;
    this.code = code;
  }

  /** Whether the same may work in a while. */
  get mayPass() {
    if (this.kind === "closed") return true;
    return this.kind === "fail" && this.code === "" && PASSING.test(this.message);
  }
}

/** Why the server did not do what it was asked. */
export class RequestError extends Error {
  /** @override */
  name = "RequestError";

  /**
   * @param {string} code For programs: `not-authorised`, `error`, or `closed` if the connection was
   *   lost before the answer came
   * @param {string} message For people
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
