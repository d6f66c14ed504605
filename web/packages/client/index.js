/**
 * A client of the server, without a page: what other pages and programs may use.
 *
 * @typedef {import("./connection.js").Credentials} Credentials
 * @typedef {import("./connection.js").User} User
 * @typedef {import("./protocol.js").ClientId} ClientId
 * @typedef {import("./protocol.js").GroupStatus} GroupStatus
 * @typedef {import("./protocol.js").ServerWords} ServerWords
 * @typedef {import("./protocol.js").StreamRequest} StreamRequest
 * @typedef {import("./streams.js").EndReason} EndReason
 */
export { Backoff } from "./backoff.js";
export { JoinError, ServerConnection, TICK_MS } from "./connection.js";
export { Emitter } from "./emitter.js";
export { decode, decodeStatus, encode, ProtocolError } from "./protocol.js";
export { connect } from "./socket.js";
export { DownStream, UpStream } from "./streams.js";
