import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange } from "./layout.js";

const DESKTOP = { width: 1256, height: 636 };
const PHONE = { width: 374, height: 700 };

test("up to sixteen tiles fill a window well, without overlap and within it", () => {
  for (const space of [DESKTOP, PHONE, { width: 916, height: 626 }, { width: 700, height: 300 }]) {
    for (let count = 1; count <= 16; count += 1) {
      const { rects, height } = arrange(space, people(count), 8);
      assert.equal(rects.length, count);
      const context = `${count} in ${space.width}x${space.height}`;
      for (const [index, rect] of rects.entries()) {
        assert.ok(rect.x >= 0 && rect.x + rect.width <= space.width, context);
        assert.ok(rect.y >= 0 && rect.y + rect.height <= height, context);
        for (const other of rects.slice(index + 1)) assert.ok(!overlap(rect, other), context);
      }
      const area = rects.reduce((sum, rect) => sum + rect.width * rect.height, 0);
      const filled = area / (space.width * space.height);
      assert.ok(filled > 0.44, `${context} fills ${filled.toFixed(2)}`);
    }
  }
});

test("columns are chosen so that tiles are largest", () => {
  const columns = (count) => {
    const { rects } = arrange(DESKTOP, people(count), 12);
    return new Set(rects.filter(({ y }) => y === rects[0].y).map(({ x }) => x)).size;
  };
  assert.deepEqual([1, 2, 3, 4, 5, 6, 9, 12, 16].map(columns), [1, 2, 2, 2, 3, 3, 3, 4, 4]);
});

test("faces lose little at the sides, and more only where the window is upright", () => {
  const shape = ({ width, height }) => width / height;
  for (let count = 1; count <= 16; count += 1) {
    const [lying] = arrange(DESKTOP, people(count), 12).rects;
    assert.ok(shape(lying) > 1.3, `${count}: ${shape(lying)}`);
  }
  const [upright] = arrange(PHONE, people(6), 8).rects;
  assert.ok(shape(upright) < 1.2, `${shape(upright)}`);
});

test("a last row that is not full stands in the middle", () => {
  const { rects } = arrange(DESKTOP, people(3), 12);
  const [first, second, third] = rects;
  assert.equal(Math.round((first.x + second.x) / 2), third.x);
});

test("a shared screen gets most of the space and people stand beside it", () => {
  const { rects } = arrange(DESKTOP, [{ stage: true }, ...people(3)], 12);
  const [screen, ...others] = rects;
  assert.ok(screen.width * screen.height > 0.6 * DESKTOP.width * DESKTOP.height);
  for (const rect of others) assert.ok(rect.x >= screen.x + screen.width);
});

test("on a phone people stand below a shared screen that is as wide as the phone", () => {
  const { rects } = arrange(PHONE, [...people(2), { stage: true }], 8);
  const [first, second, screen] = rects;
  assert.equal(screen.width, PHONE.width);
  for (const rect of [first, second]) {
    assert.ok(rect.y >= screen.y + screen.height);
    assert.ok(rect.y + rect.height <= PHONE.height);
  }
});

test("a crowd is not shrunk to nothing: the grid grows and scrolls", () => {
  const { rects, height } = arrange(PHONE, people(60), 8);
  assert.ok(height > PHONE.height);
  for (const { width } of rects) assert.ok(width >= 110);
});

test("no space and no tiles are no fault", () => {
  assert.deepEqual(arrange(DESKTOP, [], 8).rects, []);
  const { rects } = arrange({ width: 0, height: 0 }, people(2), 8);
  assert.deepEqual(rects.map(({ width }) => width), [0, 0]);
});

function people(count) {
  return Array.from({ length: count }, () => ({ stage: false }));
}

function overlap(a, b) {
  return (
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
  );
}
