import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { readModel } from "./model-file.js";
import { Network } from "./network.js";

test("the network finds what TensorFlow Lite's own interpreter finds", async () => {
  const file = await readFile(new URL("../../vendor/person.tflite", import.meta.url));
  const network = new Network(readModel(new Uint8Array(file).buffer));
  const { width, height } = network.size;
  assert.deepEqual([width, height], [256, 144]);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) network.input.set(figure(x, y), 3 * (y * width + x));
  }
  network.run();
  // As LiteRT 2.3.0 computes it for the same drawing.
  for (const [x, y, expected] of [
    [100, 60, 0.3716],
    [104, 40, 0.4181],
    [70, 130, 0.1193],
    [128, 26, 0.0281],
    [128, 55, 1],
    [128, 120, 1],
    [10, 10, 0],
    [240, 20, 0],
  ]) {
    const found = network.output[y * width + x];
    assert.ok(Math.abs(found - expected) < 0.0002, `${found} at ${x}, ${y}`);
  }
  const mean = network.output.reduce((sum, value) => sum + value, 0) / network.output.length;
  assert.ok(Math.abs(mean - 0.214954) < 0.00001, `${mean}`);
});

test("what is no model is refused", () => {
  assert.throws(() => readModel(new ArrayBuffer(16)));
});

/** Somebody in front of a wall: a round head on a rounder body. */
function figure(x, y) {
  if ((x - 128) ** 2 + (y - 55) ** 2 < 28 ** 2) return [0.9, 0.75, 0.62];
  if ((x - 128) ** 2 / 60 ** 2 + (y - 150) ** 2 / 65 ** 2 < 1) return [0.2, 0.3, 0.5];
  return [0.6 + 0.2 * Math.sin(x / 9), 0.7, 0.6 + 0.2 * Math.cos(y / 7)];
}
