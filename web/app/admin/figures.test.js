import assert from "node:assert/strict";
import { test } from "node:test";
import { dictionaries, figuresOf, total } from "./figures.js";
import { permissionsOf, permissionText } from "./permission-text.js";
import { linkOf, stateOf } from "./token-state.js";

test("bit rates are added up, and of everything else the worst is told", () => {
  const streams = [
    { id: "a", tracks: [{ bitrate: 1000, loss: 0.1, rtt: 20 }, { bitrate: 500, jitter: 7 }] },
    { id: "b", tracks: null },
    { id: "c", tracks: [{ bitrate: 1, loss: 0.3, rtt: 10 }] },
  ];
  const figures = figuresOf(streams);
  assert.deepEqual(figures, { streams: 3, tracks: 3, bitrate: 1501, loss: 0.3, rtt: 20, jitter: 7 });
  assert.deepEqual(total([figures, figures]), { ...figures, streams: 6, tracks: 6, bitrate: 3002 });
});

test("a server that tells nothing, or nonsense, gives zeros", () => {
  const nothing = { streams: 0, tracks: 0, bitrate: 0, loss: 0, rtt: 0, jitter: 0 };
  assert.deepEqual(figuresOf(undefined), nothing);
  assert.deepEqual(figuresOf([{ tracks: [{ bitrate: -1, loss: "x", rtt: NaN }] }]), { ...nothing, streams: 1, tracks: 1 });
  // An old server's subtraction went below nothing.
  assert.equal(figuresOf([{ tracks: [{ loss: 4294967295 }] }]).loss, 1);
  assert.deepEqual(dictionaries([1, null, { a: 1 }]), [{ a: 1 }]);
});

test("one word is a role, several are permissions", () => {
  assert.equal(permissionsOf(" op "), "op");
  assert.deepEqual(permissionsOf("present, message"), ["present", "message"]);
  assert.deepEqual(permissionsOf("[present]"), ["present"]);
  assert.deepEqual(permissionsOf(permissionText(["a", "b"])), ["a", "b"]);
  assert.deepEqual(permissionsOf(permissionText(["a"])), ["a"]);
  assert.equal(permissionsOf(permissionText("mine")), "mine");
});

test("a token is good from its beginning to its end", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  assert.equal(stateOf({}, now), "good");
  assert.equal(stateOf({ expires: "2029-12-31T00:00:00Z" }, now), "expired");
  assert.equal(stateOf({ "not-before": "2030-01-02T00:00:00Z" }, now), "early");
  assert.equal(stateOf({ expires: "2030-01-01T00:00:01Z", "not-before": "2029-01-01T00:00:00Z" }, now), "good");
});

test("links lead to the group, or for administrators to their page", () => {
  const link = (group, permissions) => linkOf("https://a.org", group, "t 1", { permissions });
  assert.equal(link("a b/c", ["present"]), "https://a.org/group/a%20b/c/?token=t+1");
  assert.equal(link("a/b", ["admin"]), "https://a.org/admin/?token=t+1&group=a%2Fb");
  assert.equal(link("", ["admin"]), "https://a.org/admin/?token=t+1");
  assert.equal(link("", ["present"]), "");
});
