import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { readSubgroups, Subgroups } from "./subgroups.js";

const FIXTURE = new URL("../../../tests/fixtures/protocol/server/chat.subgroups.json", import.meta.url);

test("the server's answer is read as a list of groups", async () => {
  const { value } = JSON.parse(await readFile(FIXTURE, "utf8"));
  assert.deepEqual(readSubgroups(value), [{ name: "lectures/algebra/1", count: 2 }]);
  assert.deepEqual(readSubgroups("a/b (c) (1 client)\na/d (12 clients)\n"), [
    { name: "a/b (c)", count: 1 },
    { name: "a/d", count: 12 },
  ]);
  assert.deepEqual(readSubgroups(""), []);
  assert.equal(readSubgroups("good evening"), null);
});

test("only what was asked for is an answer, and only from the server", () => {
  const subgroups = new Subgroups();
  const answer = { source: "", dest: "me", value: "a/b (1 client)\n" };
  assert.ok(!subgroups.handleChat(answer), "nobody asked");
  const asked = [];
  subgroups.ask({ groupAction: (kind) => asked.push(kind) });
  assert.deepEqual(asked, ["subgroups"]);
  assert.ok(!subgroups.handleChat({ ...answer, source: "ann" }));
  assert.ok(!subgroups.handleChat({ ...answer, value: "hello" }));
  assert.ok(subgroups.handleChat(answer));
  assert.deepEqual(subgroups.list, [{ name: "a/b", count: 1 }]);
  assert.ok(!subgroups.handleChat(answer), "the next one is for the chat");
});
