import assert from "node:assert/strict";
import { test } from "node:test";
import { displayName, hueOf, initials, linkify } from "./text.js";

test("links in a text are found without the marks around them", () => {
  const text = "See https://example.org/a(b), (http://example.org/?q=1&r=2). Bye!";
  assert.deepEqual(linkify(text), [
    { text: "See ", href: null },
    { text: "https://example.org/a(b)", href: "https://example.org/a(b)" },
    { text: ", (", href: null },
    { text: "http://example.org/?q=1&r=2", href: "http://example.org/?q=1&r=2" },
    { text: "). Bye!", href: null },
  ]);
});

test("nothing that runs becomes a link, and markup stays text", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "<b>bold</b>", "https://"]) {
    assert.deepEqual(linkify(text), [{ text, href: null }]);
  }
  assert.deepEqual(linkify(""), []);
});

test("people without a picture have their initials", () => {
  assert.equal(initials("Ada Lovelace"), "AL");
  assert.equal(initials("ada"), "A");
  assert.equal(initials("grace.hopper@example.org"), "GO");
  assert.equal(initials("𝔘nicode"), "𝔘");
  assert.equal(initials(""), "?");
  assert.equal(displayName(""), "Anonymous");
});

test("the same name has the same colour", () => {
  assert.equal(hueOf("Ann"), hueOf("Ann"));
  assert.ok(new Set(["Ann", "Bob", "Eve", "Joe", "Zoe"].map(hueOf)).size > 1);
});
