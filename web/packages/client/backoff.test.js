import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.js";

test("waits double up to a limit and end after two minutes", () => {
  const backoff = new Backoff(() => 1);
  const waits = [];
  for (let wait = backoff.next(); wait !== null; wait = backoff.next()) waits.push(wait);

  assert.deepEqual(waits.slice(0, 7), [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  const total = waits.reduce((sum, wait) => sum + wait, 0);
  assert.ok(total >= 120_000 && total < 135_000, `${total}`);
});

test("clients that lost the same server do not return at the same moment", () => {
  assert.equal(new Backoff(() => 0).next(), 250);
  assert.equal(new Backoff(() => 1).next(), 500);
});

test("success begins the waits anew", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 500);
});
