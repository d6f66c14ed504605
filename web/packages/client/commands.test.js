import assert from "node:assert/strict";
import { test } from "node:test";
import { availableCommands, parseExpiry, parseInput } from "./commands.js";

const OP = ["op", "present", "message", "token", "record"];

test("what does not begin with a slash is said", () => {
  assert.deepEqual(parseInput("good evening", []), { kind: "say", text: "good evening" });
  assert.deepEqual(parseInput("//etc/hosts", []), { kind: "say", text: "/etc/hosts" });
  assert.deepEqual(parseInput("  \n", []), { kind: "nothing" });
  assert.deepEqual(parseInput("/me waves", []), { kind: "me", text: "waves" });
});

test("the first of several values may be quoted, the last is the rest of the line", () => {
  const values = (line) => parseInput(line, OP).values;
  assert.deepEqual(values("/kick Ann go  away"), ["Ann", "go  away"]);
  assert.deepEqual(values('/kick "Ann Lee" go away'), ["Ann Lee", "go away"]);
  assert.deepEqual(values("/msg 'Ann \\'A\\' Lee' it's me"), ["Ann 'A' Lee", "it's me"]);
  assert.deepEqual(values("/kick Ann\\ Lee"), ["Ann Lee"]);
  assert.deepEqual(values("/op Ann Lee"), ["Ann Lee"]);
  assert.deepEqual(values('/op "Ann Lee"'), ["Ann Lee"]);
  assert.deepEqual(values("/lock back at  noon\nor so"), ["back at  noon\nor so"]);
  assert.deepEqual(values("/lock"), []);
});

test("what cannot be done says why", () => {
  assert.deepEqual(parseInput("/frobnicate", OP), { kind: "unknown", name: "frobnicate" });
  assert.deepEqual(parseInput("/toString", OP), { kind: "unknown", name: "toString" });
  assert.deepEqual(parseInput("/lock", ["message"]), { kind: "denied", name: "lock" });
  const msg = { kind: "incomplete", name: "msg", missing: "text" };
  assert.deepEqual(parseInput("/msg Ann", OP), msg);
});

test("everybody is shown the commands that they may use", () => {
  assert.deepEqual(availableCommands([]), [
    "help", "leave", "me", "raise", "renegotiate", "unraise", "unsharescreen",
  ]);
  const all = availableCommands(OP);
  for (const name of ["lock", "record", "listtokens", "wall", "sendfile"]) assert.ok(all.includes(name));
  assert.ok(!all.includes("relay-test"));
});

test("a time is so much from now, or a date", () => {
  const now = new Date("2026-05-01T12:00:00Z");
  const read = (text) => parseExpiry(text, now)?.toISOString();
  assert.equal(read("90s"), "2026-05-01T12:01:30.000Z");
  assert.equal(read("2 d"), "2026-05-03T12:00:00.000Z");
  assert.equal(read("1mon"), "2026-06-01T12:00:00.000Z");
  assert.equal(read("2026-12-24T18:00:00Z"), "2026-12-24T18:00:00.000Z");
  assert.equal(parseExpiry("soon", now), null);
});
