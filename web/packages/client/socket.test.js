import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "./socket.js";
import { settle } from "./fakes.test.js";

/** @type {FakeSocket[]} */
let sockets = [];
const real = globalThis.WebSocket;

beforeEach(() => {
  sockets = [];
  globalThis.WebSocket = FakeSocket;
});
afterEach(() => {
  globalThis.WebSocket = real;
});

test("a connection is ready when the server answered the handshake", async () => {
  const connecting = connect("wss://example.org/ws");
  const [socket] = sockets;
  socket.happen("open", {});
  assert.equal(JSON.parse(socket.sent[0]).type, "handshake");

  socket.say({ type: "handshake", version: ["2"] });
  const connection = await connecting;
  assert.equal(connection.state, "open");

  connection.close();
  socket.happen("close", { code: 1000, reason: "" });
  assert.equal(connection.state, "closed");
});

test("no server, no connection", async () => {
  const connecting = connect("wss://example.org/ws");
  sockets[0].happen("close", { code: 1006, reason: "" });
  await assert.rejects(connecting, /no connection/);
});

test("a server that talks nonsense is left, and the reason is kept", async () => {
  const connecting = connect("wss://example.org/ws");
  const [socket] = sockets;
  socket.happen("open", {});
  socket.say({ type: "handshake", version: ["2"] });
  const connection = await connecting;
  const closed = [];
  connection.on("closed", (event) => closed.push(event));

  socket.happen("message", { data: "{" });

  assert.deepEqual(closed, [{ code: 1006, reason: "a message that is not JSON" }]);
  assert.equal(socket.closed, 1000);
});

test("aborting closes the connection, even while it is being made", async () => {
  const abort = new AbortController();
  const connecting = connect("wss://example.org/ws", { signal: abort.signal });
  abort.abort();
  await settle();
  assert.equal(sockets[0].closed, 1000);
  sockets[0].happen("close", { code: 1006, reason: "" });
  await assert.rejects(connecting);
});

class FakeSocket extends EventTarget {
  sent = [];
  closed = 0;

  constructor(url) {
    super();
    this.url = url;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close(code) {
    this.closed = code;
  }

  say(message) {
    this.happen("message", { data: JSON.stringify(message) });
  }

  happen(type, fields) {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}
