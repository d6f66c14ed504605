import assert from "node:assert/strict";
import { test } from "node:test";
import { levelBetween } from "./speakers.js";

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
