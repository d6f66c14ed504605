import assert from "node:assert/strict";
import { test } from "node:test";
import { Settings } from "./settings.js";

test("what is set is there at the next visit", () => {
  const store = fakeStore();
  new Settings(store).set({ name: "Ann", cameraOn: false, quality: "best" });
  const { values } = new Settings(store);
  assert.deepEqual([values.name, values.cameraOn, values.quality], ["Ann", false, "best"]);
});

test("what makes no sense is forgotten, the rest is kept", () => {
  const kept = { name: 7, cameraOn: "yes", quality: "superb", camera: "c1", other: 1 };
  const { values } = new Settings(fakeStore(JSON.stringify(kept)));
  assert.deepEqual(
    [values.name, values.cameraOn, values.quality, values.camera, "other" in values],
    ["", true, "balanced", "c1", false],
  );
  assert.equal(new Settings(fakeStore("{")).values.name, "");
  assert.equal(new Settings(fakeStore("null")).values.name, "");
});

test("without a store, or with a full one, choices count for this visit", () => {
  const none = new Settings(null);
  none.set({ name: "Ann" });
  assert.equal(none.values.name, "Ann");

  const full = new Settings({
    getItem: () => null,
    setItem: () => {
      throw new Error("full");
    },
  });
  full.set({ name: "Ann" });
  assert.equal(full.values.name, "Ann");
});

function fakeStore(kept = null) {
  return {
    getItem: () => kept,
    setItem: (_key, value) => {
      kept = value;
    },
  };
}
