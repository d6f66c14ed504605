import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.js";
import { ServerConnection } from "./connection.js";
import { JoinError } from "./errors.js";
import { FakePeerConnection, fakeMedia, settle } from "./fakes.test.js";
import { decode } from "./protocol.js";
import { Session } from "./session.js";

test("joining brings one into the group, with what others are told from the start", async () => {
  const world = new World();
  world.session.setUserData({ muted: true });
  await world.join();
  assert.equal(world.session.phase, "joined");
  const { data, username } = world.server.joins[0];
  assert.deepEqual([username, data], ["Ann", { muted: true }]);
});

test("a refusal rejects, and another attempt may follow", async () => {
  const world = new World();
  world.server.refuses = "not authorised";
  await assert.rejects(world.session.join(ANN), { kind: "fail", message: "not authorised" });
  assert.equal(world.session.phase, "idle");
  world.server.refuses = "";
  await world.join();
  assert.equal(world.session.phase, "joined");
});

test("a lost connection comes back with what was requested, told and published", async () => {
  const world = new World();
  await world.join();
  world.session.request({ "": ["audio"] });
  world.session.setUserData({ raisehand: true });
  const publication = world.session.publish(fakeMedia("audio", "video"), { label: "camera" });
  await settle();
  assert.equal(world.sent("offer").length, 1);
  const first = publication.stream;

  world.drop();
  assert.equal(world.session.phase, "lost");
  assert.equal(first.hasEnded, true);
  await world.pass(1000);
  assert.equal(world.session.phase, "joined");
  assert.deepEqual(world.server.joins[1].data, { raisehand: true });
  assert.deepEqual(world.sent("request").at(-1).request, { "": ["audio"] });
  await settle();
  assert.equal(world.sent("offer").length, 1);
  assert.notEqual(publication.stream, first);
  assert.equal(publication.hasEnded, false);
});

test("what changes about us while we are on the way in is told when we are there", async () => {
  const world = new World();
  world.session.setUserData({ muted: true, raisehand: true });
  const joining = world.join();
  await settle();
  await joining;
  assert.equal(world.sent("useraction").length, 0);

  world.session.on("connected", ({ connection }) => {
    // Just after this the connection asks to join.
    queueMicrotask(() => world.session.setUserData({ muted: null, note: "back" }));
  });
  world.drop();
  world.session.setUserData({ raisehand: null });
  await world.pass(1000);
  assert.deepEqual(world.server.joins[1].data, { muted: true });
  const [{ kind, value }, ...rest] = world.sent("useraction");
  assert.deepEqual([kind, value, rest], ["setdata", { muted: null, note: "back" }, []]);
  assert.deepEqual(world.session.userData, { note: "back" });
});

test("receivers hear of a picture that goes: by the server, or else because another stream comes", async () => {
  for (const features of [["encodings"], []]) {
    const world = new World();
    world.server.features = features;
    await world.join();
    const both = fakeMedia("audio", "video");
    const media = { ...both };
    const publication = world.session.publish(media, { label: "camera" });
    await settle();
    const [first] = world.sent("offer");
    world.say({ type: "answer", id: first.id, sdp: "answer" });
    await settle();

    media.getVideoTracks = () => [];
    publication.setTrack("video", null);
    await settle();
    const offer = world.sent("offer").at(-1);
    const isOther = features.length === 0;
    assert.equal(offer.id !== first.id, isOther);
    assert.equal(offer.replace, isOther ? first.id : undefined);
    assert.equal(publication.stream.id, offer.id);
    assert.equal(publication.hasEnded, false);
    world.say({ type: "answer", id: offer.id, sdp: "answer" });
    await settle();

    const [camera] = both.getVideoTracks();
    publication.setTrack("video", camera);
    await settle();
    assert.equal(world.sent("offer").at(-1).id, offer.id);
    assert.equal(publication.stream.track("video"), camera);
  }
});

test("surprise 82: a token that lives for a moment is shown once, to join", async () => {
  const world = new World();
  await world.session.join({ group: "night", token: "t" });
  assert.deepEqual(world.server.joins.map(({ token }) => token), ["t"]);
});

test("tokens are asked for anew at each attempt", async () => {
  const world = new World();
  let tokens = 0;
  await world.session.join(async () => ({ group: "night", token: `t${(tokens += 1)}` }));
  world.drop();
  await world.pass(1000);
  assert.deepEqual(world.server.joins.map(({ token }) => token), ["t1", "t2"]);
});

test("attempts become rarer, stop after two minutes, and begin again if somebody insists", async () => {
  const world = new World();
  await world.join();
  world.server.isUp = false;
  world.drop();
  const gaps = [];
  for (let last = world.now; world.session.retryAt !== null; last = world.now) {
    await world.pass(world.session.retryAt - world.now);
    gaps.push(world.now - last);
  }
  assert.ok(gaps[0] <= 500 && Math.max(...gaps) <= 15_000, `${gaps}`);
  assert.ok(world.now >= 120_000 && world.now < 160_000, `${world.now}`);
  assert.equal(world.session.phase, "lost");

  world.server.isUp = true;
  await world.session.insist();
  assert.equal(world.session.phase, "joined");
});

test("whoever was removed does not come back", async () => {
  const world = new World();
  await world.join();
  world.say({ type: "usermessage", kind: "kicked", privileged: true, username: "Olga", value: "out" });
  world.drop(1000);
  assert.equal(world.session.phase, "idle");
  const { kind, by, text } = world.endings[0];
  assert.deepEqual({ kind, by, text }, { kind: "kicked", by: "Olga", text: "out" });
  await world.pass(60_000);
  assert.equal(world.server.joins.length, 1);
});

test("nobody but an operator or the server can pretend that one was removed", async () => {
  const world = new World();
  await world.join();
  world.say({ type: "usermessage", kind: "kicked", username: "Mallory", value: "out" });
  world.drop();
  assert.equal(world.session.phase, "lost");
});

test("a server that restarts removes everybody, and they come back", async () => {
  const world = new World();
  await world.join();
  world.say({ type: "usermessage", kind: "kicked", privileged: true, value: "restarting" });
  world.drop(1012);
  assert.equal(world.session.phase, "lost");
  await world.pass(1000);
  assert.equal(world.session.phase, "joined");
});

test("a return that is refused ends the visit and says why", async () => {
  const world = new World();
  await world.join();
  const publication = world.session.publish(fakeMedia("audio"), { label: "camera" });
  world.server.refuses = "the group is locked";
  world.drop();
  await world.pass(1000);
  assert.equal(world.session.phase, "idle");
  assert.equal(world.endings[0].kind, "refused");
  assert.ok(world.endings[0].error instanceof JoinError);
  assert.equal(publication.hasEnded, true);
});

test("a return that is refused for a while only is tried again, as after a lost connection", async () => {
  for (const words of [
    "too many users in this group",
    "too many users",
    "too many failed attempts; try again in 21 seconds",
    "too many messages at once; this one was dropped",
    "the server is busy; please try again in a moment",
    "there are no operators in this group",
  ]) {
    const world = new World();
    await world.join();
    const publication = world.session.publish(fakeMedia("audio"), { label: "camera" });
    world.server.refuses = words;
    world.drop();
    await world.pass(20_000);
    assert.deepEqual([world.session.phase, world.session.refusal?.message], ["lost", words]);
    assert.equal(world.connections.at(-1).connection.state, "closed", "no connection is left behind");
    world.server.refuses = "";
    await world.pass(20_000);
    assert.deepEqual([world.session.phase, world.session.refusal], ["joined", null]);
    assert.equal(publication.hasEnded, false);
  }
});

test("what should have passed is waited for no longer than a lost connection, until somebody insists", async () => {
  const world = new World();
  await world.join();
  world.server.refuses = "too many users in this group";
  world.drop();
  await world.pass(160_000);
  assert.deepEqual([world.session.phase, world.session.retryAt, world.endings], ["lost", null, []]);
  const attempts = world.connections.length;
  assert.ok(attempts < 20, `${attempts} attempts`);
  await world.pass(600_000);
  assert.equal(world.connections.length, attempts);

  world.server.isUp = false;
  await world.session.insist();
  assert.equal(world.session.refusal, null, "now it is another reason");
  world.server.isUp = true;
  world.server.refuses = "";
  await world.session.insist();
  assert.equal(world.session.phase, "joined");
});

test("what only sounds as if it passed ends the visit, and so does any refusal on the first way in", async () => {
  for (const words of ["We have too many users, go home", "not authorised", "this group is closed", "the group does not exist"]) {
    const world = new World();
    await world.join();
    world.server.refuses = words;
    world.drop();
    await world.pass(1000);
    assert.deepEqual(world.endings.map(({ kind }) => kind), ["refused"], words);
  }
  const world = new World();
  world.server.refuses = "too many users in this group";
  await assert.rejects(world.join(), { name: "JoinError", mayPass: true });
  assert.equal(world.session.phase, "idle");
  await world.pass(60_000);
  assert.equal(world.connections.length, 1);
});

test("when the network changed, a silent server is given up soon and media look for other ways", async () => {
  const world = new World();
  await world.join();
  world.session.publish(fakeMedia("audio"), { label: "camera" });
  await settle();
  world.say({ type: "answer", id: world.sent("offer")[0].id, sdp: "answer" });
  await settle();

  world.session.refresh();
  await settle();
  assert.equal(world.sent("ping").length, 1);
  assert.match(world.sent("offer").at(-1).sdp, /restart/);
  world.say({ type: "pong" });
  await world.pass(5000);
  assert.equal(world.session.phase, "joined");

  world.session.refresh();
  await world.pass(5000);
  assert.equal(world.server.joins.length, 2);
});

test("leaving is final, also while on the way back", async () => {
  const world = new World();
  await world.join();
  world.drop();
  world.session.leave();
  await world.pass(200_000);
  assert.equal(world.session.phase, "idle");
  assert.equal(world.server.joins.length, 1);
  assert.deepEqual(world.endings.map(({ kind }) => kind), ["left"]);
});

test("what may not be published waits until it may", async () => {
  const world = new World();
  world.server.permissions = ["message"];
  await world.join();
  const publication = world.session.publish(fakeMedia("audio"), { label: "camera" });
  assert.equal(publication.stream, null);
  world.say({ type: "joined", kind: "change", group: "night", permissions: ["present"] });
  assert.notEqual(publication.stream, null);
});

const ANN = { group: "night", username: "Ann", password: "p" };

/** A server, a clock and a session between them. */
class World {
  now = 0;
  timers = [];
  endings = [];
  server = { isUp: true, refuses: "", joins: [], permissions: ["present", "message"], features: [] };
  connections = [];

  constructor() {
    this.session = new Session({
      connect: () => this.#connect(),
      backoff: new Backoff(() => 0.5),
      clock: {
        now: () => this.now,
        start: (run, ms) => {
          const timer = { run, at: this.now + ms };
          this.timers.push(timer);
          return timer;
        },
        stop: (timer) => {
          this.timers = this.timers.filter((other) => other !== timer);
        },
      },
    });
    this.session.on("ended", (ending) => this.endings.push(ending));
  }

  join() {
    return this.session.join(ANN);
  }

  sent(type) {
    return this.connections.at(-1).sent.filter((message) => message.type === type);
  }

  say(message) {
    this.connections.at(-1).connection.handleMessage(decode(JSON.stringify(message)));
  }

  drop(code = 1006) {
    this.connections.at(-1).connection.handleClosed(code, "");
  }

  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const [next] = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
    await settle();
  }

  async #connect() {
    if (!this.server.isUp) throw new Error("nobody answers");
    const sent = [];
    const connection = new ServerConnection({
      send: (message) => {
        sent.push(message);
        if (message.type === "join") queueMicrotask(() => this.#answer(connection, message));
      },
      close: () => connection.handleClosed(1006, "closed by us"),
      createPeerConnection: (configuration) => new FakePeerConnection(configuration),
    });
    this.connections.push({ connection, sent });
    connection.open();
    connection.handleMessage({ type: "handshake", version: ["2"], features: this.server.features });
    return connection;
  }

  #answer(connection, join) {
    const { refuses, permissions } = this.server;
    const answer = { type: "joined", kind: "join", group: join.group, username: "Ann", permissions };
    if (refuses === "") this.server.joins.push(join);
    const text = JSON.stringify(refuses === "" ? answer : { ...answer, kind: "fail", value: refuses });
    connection.handleMessage(decode(text));
  }
}
