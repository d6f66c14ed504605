import assert from "node:assert/strict";
import { test } from "node:test";
import { JoinError } from "galene-client";
import { explain, sentence } from "./explain.js";

test("a refusal is told in words that help", () => {
  const title = (code, message) => explain(new JoinError("fail", code, message)).title;
  assert.equal(title("", "not authorised"), "Wrong name or password");
  assert.equal(title("need-username", ""), "A name is needed");
  assert.equal(title("duplicate-username", ""), "This name is taken");
  assert.equal(title("", "group does not exist"), "There is no such group");
  const broken = "this group is misconfigured; the administrator has been told";
  assert.equal(title("", broken), "This group does not work at the moment");
});

test("the message of whoever locked the group is passed on", () => {
  const { title, text } = explain(new JoinError("fail", "", "the lecture has begun"));
  assert.equal(title, "You could not join");
  assert.equal(text, "The lecture has begun.");
});

test("a lost connection is not a refusal", () => {
  assert.match(explain(new JoinError("closed", "", "")).title, /cannot be reached/);
  assert.match(explain(new TypeError("x")).title, /cannot be reached/);
});

test("the server's words become a sentence", () => {
  assert.equal(sentence("too many users"), "Too many users.");
  assert.equal(sentence("Why?"), "Why?");
  assert.equal(sentence(""), "The server did not say why.");
});

test("a bad invitation is told from a bad password, in the words of any server", () => {
  for (const words of ["not authorised", "this invitation is not valid, or not any more"]) {
    const problem = explain(new JoinError("fail", "", words), true);
    assert.equal(problem.title, "This invitation is no longer valid");
  }
});
