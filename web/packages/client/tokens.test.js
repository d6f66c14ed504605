import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "./emitter.js";
import { Moderation } from "./moderation.js";
import { decodeToken, Tokens, tokenOf, validity } from "./tokens.js";

test("an invitation is made for this group, and the answer is what the server made of it", async () => {
  const { tokens, asked, answer } = start();
  const made = tokens.make({
    permissions: ["present"],
    username: "Ann",
    expires: new Date("2026-05-01T12:00:00Z"),
  });
  const value = {
    group: "night",
    permissions: ["present"],
    expires: "2026-05-01T12:00:00.000Z",
    username: "Ann",
  };
  assert.deepEqual(asked, [["maketoken", value]]);
  answer("token", { token: "abc", issuedBy: "Olga", ...value });
  const token = await made;
  assert.deepEqual([token.token, token.username, token.issuedBy], ["abc", "Ann", "Olga"]);
  assert.equal(token.expires.toISOString(), value.expires);
});

test("answers go to requests in turn, refusals to those who asked for too much", async () => {
  const { tokens, answer } = start();
  const first = tokens.revoke("abc");
  const list = tokens.list();
  const second = tokens.edit("def", { expires: new Date() });
  answer("tokenlist", [{ token: "abc", group: "night", permissions: null }]);
  answer("token", "no", "not-authorised");
  answer("token", { token: "def", group: "night" });
  await assert.rejects(first, { code: "not-authorised", message: "no" });
  assert.deepEqual((await list).map(({ token, permissions }) => [token, permissions]), [["abc", []]]);
  assert.equal((await second).token, "def");
});

test("only the server answers, and nobody waits for ever", async () => {
  const { tokens, answer, connection } = start();
  const list = tokens.list();
  answer("tokenlist", [], "", { source: "mallory" });
  answer("tokenlist", [], "", { privileged: false });
  connection.emit("closed", { code: 1006, reason: "" });
  await assert.rejects(list, { code: "closed" });
});

test("a token is found in a link and by itself", () => {
  assert.equal(tokenOf("https://example.org/group/a/?x=1&token=ab%2Dc#end"), "ab-c");
  assert.equal(tokenOf(" ab-c "), "ab-c");
});

test("a token is valid from and until its times", () => {
  const now = new Date("2026-05-01T12:00:00Z");
  const at = (text) => new Date(text);
  assert.equal(validity({ expires: at("2026-05-02"), notBefore: null }, now), "valid");
  assert.equal(validity({ expires: at("2026-05-03"), notBefore: at("2026-05-02") }, now), "early");
  assert.equal(validity({ expires: now, notBefore: null }, now), "expired");
  assert.equal(validity({ expires: null, notBefore: null }, now), "expired");
  assert.throws(() => decodeToken({ token: "t", expires: "tomorrow" }), /expires/);
});

test("operators act on users and on the group in the protocol's words", () => {
  const { connection, asked } = start();
  const moderation = new Moderation(connection);
  moderation.kick("u1", "bye");
  moderation.change("u1", "shutup");
  moderation.lock("full");
  moderation.lock();
  moderation.clearChat({ userId: "u1", id: "m1" });
  moderation.warn("", "fire");
  moderation.muteAll();
  assert.deepEqual(asked, [
    ["kick", "u1", "bye"],
    ["shutup", "u1", undefined],
    ["lock", "full"],
    ["lock", undefined],
    ["clearchat", { userId: "u1", id: "m1" }],
    ["warning", "fire", { dest: "" }],
    ["mute", null, { noecho: true }],
  ]);
});

function start() {
  const asked = [];
  const connection = new Emitter();
  connection.group = "night";
  connection.groupAction = (kind, value) => asked.push([kind, value]);
  connection.userAction = (kind, dest, value) => asked.push([kind, dest, value]);
  connection.userMessage = (kind, value, options) => asked.push([kind, value, options]);
  const answer = (kind, value, error = "", rest = {}) =>
    connection.emit("usermessage", { kind, value, error, privileged: true, source: "", ...rest });
  return { tokens: new Tokens(connection), asked, answer, connection };
}
