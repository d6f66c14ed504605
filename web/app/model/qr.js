/**
 * QR codes (ISO/IEC 18004): bytes, error correction level M, as small as possible.
 */

/** Codewords for error correction in each block, by version, from 1 (table 9). */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];

/** Blocks, by version (table 9). */
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];

/**
 * Returns the modules of a code, row by row: `true` is dark. There is no margin; four modules are due.
 * @param {string} text Up to about 660 bytes
 * @returns {boolean[][]}
 * @throws {RangeError} If it is too long
 */
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = chooseVersion(bytes.length);
  const data = interleave(withCorrection(dataCodewords(bytes, version), version));
  const codes = Array.from({ length: 8 }, (_, mask) => new Code(version, data, mask));
  const [best] = codes.sort((a, b) => a.penalty - b.penalty);
  return best?.modules ?? [];
}

/** @param {number} length */
function chooseVersion(length) {
  for (let version = 1; version <= CORRECTION.length; version += 1) {
    const header = 4 + (version < 10 ? 8 : 16);
    if (dataCapacity(version) * 8 >= header + length * 8) return version;
  }
  throw new RangeError("too long for a QR code");
}

/** Codewords in all. @param {number} version */
function rawCapacity(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const count = Math.floor(version / 7) + 2;
    modules -= (25 * count - 10) * count - 55;
    if (version >= 7) modules -= 36;
  }
  return Math.floor(modules / 8);
}

/** @param {number} version */
function dataCapacity(version) {
  return rawCapacity(version) - at(CORRECTION, version - 1) * at(BLOCKS, version - 1);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} version
 */
function dataCodewords(bytes, version) {
  /** @type {number[]} */
  const bits = [];
  const put = (/** @type {number} */ value, /** @type {number} */ length) => {
    for (let bit = length - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  const capacity = dataCapacity(version) * 8;
  put(0, Math.min(4, capacity - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  for (let pad = 0xec; bits.length < capacity; pad ^= 0xec ^ 0x11) put(pad, 8);
  return Array.from({ length: bits.length / 8 }, (_, index) =>
    bits.slice(index * 8, index * 8 + 8).reduce((value, bit) => (value << 1) | bit, 0),
  );
}

/**
 * Splits into blocks, the shorter ones first, each with its codewords for correction.
 * @param {number[]} data
 * @param {number} version
 */
function withCorrection(data, version) {
  const count = at(BLOCKS, version - 1);
  const correction = at(CORRECTION, version - 1);
  const short = Math.floor(data.length / count);
  const longer = data.length % count;
  const generator = generatorPolynomial(correction);
  let start = 0;
  return Array.from({ length: count }, (_, index) => {
    const length = short + (index >= count - longer ? 1 : 0);
    const block = data.slice(start, start + length);
    start += length;
    return { data: block, correction: remainder(block, generator) };
  });
}

/** @param {{data: number[], correction: number[]}[]} blocks */
function interleave(blocks) {
  /** @type {number[]} */
  const result = [];
  for (const part of /** @type {const} */ (["data", "correction"])) {
    const longest = Math.max(...blocks.map((block) => block[part].length));
    for (let index = 0; index < longest; index += 1) {
      for (const block of blocks) {
        const value = block[part][index];
        if (value !== undefined) result.push(value);
      }
    }
  }
  return result;
}

/** In GF(2^8) with the polynomial 0x11d. @param {number} a @param {number} b */
function multiply(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

/** @param {number} degree */
function generatorPolynomial(degree) {
  /** @type {number[]} */
  const result = [...Array.from({ length: degree - 1 }, () => 0), 1];
  let root = 1;
  for (let i = 0; i < degree; i += 1) {
    for (let j = 0; j < degree; j += 1) {
      result[j] = multiply(at(result, j), root) ^ (result[j + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return result;
}

/**
 * @param {number[]} data
 * @param {number[]} generator
 */
function remainder(data, generator) {
  /** @type {number[]} */
  const result = generator.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ (result.shift() ?? 0);
    result.push(0);
    generator.forEach((coefficient, index) => {
      result[index] = at(result, index) ^ multiply(coefficient, factor);
    });
  }
  return result;
}

/** @type {((x: number, y: number) => boolean)[]} */
const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** One code with one of the masks. */
class Code {
  /** @type {boolean[][]} */
  modules;
  /** @type {boolean[][]} */
  #isFixed;
  #size;

  /**
   * @param {number} version
   * @param {number[]} data
   * @param {number} mask
   */
  constructor(version, data, mask) {
    this.#size = version * 4 + 17;
    const empty = () => Array.from({ length: this.#size }, () => Array(this.#size).fill(false));
    this.modules = empty();
    this.#isFixed = empty();
    this.#drawPatterns(version);
    this.#drawFormat(mask);
    this.#drawVersion(version);
    this.#drawData(data, mask);
  }

  /** How hard it is to read (§7.8.3.1). */
  get penalty() {
    const { modules } = this;
    const columns = modules.map((_, x) => modules.map((row) => row[x] ?? false));
    const lines = [...modules, ...columns];
    const all = modules.flat();
    const dark = all.filter(Boolean).length;
    const balance = Math.floor(Math.abs((dark * 20) / all.length - 10)) * 10;
    return lines.reduce((sum, line) => sum + linePenalty(line), 0) + this.#squares() * 3 + balance;
  }

  #squares() {
    let count = 0;
    for (let y = 1; y < this.#size; y += 1) {
      for (let x = 1; x < this.#size; x += 1) {
        const colour = this.#get(x, y);
        if (
          colour === this.#get(x - 1, y) &&
          colour === this.#get(x, y - 1) &&
          colour === this.#get(x - 1, y - 1)
        ) {
          count += 1;
        }
      }
    }
    return count;
  }

  /** @param {number} x @param {number} y */
  #get(x, y) {
    return this.modules[y]?.[x] ?? false;
  }

  /** @param {number} x @param {number} y @param {boolean} isDark */
  #fix(x, y, isDark) {
    const [row, fixed] = [this.modules[y], this.#isFixed[y]];
    if (!row || !fixed || x < 0 || x >= this.#size) return;
    row[x] = isDark;
    fixed[x] = true;
  }

  /** @param {number} version */
  #drawPatterns(version) {
    const last = this.#size - 1;
    for (let i = 0; i <= last; i += 1) {
      this.#fix(6, i, i % 2 === 0);
      this.#fix(i, 6, i % 2 === 0);
    }
    for (const [x, y] of /** @type {const} */ ([[3, 3], [last - 3, 3], [3, last - 3]])) {
      this.#drawSquares(x, y, 4, [0, 1, 3]);
    }
    const places = alignmentPlaces(version);
    for (const x of places) {
      for (const y of places) {
        const isFinder = (x === 6 && y === 6) || (x === 6 && y === last - 6) || (x === last - 6 && y === 6);
        if (!isFinder) this.#drawSquares(x, y, 2, [0, 2]);
      }
    }
  }

  /** @param {number} cx @param {number} cy @param {number} radius @param {number[]} dark */
  #drawSquares(cx, cy, radius, dark) {
    for (let dy = -radius; dy <= radius; dy += 1) {
      for (let dx = -radius; dx <= radius; dx += 1) {
        this.#fix(cx + dx, cy + dy, dark.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  }

  /** Level M is 00 (§7.9). @param {number} mask */
  #drawFormat(mask) {
    let rest = mask;
    for (let i = 0; i < 10; i += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((mask << 10) | rest) ^ 0x5412;
    const bit = (/** @type {number} */ index) => ((bits >>> index) & 1) === 1;
    const last = this.#size - 1;
    for (let i = 0; i <= 5; i += 1) this.#fix(8, i, bit(i));
    this.#fix(8, 7, bit(6));
    this.#fix(8, 8, bit(7));
    this.#fix(7, 8, bit(8));
    for (let i = 9; i < 15; i += 1) this.#fix(14 - i, 8, bit(i));
    for (let i = 0; i < 8; i += 1) this.#fix(last - i, 8, bit(i));
    for (let i = 8; i < 15; i += 1) this.#fix(8, last - 14 + i, bit(i));
    this.#fix(8, last - 7, true);
  }

  /** From version 7 on (§7.10). @param {number} version */
  #drawVersion(version) {
    if (version < 7) return;
    let rest = version;
    for (let i = 0; i < 12; i += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (version << 12) | rest;
    for (let i = 0; i < 18; i += 1) {
      const isDark = ((bits >>> i) & 1) === 1;
      const a = this.#size - 11 + (i % 3);
      const b = Math.floor(i / 3);
      this.#fix(a, b, isDark);
      this.#fix(b, a, isDark);
    }
  }

  /**
   * Up and down in pairs of columns, from the right (§7.7.3).
   * @param {number[]} data
   * @param {number} mask
   */
  #drawData(data, mask) {
    const isInverted = MASKS[mask] ?? (() => false);
    let index = 0;
    for (let right = this.#size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let step = 0; step < this.#size; step += 1) {
        for (const x of [right, right - 1]) {
          const isUp = ((right + 1) & 2) === 0;
          const y = isUp ? this.#size - 1 - step : step;
          const row = this.modules[y];
          if (!row || this.#isFixed[y]?.[x]) continue;
          const byte = data[index >>> 3] ?? 0;
          const isSet = ((byte >>> (7 - (index & 7))) & 1) === 1;
          row[x] = isSet !== isInverted(x, y);
          index += 1;
        }
      }
    }
  }
}

/** @param {number} version */
function alignmentPlaces(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const last = version * 4 + 10;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, index) => last - step * (count - 2 - index))];
}

/** Long runs, and what looks like a finder pattern. @param {boolean[]} line */
function linePenalty(line) {
  let sum = 0;
  let run = 0;
  for (const [index, colour] of line.entries()) {
    run = index > 0 && colour === line[index - 1] ? run + 1 : 1;
    if (run === 5) sum += 3;
    else if (run > 5) sum += 1;
  }
  const text = line.map((dark) => (dark ? "1" : "0")).join("");
  for (const pattern of ["10111010000", "00001011101"]) {
    for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) sum += 40;
  }
  return sum;
}

/** @param {number[]} list @param {number} index */
function at(list, index) {
  return list[index] ?? 0;
}
