import assert from "node:assert/strict";
import { test } from "node:test";
import { buildTiles, paginate } from "./tiles.js";

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
  const shares = [{ key: "k", media: {}, isScreen: true }];
  const own = buildTiles(scene({ users: [user("me"), user("ann")], shares }));
  assert.deepEqual(own.map(({ stage }) => stage), [false, false, false]);

  const streams = [stream("s1", "ann"), stream("s2", "ann", { label: "screenshare" })];
  const theirs = buildTiles(scene({ users: [user("me"), user("ann")], streams }));
  assert.deepEqual(
    theirs.map(({ key, stage }) => [key, stage]),
    [["self", false], ["user:ann", false], ["stream:local s2", true]],
  );
});

test("a tile knows what the server holds back of its picture", () => {
  const delivery = { status: "paused", reason: "last-n" };
  const streams = [stream("s1", "ann", { delivery })];
  const tiles = buildTiles(scene({ users: [user("me"), user("ann"), user("bob")], streams }));
  assert.deepEqual(tiles.map(({ delivery: { status } }) => status), ["full", "paused", "full"]);
  assert.ok(tiles[1].media, "the picture may come back at any moment");
});

test("what is pinned takes the stage from a screen", () => {
  const streams = [stream("s2", "ann", { label: "screenshare" })];
  const users = [user("me"), user("ann")];
  const tiles = buildTiles(scene({ users, streams, pinned: "user:ann" }));
  assert.deepEqual(tiles.map(({ stage, isPinned }) => stage && isPinned), [false, true, false]);

  const gone = buildTiles(scene({ users, streams, pinned: "user:bob" }));
  assert.deepEqual(gone.map(({ stage }) => stage), [false, false, true]);
});

test("the layout decides who is on stage while nothing is pinned", () => {
  const users = [user("me"), user("ann"), user("bob")];
  const streams = [stream("s1", "ann"), stream("s2", "bob")];
  const staged = (parts) => {
    const tiles = buildTiles(scene({ users, streams, ...parts }));
    return tiles.filter(({ stage }) => stage).map(({ key }) => key);
  };
  assert.deepEqual(staged({ latest: "s2" }), []);
  assert.deepEqual(staged({ latest: "s2", layout: "speaker" }), ["user:bob"]);
  assert.deepEqual(staged({ latest: "", layout: "speaker" }), ["user:ann"]);
  const screen = [...streams, stream("s3", "ann", { label: "screenshare" })];
  assert.deepEqual(staged({ streams: screen, layout: "grid" }), []);
  assert.deepEqual(staged({ streams: screen, layout: "speaker", latest: "s2" }), ["stream:local s3"]);
});

test("one can hide oneself and those without a picture, but not everybody", () => {
  const keys = (users, parts) => buildTiles(scene({ users, ...parts })).map(({ key }) => key);
  const both = [user("me"), user("ann")];
  assert.deepEqual(keys(both, { hideSelf: true }), ["user:ann"]);
  assert.deepEqual(keys(both, { showSilent: false }), ["self"]);
  assert.deepEqual(keys([user("me")], { hideSelf: true }), ["self"]);
});

test("a page has so many tiles, and the stage is on each of them", () => {
  const tiles = Array.from({ length: 8 }, (_, i) => ({ key: `${i}`, stage: i === 3 }));
  const at = (page) => {
    const shown = paginate(tiles, 3, page);
    return [shown.tiles.map(({ key }) => key).join(""), shown.page, shown.pages];
  };
  assert.deepEqual(at(0), ["0123", 0, 3]);
  assert.deepEqual(at(1), ["3456", 1, 3]);
  assert.deepEqual(at(9), ["37", 2, 3]);
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
    shares: [],
    users: [],
    streams: [],
    speaking: new Set(),
    latest: "",
    pinned: "",
    layout: "auto",
    hideSelf: false,
    showSilent: true,
    reactions: new Map(),
    quality: () => null,
    ...parts,
  };
}

function user(id, permissions = ["present"], data = {}) {
  return { id, username: id, permissions, data };
}

const FULL = { status: "full", reason: "" };

function stream(id, source, { label = "camera", kinds = ["audio", "video"], delivery = FULL } = {}) {
  const tracks = (kind) => kinds.filter((k) => k === kind).map(() => ({ readyState: "live" }));
  const media = {
    getAudioTracks: () => tracks("audio"),
    getVideoTracks: () => tracks("video"),
  };
  const username = source;
  return { id, localId: `local ${id}`, label, source: { id: source, username }, media, delivery, isConnecting: false };
}
