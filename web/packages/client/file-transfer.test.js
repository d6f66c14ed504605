import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "./emitter.js";
import { settle } from "./fakes.test.js";
import { CHUNK_BYTES, FileTransfers, MAX_TRANSFERS } from "./file-transfer.js";

test("a file is offered, accepted and arrives as it was", async () => {
  const { ann, bob, offered } = meet();
  const bytes = Uint8Array.from({ length: 3 * CHUNK_BYTES + 5 }, (_, index) => index % 251);
  const sent = ann.send("bob", new File([bytes], "notes.txt", { type: "text/plain" }));
  const [received] = offered;
  assert.deepEqual([received.name, received.size, received.username], ["notes.txt", bytes.length, "Ann"]);
  assert.equal(sent.state, "inviting");

  await received.accept();
  await over(sent, received);
  assert.deepEqual([sent.state, received.state], ["done", "done"]);
  assert.equal(received.result.type, "text/plain");
  assert.deepEqual(new Uint8Array(await received.result.arrayBuffer()), bytes);
  assert.equal(ann.isBusy, false);
  assert.equal(bob.isBusy, false);
});

test("an empty file arrives, too", async () => {
  const { ann, offered } = meet();
  const sent = ann.send("bob", new File([], "empty"));
  await offered[0].accept();
  await over(sent, offered[0]);
  assert.equal(offered[0].result.size, 0);
});

test("both sides know when one of them changes their mind", async () => {
  const { ann, offered } = meet();
  const sent = ann.send("bob", new File(["x"], "x"));
  offered[0].cancel("no, thank you");
  assert.deepEqual([sent.state, sent.reason], ["cancelled", "no, thank you"]);

  const second = ann.send("bob", new File(["x"], "x"));
  second.cancel();
  assert.equal(offered[1].state, "cancelled");
  await offered[1].accept();
  assert.equal(offered[1].state, "cancelled");
});

test("a transfer ends when the other side leaves or the connection is lost", () => {
  const { ann, bob, offered, annSide, bobSide } = meet();
  const sent = ann.send("bob", new File(["x"], "x"));
  annSide.emit("user", { kind: "delete", user: { id: "bob" } });
  assert.equal(sent.state, "cancelled");
  bobSide.emit("closed", {});
  assert.equal(offered[0].state, "cancelled");
  assert.equal(bob.isBusy, false);
});

test("strangers' nonsense is refused and does not pile up", () => {
  const { bob, offered, annSide, told } = meet();
  const say = (value) => annSide.userMessage("filetransfer", value, { dest: "bob" });
  const invite = { type: "invite", version: ["1"], name: "n", size: 1, mimetype: "" };
  say({ ...invite, id: "a", version: ["9"] });
  say({ ...invite, id: "b", size: -1 });
  say({ ...invite, id: "c", name: 7 });
  say({ type: "offer", id: "unknown" });
  assert.deepEqual(told.map(({ type, id }) => [type, id]), [
    ["cancel", "a"], ["cancel", "b"], ["cancel", "c"], ["cancel", "unknown"],
  ]);
  assert.equal(offered.length, 0);

  for (let i = 0; i < MAX_TRANSFERS + 5; i += 1) say({ ...invite, id: `m${i}` });
  assert.equal(offered.length, MAX_TRANSFERS);
  say({ ...invite, id: "m0" });
  assert.equal(offered[0].state, "cancelled");
  assert.equal(bob.isBusy, false);
});

test("more bytes than were announced are refused", async () => {
  const { ann, offered } = meet({ lie: 3 });
  const sent = ann.send("bob", new File(["twelve bytes"], "x"));
  await offered[0].accept();
  await over(sent, offered[0]);
  assert.equal(offered[0].state, "cancelled");
  assert.equal(offered[0].result, null);
});

async function over(...transfers) {
  for (let i = 0; i < 1000 && transfers.some(({ isOver }) => !isOver); i += 1) await settle();
}

/** Ann and Bob, with a server between them that passes on what they say, and peers that meet. */
function meet({ lie } = {}) {
  const told = [];
  const sides = {};
  const net = new Map();
  for (const [id, username] of [["ann", "Ann"], ["bob", "Bob"]]) {
    const side = new Emitter();
    side.id = id;
    side.users = new Map([["ann", { username: "Ann" }], ["bob", { username: "Bob" }]]);
    side.rtcConfiguration = {};
    side.userMessage = (kind, value, { dest }) => {
      if (id === "bob") told.push(value);
      const shown = lie !== undefined && value.type === "invite" ? { ...value, size: lie } : value;
      const words = { kind, source: id, dest, username, value: JSON.parse(JSON.stringify(shown)) };
      sides[dest].emit("usermessage", words);
    };
    sides[id] = side;
  }
  const peer = () => new FakePeer(net);
  const ann = new FileTransfers(sides.ann, peer);
  const bob = new FileTransfers(sides.bob, peer);
  const offered = [];
  bob.on("offered", ({ transfer }) => offered.push(transfer));
  return { ann, bob, offered, annSide: sides.ann, bobSide: sides.bob, told };
}

/** Peers find each other by the name of the one who offers. */
class FakePeer extends EventTarget {
  static names = 0;
  remoteDescription = null;
  localDescription = null;
  channel = null;

  constructor(net) {
    super();
    this.net = net;
    this.name = `peer ${(FakePeer.names += 1)}`;
  }
  createDataChannel() {
    this.channel = new FakeChannel();
    return this.channel;
  }
  async createOffer() {
    this.net.set(this.name, this);
    return { type: "offer", sdp: this.name };
  }
  async createAnswer() {
    return { type: "answer", sdp: this.name };
  }
  async setLocalDescription(description) {
    this.localDescription = description;
    if (description.type !== "answer") return;
    const other = this.net.get(this.remoteDescription.sdp);
    this.channel = new FakeChannel();
    this.channel.other = other.channel;
    other.channel.other = this.channel;
    setImmediate(() => {
      const event = Object.assign(new Event("datachannel"), { channel: this.channel });
      this.dispatchEvent(event);
      for (const channel of [other.channel, this.channel]) {
        channel.readyState = "open";
        channel.dispatchEvent(new Event("open"));
      }
    });
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description;
  }
  async addIceCandidate() {}
  close() {
    this.channel?.close();
  }
}

class FakeChannel extends EventTarget {
  readyState = "connecting";
  bufferedAmount = 0;
  other = null;

  send(data) {
    const { other } = this;
    setImmediate(() => other.dispatchEvent(Object.assign(new Event("message"), { data })));
  }
  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    const { other } = this;
    setImmediate(() => {
      if (other) other.readyState = "closed";
      other?.dispatchEvent(new Event("close"));
    });
  }
}
