import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentGroups } from "./recent.js";

const visit = (name) => ({ name, title: name.toUpperCase() });

test("groups are remembered once, the last first, and not too many", () => {
  const recent = new RecentGroups(fakeStore());
  for (const name of ["a", "b", "a", "c", "d", "e", "f", "g"]) recent.add(visit(name));
  assert.deepEqual(recent.list.map(({ name }) => name), ["g", "f", "e", "d", "c", "a"]);
  assert.equal(recent.list[0].title, "G");
  recent.clear();
  assert.deepEqual(recent.list, []);
});

test("what makes no sense is forgotten, the rest is kept", () => {
  const kept = [7, null, { name: "", title: "" }, { name: "a" }, visit("b")];
  assert.deepEqual(new RecentGroups(fakeStore(JSON.stringify(kept))).list, [visit("b")]);
  for (const text of ["{", "{}", "null"]) assert.deepEqual(new RecentGroups(fakeStore(text)).list, []);
});

test("without a store, or with a full one, nothing is remembered and nothing fails", () => {
  const none = new RecentGroups(null);
  none.add(visit("a"));
  assert.deepEqual(none.list, []);

  const full = new RecentGroups({
    getItem: () => null,
    setItem: () => {
      throw new Error("full");
    },
  });
  full.add(visit("a"));
  assert.deepEqual(full.list, []);
});

function fakeStore(kept = null) {
  return {
    getItem: () => kept,
    setItem: (_key, value) => {
      kept = value;
    },
  };
}
