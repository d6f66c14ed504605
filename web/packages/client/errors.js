/**
 * What can go wrong between a client and a group.
 */

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
