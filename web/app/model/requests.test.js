import assert from "node:assert/strict";
import { test } from "node:test";
import { larger, requestFor, TileRequests } from "./requests.js";

const LARGE = { width: 640, height: 360 };
const SMALL = { width: 200, height: 112 };
const NONE = new Set();

test("a small tile asks for a small picture, a hidden one for sound alone", () => {
  const stream = received(1);
  const requests = new TileRequests();
  const show = (size) => {
    requests.update([stream], new Map(size ? [["s1", size]] : []), new Set(size ? [] : ["s1"]), "everything");
    return stream.asked;
  };
  assert.deepEqual(show(LARGE), []);
  assert.deepEqual(show(SMALL), [["audio", "video-low"]]);
  assert.deepEqual(show(SMALL).length, 1);
  assert.deepEqual(show(null).at(-1), ["audio"]);
  assert.equal(show(LARGE).at(-1), null);
});

test("a tile at the border does not make the picture switch to and fro", () => {
  const stream = received(1);
  const requests = new TileRequests();
  for (const width of [319, 325, 319, 330]) {
    requests.update([stream], new Map([["s1", { width, height: 240 }]]), NONE, "everything");
  }
  assert.deepEqual(stream.asked, [["audio", "video-low"]]);
});

test("a stream without sound never asks for nothing: it would end", () => {
  const stream = received(0);
  new TileRequests().update([stream], new Map(), new Set(["s1"]), "everything");
  assert.deepEqual(stream.asked, [["video-low"]]);
});

test("a stream without a tile is asked for: it may have none because it has no picture yet", () => {
  const stream = received(1);
  const requests = new TileRequests();
  requests.update([stream], new Map(), new Set(["s1"]), "everything");
  requests.update([stream], new Map(), NONE, "everything");
  assert.deepEqual(stream.asked, [["audio"], null]);
});

test("of two places, the larger one counts", () => {
  const sizes = larger(new Map([["a", SMALL], ["b", LARGE]]), new Map([["a", LARGE], ["b", SMALL], ["c", SMALL]]));
  assert.deepEqual([...sizes], [["a", LARGE], ["b", LARGE], ["c", SMALL]]);
});

test("what the user chose goes before what tiles could show", () => {
  const stream = received(1);
  const requests = new TileRequests();
  requests.update([stream], new Map([["s1", SMALL]]), NONE, "everything");
  requests.update([stream], new Map([["s1", SMALL]]), NONE, "audio");
  assert.equal(stream.asked.at(-1), null);
  assert.deepEqual(requestFor("screens"), { screenshare: ["audio", "video"], "": ["audio"] });
});

function received(sounds) {
  const asked = [];
  return {
    id: "s1",
    media: { getAudioTracks: () => Array(sounds).fill({}) },
    request: (request) => asked.push(request),
    asked,
  };
}
