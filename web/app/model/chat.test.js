import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatLog } from "./chat.js";

test("somebody who goes on speaking is not named again", () => {
  const log = new ChatLog();
  log.add(words({ id: "1", value: "one" }), "me", "");
  log.add(words({ id: "2", value: "two", seconds: 20 }), "me", "");
  log.add(words({ id: "3", value: "later", seconds: 120 }), "me", "");
  log.add(words({ dest: "me", value: "in private", seconds: 121 }), "me", "Ann");
  assert.deepEqual(
    log.entries.map(({ text, follows, isPrivate }) => [text, follows, isPrivate]),
    [
      ["one", false, false],
      ["two", true, false],
      ["later", false, false],
      ["in private", false, true],
    ],
  );
});

test("what the server repeats after a reconnection is there once", () => {
  const log = new ChatLog();
  log.add(words({ id: "1", value: "hello" }), "me", "");
  log.add(words({ id: "1", type: "chathistory", value: "hello" }), "me", "");
  log.add(words({ value: "private" }), "me", "");
  log.add(words({ value: "private" }), "me", "");
  assert.equal(log.entries.length, 3);
});

test("what others say counts as unread until somebody looks", () => {
  const log = new ChatLog();
  log.add(words({ id: "0", type: "chathistory", value: "before" }), "me", "");
  log.add(words({ id: "1", value: "hello" }), "me", "");
  log.add(words({ id: "2", source: "me", value: "mine" }), "me", "");
  assert.equal(log.unread, 1);

  log.setWatched(true);
  log.add(words({ id: "3", value: "seen" }), "me", "");
  assert.equal(log.unread, 0);
});

test("an operator removes one message, all of one user, or everything", () => {
  const log = new ChatLog();
  for (const [id, source] of [["1", "a"], ["2", "a"], ["3", "b"], ["4", "a"]]) {
    log.add(words({ id, source, value: id }), "me", "");
  }
  const left = () => log.entries.map(({ id }) => id);

  log.clear({ id: "2", userId: "a" });
  assert.deepEqual(left(), ["1", "3", "4"]);
  log.clear({ userId: "a" });
  assert.deepEqual(left(), ["3"]);
  log.clear(null);
  assert.deepEqual(left(), []);
});

test("values that are not text are shown, not run", () => {
  const log = new ChatLog();
  log.add(words({ value: { a: 1 } }), "me", "");
  assert.equal(log.entries[0].text, '{"a":1}');
});

test("the log does not grow for ever", () => {
  const log = new ChatLog();
  for (let i = 0; i < 1010; i += 1) log.add(words({ id: `${i}`, value: `${i}` }), "me", "");
  assert.equal(log.entries.length, 1000);
  assert.equal(log.entries[0].text, "10");
});

function words({ type = "chat", id = "", source = "a", dest = "", value, seconds = 0 }) {
  const time = new Date(Date.UTC(2026, 0, 1, 12, 0, seconds));
  const username = source === "me" ? "Me" : "Ann";
  return { type, kind: "", id, source, dest, username, privileged: false, time, error: "", value, noecho: false };
}
