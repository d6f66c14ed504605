import assert from "node:assert/strict";
import { test } from "node:test";
import { requestFor, TileRequests } from "./requests.js";

const LARGE = { width: 640, height: 360 };
const SMALL = { width: 200, height: 112 };

test("a small tile asks for a small picture, a hidden one for sound alone", () => {
  const stream = received(1);
  const requests = new TileRequests();
  const show = (size) => {
    requests.update([stream], new Map(size ? [["s1", size]] : []), "everything");
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
    requests.update([stream], new Map([["s1", { width, height: 240 }]]), "everything");
  }
  assert.deepEqual(stream.asked, [["audio", "video-low"]]);
});

test("a stream without sound never asks for nothing: it would end", () => {
  const stream = received(0);
  new TileRequests().update([stream], new Map(), "everything");
  assert.deepEqual(stream.asked, [["video-low"]]);
});

test("what the user chose goes before what tiles could show", () => {
  const stream = received(1);
  const requests = new TileRequests();
  requests.update([stream], new Map([["s1", SMALL]]), "everything");
  requests.update([stream], new Map([["s1", SMALL]]), "audio");
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
