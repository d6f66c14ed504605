/**
 * The words of the protocol: every message in both directions, told apart by `type`, and how they
 * are read from and written to the wire.
 *
 * The server leaves out what is empty. Reading puts it back, so that nobody else needs to ask
 * whether a field is there.
 *
 * @typedef {string} ClientId Chosen by each client, unique in its group
 * @typedef {string} StreamId Chosen by the publisher; the same for all who receive the stream
 * @typedef {"audio" | "video" | "video-low"} Medium
 * @typedef {Record<string, Medium[]>} StreamRequest From a stream's label to what is wanted of it;
 *   `""` stands for all other labels
 * @typedef {Record<string, unknown>} Dictionary
 *
 * @typedef {object} GroupStatus
 * @property {string} name
 * @property {string} [displayName]
 * @property {string} [description]
 * @property {string} [location] URL of the group's page
 * @property {string} [endpoint] URL of the WebSocket
 * @property {string} [redirect] Where the group is instead
 * @property {string} [authServer]
 * @property {string} [authPortal]
 * @property {boolean} [locked]
 * @property {number} [clientCount]
 * @property {boolean} [canChangePassword]
 *
 * @typedef {{type: "handshake", version: string[], id: ClientId, features?: string[]}} Handshake
 * @typedef {{type: "ping"}} Ping
 * @typedef {{type: "pong"}} Pong
 * @typedef {{type: "join", kind: "join", group: string, username?: string, password?: string,
 *   token?: string, data?: Dictionary}} Join
 * @typedef {{type: "join", kind: "leave", group: string}} Leave
 * @typedef {{type: "request", request: StreamRequest}} Request
 * @typedef {{type: "requestStream", id: StreamId, request: Medium[] | null}} RequestStream
 * @typedef {{type: "offer", id: StreamId, source: ClientId, username: string, label: string,
 *   replace?: StreamId, sdp: string}} ClientOffer
 * @typedef {{type: "answer", id: StreamId, sdp: string}} Answer
 * @typedef {{type: "ice", id: StreamId, candidate: RTCIceCandidateInit}} Ice
 * @typedef {{type: "renegotiate", id: StreamId}} Renegotiate
 * @typedef {{type: "close", id: StreamId}} Close
 * @typedef {{type: "abort", id: StreamId}} Abort
 * @typedef {{type: "chat" | "usermessage", kind: string, source: ClientId, username: string,
 *   dest?: ClientId, id?: string, value: unknown, noecho?: boolean}} ClientWords
 * @typedef {{type: "groupaction", kind: string, source: ClientId, username: string,
 *   value?: unknown}} GroupAction
 * @typedef {{type: "useraction", kind: string, source: ClientId, username: string,
 *   dest: ClientId, value?: unknown}} UserAction
 *
 * @typedef {Handshake | Ping | Pong | Join | Leave | Request | RequestStream | ClientOffer | Answer
 *   | Ice | Renegotiate | Close | Abort | ClientWords | GroupAction | UserAction} ClientMessage
 *
 * @typedef {{type: "handshake", version: string[], features: string[]}} ServerHandshake
 * @typedef {object} Joined
 * @property {"joined"} type
 * @property {"join" | "fail" | "change" | "leave" | "redirect"} kind
 * @property {string} group
 * @property {string} username
 * @property {string[]} permissions
 * @property {GroupStatus | null} status
 * @property {Dictionary} data
 * @property {RTCConfiguration | null} rtcConfiguration
 * @property {string} error For programs; empty if the server has no word for it
 * @property {unknown} value For people (`fail`), or an URL (`redirect`)
 *
 * @typedef {{type: "user", kind: "add" | "change" | "delete", id: ClientId, username: string,
 *   permissions: string[], data: Dictionary}} UserChange
 * @typedef {object} ServerWords
 * @property {"chat" | "chathistory" | "usermessage"} type
 * @property {string} kind
 * @property {string} id
 * @property {ClientId} source Empty if the server itself speaks
 * @property {ClientId} dest Empty if it is said to everybody
 * @property {string} username
 * @property {boolean} privileged Whether the sender was an operator, or is the server
 * @property {Date | null} time
 * @property {string} error
 * @property {unknown} value
 * @property {boolean} noecho
 * @typedef {{type: "offer", id: StreamId, source: ClientId, username: string, label: string,
 *   replace: StreamId, sdp: string}} ServerOffer
 *
 * @typedef {{id: StreamId, source: ClientId, level: number}} Speaker The level is in dBov: -127 to 0
 * @typedef {{type: "speakers", speakers: Speaker[]}} Speakers The loudest first
 *
 * @typedef {object} EncodingUse Whether somebody watches an encoding of ours
 * @property {string} rid Empty for a picture that is sent in one encoding
 * @property {boolean} active
 * @typedef {{type: "encodings", id: StreamId, encodings: EncodingUse[]}} Encodings
 *
 * @typedef {object} Delivery How much of what we asked for the server sends of a stream
 * @property {"full" | "reduced" | "paused"} status
 * @property {string} reason Why not all: `bandwidth`, `last-n`, or what newer servers say
 * @typedef {{type: "streamstatus", id: StreamId} & Delivery} StreamStatus
 *
 * @typedef {ServerHandshake | Ping | Pong | Joined | UserChange | ServerWords | ServerOffer | Answer
 *   | Ice | Renegotiate | Close | Abort | Encodings | Speakers | StreamStatus} ServerMessage
 */
import { Fields, isDictionary, ProtocolError } from "./fields.js";

/** The versions spoken here, best first. */
export const VERSIONS = ["2"];

/** What is understood here beyond Galène's protocol; servers that know nothing of it pass it over. */
export const FEATURES = ["encodings", "speakers", "streamstatus"];

/** The server refuses longer messages (a limit of Galène's protocol). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Writes a message as it is sent.
 * @param {ClientMessage} message
 * @returns {string}
 * @throws {ProtocolError} If it is too long, or names no stream where it must
 */
export function encode(message) {
  switch (message.type) {
    case "offer":
    case "answer":
    case "ice":
    case "renegotiate":
    case "close":
    case "abort":
    case "requestStream":
      if (message.id === "") throw new ProtocolError(`${message.type} without a stream`);
  }
  const text = JSON.stringify(message);
  // UTF-8 takes at most three bytes where JavaScript counts one; only then is it worth counting.
  if (text.length * 3 > MAX_MESSAGE_BYTES) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_MESSAGE_BYTES) throw new ProtocolError(`a message of ${bytes} bytes`);
  }
  return text;
}

/**
 * Reads a message of the server. Returns `null` for a type that is not known here: a newer server
 * may have more to say.
 * @param {string} text
 * @returns {ServerMessage | null}
 * @throws {ProtocolError} If it does not follow the protocol
 */
export function decode(text) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("a message that is not JSON", { cause });
  }
  if (!isDictionary(value)) throw new ProtocolError("a message that is not an object");
  const fields = new Fields(value);
  const type = fields.text("type");
  switch (type) {
    case "handshake":
      return { type, version: fields.texts("version"), features: fields.texts("features") };
    case "ping":
    case "pong":
      return { type };
    case "joined":
      return {
        type,
        kind: fields.oneOf("kind", ["join", "fail", "change", "leave", "redirect"]),
        group: fields.text("group"),
        username: fields.text("username"),
        permissions: fields.texts("permissions"),
        status: fields.status("status"),
        data: fields.dictionary("data") ?? {},
        rtcConfiguration: fields.rtcConfiguration("rtcConfiguration"),
        error: fields.text("error"),
        value: fields.value("value"),
      };
    case "user":
      return {
        type,
        kind: fields.oneOf("kind", ["add", "change", "delete"]),
        id: fields.id("id"),
        username: fields.text("username"),
        permissions: fields.texts("permissions"),
        data: fields.dictionary("data") ?? {},
      };
    case "chat":
    case "chathistory":
    case "usermessage":
      return {
        type,
        kind: fields.text("kind"),
        id: fields.text("id"),
        source: fields.text("source"),
        dest: fields.text("dest"),
        username: fields.text("username"),
        privileged: fields.flag("privileged"),
        time: fields.time("time"),
        error: fields.text("error"),
        value: fields.value("value"),
        noecho: fields.flag("noecho"),
      };
    case "offer":
      return {
        type,
        id: fields.id("id"),
        source: fields.text("source"),
        username: fields.text("username"),
        label: fields.text("label"),
        replace: fields.text("replace"),
        sdp: fields.text("sdp"),
      };
    case "answer":
      return { type, id: fields.id("id"), sdp: fields.text("sdp") };
    case "ice":
      return { type, id: fields.id("id"), candidate: fields.candidate("candidate") };
    case "renegotiate":
    case "close":
    case "abort":
      return { type, id: fields.id("id") };
    case "encodings":
      return { type, id: fields.id("id"), encodings: fields.encodings("encodings") };
    case "streamstatus":
      return {
        type,
        id: fields.id("id"),
        status: fields.oneOf("status", ["full", "reduced", "paused"]),
        reason: fields.text("reason"),
      };
    case "speakers":
      return { type, speakers: fields.speakers("speakers") };
    default:
      return null;
  }
}
