import assert from "node:assert/strict";
import { test } from "node:test";
import { buildTiles } from "./tiles.js";

test("everybody who may present has a tile, with or without a picture", () => {
  const tiles = buildTiles(
    scene({
      users: [user("me"), user("ann"), user("bob"), user("listener", []), user("rec", ["system"])],
      streams: [stream("s1", "ann")],
    }),
  );
  assert.deepEqual(
    tiles.map(({ key, media }) => [key, media !== null]),
    [["self", false], ["user:ann", true], ["user:bob", false]],
  );
});

test("a tile keeps its key when a camera comes, goes or is replaced", () => {
  const keys = (streams) => buildTiles(scene({ users: [user("me"), user("ann")], streams })).map(
    ({ key }) => key,
  );
  assert.deepEqual(keys([]), ["self", "user:ann"]);
  assert.deepEqual(keys([stream("s1", "ann")]), ["self", "user:ann"]);
  assert.deepEqual(keys([stream("s2", "ann", { kinds: ["audio"] })]), ["self", "user:ann"]);
});

test("the screen of somebody else takes the stage, our own does not", () => {
  const screens = [["k", {}]];
  const own = buildTiles(scene({ users: [user("me"), user("ann")], screens }));
  assert.deepEqual(own.map(({ stage }) => stage), [false, false, false]);

  const streams = [stream("s1", "ann"), stream("s2", "ann", { label: "screenshare" })];
  const theirs = buildTiles(scene({ users: [user("me"), user("ann")], streams }));
  assert.deepEqual(
    theirs.map(({ key, stage }) => [key, stage]),
    [["self", false], ["user:ann", false], ["stream:local s2", true]],
  );
});

test("what is pinned takes the stage from a screen", () => {
  const streams = [stream("s2", "ann", { label: "screenshare" })];
  const users = [user("me"), user("ann")];
  const tiles = buildTiles(scene({ users, streams, pinned: "user:ann" }));
  assert.deepEqual(tiles.map(({ stage, isPinned }) => stage && isPinned), [false, true, false]);

  const gone = buildTiles(scene({ users, streams, pinned: "user:bob" }));
  assert.deepEqual(gone.map(({ stage }) => stage), [false, false, true]);
});

test("muted is who says so, and who sends no sound", () => {
  const users = [
    user("me"),
    user("ann", ["present"], { muted: true }),
    user("bob"),
    user("eve"),
    user("joe", ["present"], { raisehand: true }),
  ];
  const streams = [
    stream("s1", "ann"),
    stream("s2", "bob", { kinds: ["video"] }),
    stream("s3", "eve"),
  ];
  const tiles = buildTiles(scene({ users, streams, isMuted: true }));
  assert.deepEqual(tiles.map(({ isMuted }) => isMuted), [true, true, true, false, false]);
  assert.deepEqual(tiles.map(({ hasHand }) => hasHand), [false, false, false, false, true]);
});

test("in a crowd those who send nothing have no tile", () => {
  const users = [user("me"), ...Array.from({ length: 20 }, (_, i) => user(`u${i}`))];
  const streams = [stream("s1", "u7")];
  const tiles = buildTiles(scene({ users, streams }));
  assert.deepEqual(tiles.map(({ key }) => key), ["self", "user:u7"]);
});

test("a stream whose publisher is not announced yet is shown", () => {
  const tiles = buildTiles(scene({ users: [user("me")], streams: [stream("s1", "ann")] }));
  assert.deepEqual(tiles.map(({ name }) => name), ["Me", "ann"]);
});

test("who speaks is marked, unless it is us and we are muted", () => {
  const users = [user("me"), user("ann")];
  const streams = [stream("s1", "ann")];
  const speaking = new Set(["", "s1"]);
  const marks = (isMuted) => {
    const tiles = buildTiles(scene({ users, streams, speaking, isMuted }));
    return tiles.map(({ isSpeaking }) => isSpeaking);
  };
  assert.deepEqual(marks(false), [true, true]);
  assert.deepEqual(marks(true), [false, true]);
});

function scene(parts) {
  return {
    selfId: "me",
    selfName: "Me",
    isMuted: false,
    camera: null,
    screens: [],
    users: [],
    streams: [],
    speaking: new Set(),
    pinned: "",
    ...parts,
  };
}

function user(id, permissions = ["present"], data = {}) {
  return { id, username: id, permissions, data };
}

function stream(id, source, { label = "camera", kinds = ["audio", "video"] } = {}) {
  const tracks = (kind) => kinds.filter((k) => k === kind).map(() => ({ readyState: "live" }));
  const media = {
    getAudioTracks: () => tracks("audio"),
    getVideoTracks: () => tracks("video"),
  };
  const username = source;
  return { id, localId: `local ${id}`, label, source: { id: source, username }, media, isConnecting: false };
}
