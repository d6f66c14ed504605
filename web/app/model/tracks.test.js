import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { only } from "./tracks.js";

class FakeMediaStream {
  constructor(tracks) {
    this.tracks = tracks;
  }

  getTracks() {
    return this.tracks;
  }
}

beforeEach(() => (globalThis.MediaStream = FakeMediaStream));
afterEach(() => delete globalThis.MediaStream);

const [camera, other, microphone] = ["video", "video", "audio"].map((kind) => ({ kind }));

test("pictures are shown without sound, and sound is played without pictures", () => {
  const media = new FakeMediaStream([camera, microphone]);
  assert.deepEqual(only("video", media).getTracks(), [camera]);
  assert.deepEqual(only("audio", media).getTracks(), [microphone]);
});

test("what is shown stays the same until its tracks change", () => {
  const media = new FakeMediaStream([camera]);
  const first = only("video", media);
  media.tracks = [camera, microphone];
  assert.equal(only("video", media), first);
  media.tracks = [other, microphone];
  const second = only("video", media);
  assert.notEqual(second, first);
  assert.deepEqual(second.getTracks(), [other]);
});
