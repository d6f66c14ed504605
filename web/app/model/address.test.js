import assert from "node:assert/strict";
import { test } from "node:test";
import { groupOf, isGroupName, pathOf, recordingsPathOf } from "./address.js";

test("a group's name and its address lead to each other", () => {
  for (const name of ["public", "école du soir", "a/b", "50%", "what?#"]) {
    assert.equal(groupOf(pathOf(name)), name);
    assert.equal(new URL(pathOf(name), "https://example.org").search, "");
  }
});

test("recordings of a group and of its subgroups have addresses", () => {
  assert.equal(recordingsPathOf("école/b c"), "/recordings/%C3%A9cole/b%20c/");
});

test("other addresses name no group", () => {
  assert.equal(groupOf("/"), "");
  assert.equal(groupOf("/group/"), "");
  assert.equal(groupOf("/group/%"), "%");
});

test("a name whose address would be that of something else is no name of a group", () => {
  for (const name of ["a", "a/b", "a.b", "a../b", "école du soir", "50%", "%2e%2e"]) {
    assert.equal(isGroupName(name), true, name);
    assert.equal(new URL(pathOf(name), "https://example.org").pathname, pathOf(name));
  }
  for (const name of ["", "..", ".", "a/..", "../../admin", "a/./b", "a//b", "/a", ".a", "a\\b"]) {
    assert.equal(isGroupName(name), false, name);
  }
});
