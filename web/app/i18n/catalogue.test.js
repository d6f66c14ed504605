import assert from "node:assert/strict";
import { test } from "node:test";
import { en as adminEn } from "../admin/en.js";
import { fr as adminFr } from "../admin/fr.js";
import { en } from "./en.js";
import { fr } from "./fr.js";
import { size, t } from "./index.js";

test("every text is there in every language, with the same values in it", () => {
  for (const [english, french] of [[en, fr], [adminEn, adminFr]]) {
    assert.deepEqual(Object.keys(french).sort(), Object.keys(english).sort());
    for (const [key, message] of Object.entries(english)) {
      for (const text of forms(french[key])) {
        assert.deepEqual(values(text), values(forms(message).at(-1)), key);
      }
    }
  }
});

test("every language has a form for each number", () => {
  for (const [language, catalogue] of [["en", en], ["fr", fr], ["en", adminEn], ["fr", adminFr]]) {
    const rules = new Intl.PluralRules(language);
    const needed = new Set([0, 1, 2, 5, 11].map((count) => rules.select(count)));
    for (const [key, message] of Object.entries(catalogue)) {
      if (typeof message === "string") continue;
      for (const form of needed) assert.ok(form in message, `${language}: ${key} of ${form}`);
    }
  }
});

test("texts are filled in, by number where there is one", () => {
  assert.equal(t("count.people", { count: 1 }), "1 person");
  assert.equal(t("count.people", { count: 1200 }), "1,200 people");
  assert.equal(t("notice.muted", { name: "{count}" }), "{count} muted your microphone.");
});

test("sizes are told in units that fit", () => {
  assert.equal(size(1), "1 byte");
  assert.equal(size(2_500_000), "2.5 MB");
});

const forms = (message) => (typeof message === "string" ? [message] : Object.values(message));
const values = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
