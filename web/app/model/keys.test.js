import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, areKeys, keyFor, rebind } from "./keys.js";

test("a key can be changed, and what it was before is free again", () => {
  const { keys } = rebind({}, "mute", "X");
  assert.deepEqual(keys, { mute: "x" });
  assert.equal(keyFor(keys, "mute"), "x");
  assert.equal(actionOf(keys, "X"), "mute");
  assert.equal(actionOf(keys, "m"), null);
  assert.deepEqual(rebind(keys, "chat", "m"), { keys: { mute: "x", chat: "m" } });
  assert.deepEqual(rebind(keys, "mute", "m"), { keys: {} }, "as at first is not remembered");
});

test("no key does two things", () => {
  assert.deepEqual(rebind({}, "mute", "v"), { taken: "video" });
  assert.deepEqual(rebind({}, "mute", "m"), { keys: {} });
});

test("a key can be taken away, and several actions may have none", () => {
  const { keys } = rebind({}, "mute", "Backspace");
  assert.deepEqual(keys, { mute: "" });
  assert.deepEqual(rebind(keys, "chat", "Delete"), { keys: { mute: "", chat: "" } });
  assert.equal(actionOf(keys, ""), "mute", "which no keyboard sends");
});

test("keys that move about cannot be taken", () => {
  for (const key of [" ", "Tab", "Escape", "ArrowUp", "F6", ""]) assert.equal(rebind({}, "mute", key), null);
});

test("only keys are remembered as keys", () => {
  assert.ok(areKeys({ mute: "x", chat: "" }));
  for (const value of [null, [], "m", { mute: 7 }, { mute: "ab" }, { explode: "x" }, { mute: " " }]) {
    assert.ok(!areKeys(value), JSON.stringify(value));
  }
});
