import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf, placeOf, takeEntry } from "./place.js";

test("every place has an address that leads back to it", () => {
  for (const place of [
    { at: "live" },
    { at: "tokens" },
    { at: "new" },
    { at: "group", group: "a/b c&d#é", tab: "users" },
  ]) {
    assert.deepEqual(placeOf(hashOf(place)), place);
  }
  assert.deepEqual(placeOf(""), { at: "live" });
  assert.deepEqual(placeOf("#group=x&tab=none"), { at: "group", group: "x", tab: "settings" });
});

test("a token does not stay in the address", () => {
  let url = "";
  const history = { replaceState: (_state, _title, now) => (url = now.href) };
  const location = { href: "https://example.org/admin/?token=t1&group=a%2Fb#at=tokens" };
  assert.deepEqual(takeEntry(location, history), { token: "t1", group: "a/b" });
  assert.equal(url, "https://example.org/admin/#at=tokens");
});
