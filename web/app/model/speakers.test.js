import assert from "node:assert/strict";
import { test } from "node:test";
import { levelBetween, Speakers } from "./speakers.js";

test("the level is what energy over time comes from", () => {
  const before = { total: 1, seconds: 10 };
  assert.equal(levelBetween(before, { total: 1.02, seconds: 10.5 }).toFixed(3), "0.200");
  assert.equal(levelBetween(before, { total: 1, seconds: 10.5 }), 0);
});

test("a clock that stood still and counters that began anew mean silence", () => {
  const before = { total: 1, seconds: 10 };
  assert.equal(levelBetween(before, before), 0);
  assert.equal(levelBetween(before, { total: 0, seconds: 0.5 }), 0);
});

test("what the server says counts, and the last who spoke stays on stage", () => {
  const speakers = new Speakers(() => [], () => false);
  let changes = 0;
  speakers.on("changed", () => (changes += 1));
  speakers.start(true);
  speakers.handleSpeakers(["ann", "bob"]);
  assert.deepEqual([...speakers.active], ["ann", "bob"]);
  assert.equal(speakers.latest, "ann");
  speakers.handleSpeakers(["bob", "ann"]);
  assert.equal(speakers.latest, "ann", "whoever goes on speaking keeps the stage");
  speakers.handleSpeakers(["bob"]);
  assert.equal(speakers.latest, "bob");
  speakers.handleSpeakers([]);
  assert.deepEqual([...speakers.active], []);
  assert.equal(speakers.latest, "bob");
  assert.equal(changes, 3);
  speakers.stop();
});
