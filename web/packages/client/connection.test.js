import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerConnection } from "./connection.js";
import { JoinError } from "./errors.js";
import { decode } from "./protocol.js";
import { FakePeerConnection, fakeMedia, settle } from "./fakes.test.js";

test("a group can be joined once the server speaks our version", async () => {
  const { connection, sent, say } = start();
  connection.open();
  const features = ["encodings", "speakers", "streamstatus"];
  assert.deepEqual(sent, [{ type: "handshake", version: ["2"], id: "id-1", features }]);

  say({ type: "handshake", version: ["2"] });
  const joined = connection.join({ group: "night", username: "Ann", password: "p" });
  assert.deepEqual(sent.at(-1), {
    type: "join",
    kind: "join",
    group: "night",
    username: "Ann",
    password: "p",
  });

  say(JOINED);
  await joined;
  assert.equal(connection.state, "joined");
  assert.deepEqual(connection.permissions, ["present", "message"]);
  assert.equal(connection.status.displayName, "Night");
});

test("whoever does not begin with a handshake of our version is left", () => {
  const silent = start();
  silent.connection.open();
  silent.say({ type: "ping" });
  assert.match(silent.closes[0], /handshake/);

  const other = start();
  other.connection.open();
  other.say({ type: "handshake", version: ["7"] });
  assert.match(other.closes[0], /version/);
});

test("a refusal says why, and another attempt may follow", async () => {
  const { connection, say } = open();
  const refused = connection.join({ group: "night", username: "Ann", password: "wrong" });
  say({ type: "joined", kind: "fail", group: "night", value: "not authorised" });

  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof JoinError);
    assert.deepEqual([error.kind, error.code, error.message], ["fail", "", "not authorised"]);
    return true;
  });

  const joined = connection.join({ group: "night", username: "Ann", password: "right" });
  say(JOINED);
  await joined;
});

test("a token without a name asks for one by its code", async () => {
  const { connection, say } = open();
  const refused = connection.join({ group: "night", token: "t" });
  say({ type: "joined", kind: "fail", group: "night", error: "need-username", value: "name?" });
  await assert.rejects(refused, { code: "need-username" });
});

test("a group that is elsewhere says where", async () => {
  const { connection, say } = open();
  const refused = connection.join({ group: "night", username: "Ann" });
  say({ type: "joined", kind: "redirect", group: "night", value: "https://example.org/" });
  await assert.rejects(refused, { kind: "redirect", message: "https://example.org/" });
});

test("joining fails when the connection is lost meanwhile", async () => {
  const { connection } = open();
  const refused = connection.join({ group: "night", username: "Ann" });
  connection.handleClosed(1006, "");
  await assert.rejects(refused, { kind: "closed" });
});

test("the list of users follows the server", async () => {
  const { connection, say } = await join();
  const changes = [];
  connection.on("user", ({ kind, user }) => changes.push([kind, user.username]));

  say({ type: "user", kind: "add", id: "b", username: "Bob" });
  say({ type: "user", kind: "change", id: "b", username: "Bob", permissions: ["op"] });
  assert.deepEqual(connection.users.get("b").permissions, ["op"]);
  say({ type: "user", kind: "delete", id: "b", username: "Bob" });
  say({ type: "user", kind: "delete", id: "b", username: "Bob" });

  assert.deepEqual(changes, [["add", "Bob"], ["change", "Bob"], ["delete", "Bob"]]);
  assert.equal(connection.users.size, 0);
});

test("changes of the group are taken over, those of other groups are not", async () => {
  const { connection, say } = await join();
  say({ type: "joined", kind: "change", group: "day", permissions: ["op"] });
  assert.deepEqual(connection.permissions, ["present", "message"]);

  say({ type: "joined", kind: "change", group: "night", permissions: [], status: { locked: true } });
  assert.deepEqual(connection.permissions, []);
  assert.equal(connection.status.locked, true);
  assert.equal(connection.status.displayName, "Night");

  say({ type: "joined", kind: "change", group: "night", status: { name: "night" } });
  assert.equal(connection.status.locked, false);
});

test("words are sent with their origin", async () => {
  const { connection, sent } = await join();
  const from = { source: "id-1", username: "Ann" };

  connection.chat("hello");
  assert.deepEqual(sent.at(-1), { type: "chat", kind: "", ...from, value: "hello" });
  connection.chat("waves", { kind: "me", dest: "b" });
  assert.deepEqual(sent.at(-1), { type: "chat", kind: "me", ...from, dest: "b", value: "waves" });
  connection.userMessage("mute", null, { noecho: true });
  const mute = { type: "usermessage", kind: "mute", ...from, value: null, noecho: true };
  assert.deepEqual(sent.at(-1), mute);
  connection.userAction("kick", "b", "enough");
  const kick = { type: "useraction", kind: "kick", ...from, dest: "b", value: "enough" };
  assert.deepEqual(sent.at(-1), kick);
  connection.groupAction("unlock");
  assert.deepEqual(sent.at(-1), { type: "groupaction", kind: "unlock", ...from });
  connection.setUserData({ raisehand: null });
  assert.deepEqual(sent.at(-1), {
    type: "useraction",
    kind: "setdata",
    ...from,
    dest: "id-1",
    value: { raisehand: null },
  });
});

test("what the server says about streams reaches those streams", async () => {
  const { connection, sent, say } = await join(["encodings", "speakers", "streamstatus", "later"]);
  assert.deepEqual(sent[0].features, ["encodings", "speakers", "streamstatus"]);
  assert.deepEqual(connection.features, ["encodings", "speakers", "streamstatus"]);

  say({ type: "offer", id: "s1", source: "b", username: "Bob", label: "camera", sdp: "one" });
  const stream = connection.down.get("s1");
  assert.deepEqual(stream.delivery, { status: "full", reason: "" });
  const told = [];
  stream.on("delivery", (delivery) => told.push(delivery));
  say({ type: "streamstatus", id: "s1", status: "paused", reason: "last-n" });
  say({ type: "streamstatus", id: "s1", status: "full" });
  say({ type: "streamstatus", id: "gone", status: "reduced", reason: "bandwidth" });
  assert.deepEqual(told, [{ status: "paused", reason: "last-n" }, { status: "full", reason: "" }]);
  assert.deepEqual(stream.delivery, told[1]);

  const heard = [];
  connection.on("speakers", ({ speakers }) => heard.push(speakers.map(({ id, level }) => [id, level])));
  say({ type: "speakers", speakers: [{ id: "s1", source: "b", level: -20 }] });
  say({ type: "speakers", speakers: [] });
  assert.deepEqual(heard, [[["s1", -20]], []]);
});

test("the original Galène has no features, and is not asked for any", async () => {
  const { connection } = await join();
  assert.deepEqual(connection.features, []);
});

test("publishing offers and ends with the group", async () => {
  const { connection, sent, say } = await join();
  const stream = connection.publish(fakeMedia("audio", "video"), { label: "camera" });
  await settle();
  const offer = sent.at(-1);
  assert.deepEqual([offer.type, offer.id, offer.label], ["offer", stream.id, "camera"]);
  assert.equal(connection.up.get(stream.id), stream);

  say({ type: "joined", kind: "leave", group: "night" });
  assert.ok(stream.hasEnded);
  assert.equal(connection.up.size, 0);
  assert.throws(() => connection.publish(fakeMedia(), { label: "camera" }), /cannot publish/);
});

test("a stream that replaces another one inherits its place", async () => {
  const { connection, say, peers } = await join();
  const arrived = [];
  connection.on("stream", (event) => arrived.push(event));

  say({ type: "offer", id: "s1", source: "b", username: "Bob", label: "camera", sdp: "one" });
  say({ type: "offer", id: "s2", replace: "s1", source: "b", label: "camera", sdp: "two" });
  say({ type: "close", id: "s1" });

  const [first, second] = arrived;
  assert.equal(second.replaced, first.stream);
  assert.equal(second.stream.localId, first.stream.localId);
  assert.ok(first.stream.hasEnded);
  assert.deepEqual([...connection.down.keys()], ["s2"]);
  assert.deepEqual(peers.map(({ closed }) => closed), [true, false]);
  assert.deepEqual(peers[1].configuration, { iceServers: [] });
});

test("a second offer for a stream is not another stream", async () => {
  const { connection, say, sent } = await join();
  let arrived = 0;
  connection.on("stream", () => (arrived += 1));

  say({ type: "offer", id: "s1", source: "b", label: "camera", sdp: "one" });
  say({ type: "offer", id: "s1", source: "b", label: "camera", sdp: "two" });
  await settle();

  assert.equal(arrived, 1);
  const answers = sent.filter(({ type }) => type === "answer").map(({ sdp }) => sdp);
  assert.deepEqual(answers, ["answer to one", "answer to two"]);
});

test("messages about streams that are gone do no harm", async () => {
  const { connection, say, sent } = await join();
  const before = sent.length;
  for (const type of ["close", "abort", "renegotiate"]) say({ type, id: "gone" });
  say({ type: "answer", id: "gone", sdp: "x" });
  say({ type: "ice", id: "gone", candidate: { candidate: "x" } });
  assert.equal(sent.length, before);
  assert.equal(connection.state, "joined");
});

test("losing the connection ends all streams and empties the list of users", async () => {
  const { connection, say } = await join();
  say({ type: "user", kind: "add", id: "b", username: "Bob" });
  say({ type: "offer", id: "s1", source: "b", label: "camera", sdp: "one" });
  const reasons = [];
  connection.down.get("s1").on("ended", ({ reason }) => reasons.push(reason));
  const closed = [];
  connection.on("closed", (event) => closed.push(event));

  connection.handleClosed(1001, "going away");
  connection.handleClosed(1001, "going away");

  assert.deepEqual(reasons, ["lost"]);
  assert.equal(connection.users.size, 0);
  assert.deepEqual(closed, [{ code: 1001, reason: "going away" }]);
});

test("media go through relays alone as long as somebody wants that, in both directions", async () => {
  const { connection, say, sent, peers } = open();
  connection.setRelayOnly(true);
  const joined = connection.join({ group: "night", username: "Ann" });
  const iceServers = [{ urls: ["stun:a"] }, { urls: ["turn:b?transport=udp", "turns:b"], username: "u", credential: "c" }];
  say({ ...JOINED, rtcConfiguration: { iceServers } });
  await joined;
  assert.equal(connection.hasRelay, true);
  const stream = connection.publish(fakeMedia("audio"), { label: "camera" });
  say({ type: "offer", id: "down", label: "camera", source: "bob", username: "Bob", sdp: "offer" });
  await settle();
  const policies = () => peers.map(({ configuration }) => configuration.iceTransportPolicy);
  assert.deepEqual(policies(), ["relay", "relay"]);
  assert.deepEqual(peers[0].configuration.iceServers, iceServers);
  assert.equal(connection.rtcConfiguration.iceTransportPolicy, "relay", "for files");

  say({ type: "answer", id: stream.id, sdp: "answer" });
  await stream.restartIce();
  assert.deepEqual(policies(), ["relay", "relay"]);
  say({ type: "answer", id: stream.id, sdp: "answer" });

  // Those that are there follow, by a restart: they have found a way already.
  connection.setRelayOnly(false);
  await settle();
  assert.deepEqual(policies(), [undefined, undefined]);
  assert.deepEqual(offers().at(-1), "offer 3 restart");
  assert.deepEqual(sent.filter(({ type }) => type === "renegotiate"), [{ type: "renegotiate", id: "down" }]);
  say({ type: "answer", id: stream.id, sdp: "answer" });
  connection.setRelayOnly(true);
  await settle();
  assert.deepEqual(policies(), ["relay", "relay"]);
  assert.deepEqual(peers[1].configuration.iceServers, iceServers);

  function offers() {
    return sent.filter(({ type }) => type === "offer").map(({ sdp }) => sdp);
  }
});

test("a server that names no relay has none", async () => {
  const { connection, say } = await join();
  assert.equal(connection.hasRelay, false);
  say({ ...JOINED, kind: "change", rtcConfiguration: { iceServers: [{ urls: "stun:a" }, {}] } });
  assert.equal(connection.hasRelay, false);
  say({ ...JOINED, kind: "change", rtcConfiguration: { iceServers: [{ urls: "turn:b" }] } });
  assert.equal(connection.hasRelay, true);
});

test("where a way that is found late is of no use, everything begins anew when it is found", async () => {
  for (const isMuteOnceFailed of [true, false]) {
    const { connection, say, peers, closes } = await join([], { isMuteOnceFailed });
    connection.publish(fakeMedia("audio"), { label: "camera" });
    say({ type: "offer", id: "down", label: "camera", source: "bob", username: "Bob", sdp: "offer" });
    await settle();
    const [up, down] = peers;
    for (const state of ["connected", "disconnected", "connected"]) up.reach(state);
    for (const state of ["checking", "failed", "checking"]) down.reach(state);
    assert.deepEqual(closes, []);
    down.reach("connected");
    assert.deepEqual(closes, isMuteOnceFailed ? ["the media have to begin anew"] : []);
  }
});

test("silence is met with pings, and then given up", async () => {
  const { connection, sent, say, closes } = await join();
  const pings = () => sent.filter(({ type }) => type === "ping").length;

  connection.handleTick();
  assert.equal(pings(), 0);
  connection.handleTick();
  assert.equal(pings(), 1);
  say({ type: "pong" });
  connection.handleTick();
  assert.equal(pings(), 1);

  for (let i = 0; i < 5; i += 1) connection.handleTick();
  assert.deepEqual(closes, []);
  connection.handleTick();
  assert.match(closes[0], /silent/);
});

test("pings are answered", async () => {
  const { say, sent } = await join();
  say({ type: "ping" });
  assert.deepEqual(sent.at(-1), { type: "pong" });
});

const JOINED = {
  type: "joined",
  kind: "join",
  group: "night",
  username: "Ann",
  permissions: ["present", "message"],
  status: { name: "night", displayName: "Night" },
  rtcConfiguration: { iceServers: [] },
};

function start(outside) {
  const sent = [];
  const closes = [];
  const peers = [];
  let ids = 0;
  const connection = new ServerConnection({
    send: (message) => sent.push(message),
    close: (reason) => closes.push(reason),
    createId: () => `id-${(ids += 1)}`,
    createPeerConnection: (configuration) => {
      const peer = new FakePeerConnection(configuration);
      peers.push(peer);
      return peer;
    },
    ...outside,
  });
  const say = (message) => connection.handleMessage(decode(JSON.stringify(message)));
  return { connection, sent, closes, peers, say };
}

function open(features, outside) {
  const all = start(outside);
  all.connection.open();
  all.say({ type: "handshake", version: ["2"], ...(features ? { features } : {}) });
  return all;
}

async function join(features, outside) {
  const all = open(features, outside);
  const joined = all.connection.join({ group: "night", username: "Ann" });
  all.say(JOINED);
  await joined;
  return all;
}
