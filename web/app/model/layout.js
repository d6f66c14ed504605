/**
 * Where tiles go: as large as they can be in the space there is.
 *
 * All tiles of a grid have one size. The number of columns is the one that makes them largest, and a
 * last row that is not full stands in the middle.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 * @typedef {{width: number, height: number}} Size
 */

/** The shape of cameras and screens. */
const WIDEST = 16 / 9;

/** Faces may be cropped at the sides where that fills a window better, and in an upright one more. */
const NARROWEST = { lying: 4 / 3, upright: 1 };

/** A tile in the strip beside a shared screen is about this wide. */
const STRIP_TILE = 208;

/** Smaller than this, nobody can be recognised: then the grid grows beyond the space and scrolls. */
const SMALLEST_WIDTH = 112;

/**
 * Arranges tiles. Those on stage get most of the space, the others stand beside or below them.
 * @param {Size} space
 * @param {{stage: boolean}[]} tiles
 * @param {number} gap
 * @returns {{rects: Rect[], height: number}} A place for each tile in turn, and the height that all
 *   of them need
 */
export function arrange(space, tiles, gap) {
  const staged = tiles.filter(({ stage }) => stage).length;
  const others = tiles.length - staged;
  if (staged === 0 || others === 0) {
    const shape = staged === 0 ? narrowest(space) : WIDEST;
    return arrangeGrid(space, tiles.length, gap, shape);
  }
  const { stage, strip } = divide(space, others, gap);
  const inStage = arrangeGrid(stage, staged, gap, WIDEST).rects.map((r) => move(r, stage)).values();
  const inStrip = arrangeGrid(strip, others, gap, narrowest(strip));
  const beside = inStrip.rects.map((r) => move(r, strip)).values();
  const nowhere = { x: 0, y: 0, width: 0, height: 0 };
  const rects = tiles.map((tile) => (tile.stage ? inStage : beside).next().value ?? nowhere);
  return { rects, height: Math.max(space.height, strip.y + inStrip.height) };
}

/** On one page tiles should not become smaller than this. */
const PAGE_TILE = { width: 170, height: 110 };

/** More on one page would be too much for eyes and computers. */
const MAX_PER_PAGE = 25;

/** So many stand beside what is on stage. */
const MAX_IN_STRIP = 6;

/**
 * Returns how many tiles, besides those on stage, belong on one page.
 * @param {Size} space
 * @param {boolean} hasStage
 */
export function perPage({ width, height }, hasStage) {
  if (hasStage) return MAX_IN_STRIP;
  const columns = Math.max(1, Math.floor(width / PAGE_TILE.width));
  const rows = Math.max(1, Math.floor(height / PAGE_TILE.height));
  return Math.min(MAX_PER_PAGE, Math.max(4, columns * rows));
}

/**
 * @param {Size} space
 * @param {number} count
 * @param {number} gap
 * @param {number} shape The narrowest one that is allowed
 * @returns {{rects: Rect[], height: number}}
 */
function arrangeGrid(space, count, gap, shape) {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const room = {
      width: (space.width - gap * (columns - 1)) / columns,
      height: (space.height - gap * (rows - 1)) / rows,
    };
    const tile = fit(room, shape);
    if (tile.width * tile.height > best.width * best.height) best = { columns, ...tile };
  }
  if (count > 1 && best.width < Math.min(SMALLEST_WIDTH, space.width)) {
    const columns = Math.max(1, Math.floor((space.width + gap) / (SMALLEST_WIDTH + gap)));
    const width = (space.width - gap * (columns - 1)) / columns;
    best = { columns, width, height: width / WIDEST };
  }
  const { columns, width, height } = best;
  const rows = Math.ceil(count / columns);
  const needed = rows * height + gap * (rows - 1);
  const top = Math.max(0, (space.height - needed) / 2);
  const rects = Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (space.width - inRow * width - gap * (inRow - 1)) / 2;
    const column = index % columns;
    return round({ x: left + column * (width + gap), y: top + row * (height + gap), width, height });
  });
  return { rects, height: Math.max(space.height, needed) };
}

/**
 * Divides the space: what is on stage gets the larger part, cut so that it loses least.
 * @param {Size} space
 * @param {number} others
 * @param {number} gap
 * @returns {{stage: Rect, strip: Rect}}
 */
function divide({ width, height }, others, gap) {
  const beside = Math.min(STRIP_TILE, width / 4);
  // A narrow window has room below a wide picture anyway: the strip takes what would stay empty.
  const below = Math.max(
    Math.min(STRIP_TILE / WIDEST, height / 4),
    Math.min(height - gap - width / WIDEST, others * STRIP_TILE),
  );
  const ifBeside = fit({ width: width - beside - gap, height }, WIDEST).width;
  const ifBelow = fit({ width, height: height - below - gap }, WIDEST).width;
  if (ifBeside >= ifBelow) {
    const x = width - beside;
    return {
      stage: { x: 0, y: 0, width: x - gap, height },
      strip: { x, y: 0, width: beside, height },
    };
  }
  const y = height - below;
  return {
    stage: { x: 0, y: 0, width, height: y - gap },
    strip: { x: 0, y, width, height: below },
  };
}

/**
 * The narrowest shape that tiles may have in some space.
 * @param {Size} space
 */
function narrowest({ width, height }) {
  return width >= height ? NARROWEST.lying : NARROWEST.upright;
}

/**
 * Returns the largest tile of an allowed shape.
 * @param {Size} room
 * @param {number} shape The narrowest one that is allowed
 * @returns {Size}
 */
function fit({ width, height }, shape) {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  return {
    width: Math.min(width, height * WIDEST),
    height: Math.min(height, width / shape),
  };
}

/**
 * @param {Rect} rect
 * @param {{x: number, y: number}} by
 */
function move(rect, by) {
  return { ...rect, x: rect.x + by.x, y: rect.y + by.y };
}

/** Whole pixels, so that edges are sharp. @param {Rect} rect */
function round({ x, y, width, height }) {
  return {
    x: Math.round(x),
    y: Math.round(y),
    width: Math.floor(width),
    height: Math.floor(height),
  };
}
