import assert from "node:assert/strict";
import { test } from "node:test";
import { GroupDraft, same } from "./group-draft.js";
import { localTime, meant, shown } from "./group-fields.js";

const read = (value, etag = '"1"') => ({ value, etag });

test("what is typed is added to what was read, and typing it back is no change", () => {
  const draft = new GroupDraft(read({ displayName: "A", public: true, zebra: [1] }));
  draft.set("displayName", "B");
  draft.set("public", undefined);
  assert.deepEqual(draft.description(), { displayName: "B", zebra: [1] });
  draft.set("displayName", "A");
  draft.set("public", true);
  assert.equal(draft.isChanged, false);
});

test("a flag that says false is off, like one that is not there", () => {
  const draft = new GroupDraft(read({ autolock: false }));
  draft.set("autolock", undefined);
  assert.equal(draft.isChanged, false);
});

test("what somebody else changed is taken in, and nothing that was typed is lost", () => {
  const draft = new GroupDraft(read({ displayName: "A", description: "old", contact: "x" }));
  draft.set("displayName", "Mine");
  draft.set("contact", "y");
  const both = draft.rebase(read({ displayName: "Theirs", description: "new", contact: "x" }, '"2"'));
  assert.deepEqual(both, ["displayName"]);
  assert.equal(draft.etag, '"2"');
  assert.deepEqual(draft.description(), { displayName: "Mine", description: "new", contact: "y" });
});

test("both wrote the same: then there is nothing left to save", () => {
  const draft = new GroupDraft(read({}));
  draft.set("public", true);
  assert.deepEqual(draft.rebase(read({ public: true })), []);
  assert.equal(draft.isChanged, false);
});

test("JSON and fields are two views of one thing", () => {
  const draft = new GroupDraft(read({ displayName: "A", public: true }));
  draft.set("displayName", "B");
  draft.text = draft.text.replace('"B"', '"C"').replace("true", "false");
  assert.deepEqual(draft.description(), { displayName: "C", public: false });
  draft.leaveText();
  assert.equal(draft.get("displayName"), "C");
  draft.text = "{";
  assert.throws(() => draft.leaveText(), SyntaxError);
  assert.equal(draft.text, "{");
  draft.text = "[]";
  assert.throws(() => draft.description(), SyntaxError);
});

test("the order of keys says nothing, that of lists does", () => {
  assert.ok(same({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }));
  assert.ok(!same([1, 2], [2, 1]));
  assert.ok(!same([["a", 1]], { a: 1 }));
});

test("fields say what definitions say", () => {
  for (const [kind, value] of [
    ["text", "A"],
    ["number", 50],
    ["list", ["vp8", "opus"]],
    ["flag", true],
  ]) {
    assert.deepEqual(meant(kind, shown(kind, value)), value);
    assert.equal(shown(kind, undefined), "");
    assert.equal(meant(kind, "  "), undefined);
  }
  assert.equal(meant("flag", "false"), undefined);
  assert.equal(meant("number", "many"), "many");
  const moment = "2030-05-06T07:08:00.000Z";
  assert.equal(meant("time", shown("time", moment)), moment);
  assert.equal(localTime("soon"), "soon");
});
