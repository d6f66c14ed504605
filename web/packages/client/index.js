/**
 * A client of the server, without a page: what other pages and programs may use. The administrative
 * API is apart, in `galene-client/admin`.
 *
 * @typedef {import("./commands.js").CommandName} CommandName
 * @typedef {import("./commands.js").Input} Input
 * @typedef {import("./commands.js").Parameter} Parameter
 * @typedef {import("./connection.js").Credentials} Credentials
 * @typedef {import("./connection.js").User} User
 * @typedef {import("./moderation.js").PermissionChange} PermissionChange
 * @typedef {import("./protocol.js").ClientId} ClientId
 * @typedef {import("./protocol.js").Delivery} Delivery
 * @typedef {import("./protocol.js").Dictionary} Dictionary
 * @typedef {import("./protocol.js").GroupStatus} GroupStatus
 * @typedef {import("./protocol.js").Medium} Medium
 * @typedef {import("./protocol.js").ServerWords} ServerWords
 * @typedef {import("./protocol.js").Speaker} Speaker
 * @typedef {import("./protocol.js").StreamRequest} StreamRequest
 * @typedef {import("./session.js").Ending} Ending
 * @typedef {import("./session.js").Phase} Phase
 * @typedef {import("./stats.js").MediaStats} MediaStats
 * @typedef {import("./stats.js").StreamStats} StreamStats
 * @typedef {import("./stream.js").EndReason} EndReason
 * @typedef {import("./tokens.js").Token} Token
 */
export { Backoff } from "./backoff.js";
export { availableCommands, COMMANDS, parseExpiry, parseInput } from "./commands.js";
export { ServerConnection, TICK_MS } from "./connection.js";
export { DownStream } from "./down-stream.js";
export { Emitter } from "./emitter.js";
export { JoinError, RequestError } from "./errors.js";
export { decodeStatus, ProtocolError } from "./fields.js";
export { FileTransfers, Transfer } from "./file-transfer.js";
export { Moderation } from "./moderation.js";
export { decode, encode } from "./protocol.js";
export { Publication } from "./publication.js";
export { Session } from "./session.js";
export { cameraEncodings, unusedEncodings } from "./simulcast.js";
export { connect } from "./socket.js";
export { judge, StatsSampler } from "./stats.js";
export { Tokens, tokenOf, validity } from "./tokens.js";
export { UpStream } from "./up-stream.js";
