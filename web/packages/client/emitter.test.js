import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "./emitter.js";

test("listeners hear what they asked for until they end it", () => {
  const emitter = new Emitter();
  const heard = [];
  const stop = emitter.on("said", (detail) => heard.push(detail));
  emitter.on("sung", () => heard.push("never"));

  emitter.emit("said", 1);
  stop();
  emitter.emit("said", 2);

  assert.deepEqual(heard, [1]);
});

test("a fault in one listener is reported and does not keep the news from others", (t) => {
  const reported = t.mock.method(globalThis, "queueMicrotask", () => {});
  const emitter = new Emitter();
  const heard = [];
  emitter.on("said", () => {
    throw new Error("listener at fault");
  });
  emitter.on("said", (detail) => heard.push(detail));

  emitter.emit("said", 1);

  assert.deepEqual(heard, [1]);
  assert.throws(reported.mock.calls[0].arguments[0], /listener at fault/);
});
