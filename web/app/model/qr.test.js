import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { qrCode } from "./qr.js";

// A reader by others, so that two mistakes of ours do not cancel each other out.
const jsQR = createRequire(import.meta.url)("jsqr");

test("codes of all sizes say what was put into them", () => {
  for (const length of [1, 14, 15, 40, 62, 84, 110, 150, 180, 213, 300, 420, 500, 660]) {
    const text = `https://example.org/${"abcdefghij".repeat(66)}`.slice(0, length);
    assert.equal(read(qrCode(text)), text, `${length} bytes`);
  }
});

test("letters beyond ASCII survive", () => {
  const text = "https://example.org/group/caf%C3%A9/?token=Zürich–東京";
  assert.equal(read(qrCode(text)), text);
});

test("what is too long is refused", () => {
  assert.throws(() => qrCode("x".repeat(700)), RangeError);
});

/** Draws a code, with its margin, and has it read. */
function read(modules) {
  const scale = 4;
  const size = (modules.length + 8) * scale;
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const isDark = modules[Math.floor(y / scale) - 4]?.[Math.floor(x / scale) - 4] ?? false;
      if (isDark) pixels.fill(0, (y * size + x) * 4, (y * size + x) * 4 + 3);
    }
  }
  return jsQR(pixels, size, size)?.data;
}
