/**
 * Reads a neural network in TensorFlow Lite's format (a FlatBuffer), as far as we need it: one graph
 * of operations on tensors of 32-bit floats.
 *
 * @typedef {object} Tensor
 * @property {number[]} shape
 * @property {Float32Array | null} data `null` for what is computed
 *
 * @typedef {object} Operation
 * @property {string} name
 * @property {number[]} inputs Indices of tensors
 * @property {number} output
 * @property {(field: number) => number} option A number of the operation's options, by its place in the schema
 *
 * @typedef {object} Model
 * @property {Tensor[]} tensors
 * @property {Operation[]} operations In the order in which they are computed
 * @property {number} input
 * @property {number} output
 */

/** The operations that we know, by their numbers in the format's schema. */
const NAMES = new Map([
  [0, "add"],
  [3, "conv"],
  [4, "depthwise"],
  [6, "dequantize"],
  [14, "logistic"],
  [18, "mul"],
  [19, "relu"],
  [23, "resize"],
  [40, "mean"],
  [117, "hardswish"],
]);

/** The types of tensors that we know. */
const FLOAT32 = 0;
const FLOAT16 = 1;

/**
 * @param {ArrayBuffer} buffer
 * @returns {Model}
 */
export function readModel(buffer) {
  const file = new FlatBuffer(buffer);
  const model = file.root();
  const buffers = file.tables(model, 4);
  const [graph] = file.tables(model, 2);
  if (graph === undefined) throw new Error("a model without a graph");
  const codes = file.tables(model, 1).map((code) => {
    const number = Math.max(file.number(code, 0, "Int8"), file.number(code, 3, "Int32"));
    return file.text(code, 1) || (NAMES.get(number) ?? `operation ${number}`);
  });
  const tensors = file.tables(graph, 0).map((tensor) => {
    const shape = file.numbers(tensor, 0);
    const bytes = file.bytes(buffers[file.number(tensor, 2, "Uint32")] ?? 0, 0).slice();
    return { shape, data: bytes.length > 0 ? floats(bytes, file.number(tensor, 1, "Int8")) : null };
  });
  const operations = file.tables(graph, 3).map((operation) => {
    const options = file.table(operation, 4);
    const custom = file.bytes(operation, 5);
    return {
      name: codes[file.number(operation, 0, "Uint32")] ?? "",
      inputs: file.numbers(operation, 1),
      output: file.numbers(operation, 2)[0] ?? -1,
      // Options are bytes (enumerations, flags) or numbers of four bytes; small ones read the same.
      option: (/** @type {number} */ field) =>
        options === 0 ? (custom[4 * field] ?? 0) : file.number(options, field, "Uint8"),
    };
  });
  // Weights are kept in half the size; what makes them larger again was done while they were read.
  const computed = operations.filter(({ name, inputs: [from = -1], output: to }) => {
    const [half, whole] = [tensors[from], tensors[to]];
    if (name !== "dequantize" || !half?.data || !whole) return true;
    whole.data = half.data;
    return false;
  });
  const [input = -1] = file.numbers(graph, 1);
  const [output = -1] = file.numbers(graph, 2);
  return { tensors, operations: computed, input, output };
}

/**
 * @param {Uint8Array} bytes
 * @param {number} type
 * @returns {Float32Array | null} `null` if it is of a type that we do not compute with
 */
function floats(bytes, type) {
  if (type === FLOAT32) return new Float32Array(bytes.buffer);
  if (type !== FLOAT16) return null;
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => half(view.getUint16(2 * i, true)));
}

/**
 * Returns the value of a number of two bytes (IEEE 754 binary16).
 * @param {number} bits
 */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Tables of offsets, all numbers with their least byte first. */
class FlatBuffer {
  #view;

  /** @param {ArrayBuffer} buffer */
  constructor(buffer) {
    this.#view = new DataView(buffer);
  }

  root() {
    return this.#follow(0);
  }

  /**
   * Where a field of a table is; 0 if it is left out.
   * @param {number} table
   * @param {number} field
   */
  #field(table, field) {
    const fields = table - this.#view.getInt32(table, true);
    const place = 4 + 2 * field;
    if (place >= this.#view.getUint16(fields, true)) return 0;
    const offset = this.#view.getUint16(fields + place, true);
    return offset === 0 ? 0 : table + offset;
  }

  /** @param {number} place */
  #follow(place) {
    return place + this.#view.getUint32(place, true);
  }

  /**
   * @param {number} table
   * @param {number} field
   * @param {"Int8" | "Uint8" | "Int32" | "Uint32"} type
   */
  number(table, field, type) {
    const place = this.#field(table, field);
    return place === 0 ? 0 : this.#view[`get${type}`](place, true);
  }

  /**
   * @param {number} table
   * @param {number} field
   */
  table(table, field) {
    const place = this.#field(table, field);
    return place === 0 ? 0 : this.#follow(place);
  }

  /**
   * Where the elements of a vector begin, and how many there are.
   * @param {number} table
   * @param {number} field
   */
  #vector(table, field) {
    const place = this.table(table, field);
    return place === 0 ? { start: 0, count: 0 } : { start: place + 4, count: this.#view.getUint32(place, true) };
  }

  /**
   * @param {number} table
   * @param {number} field
   */
  tables(table, field) {
    const { start, count } = this.#vector(table, field);
    return Array.from({ length: count }, (_, i) => this.#follow(start + 4 * i));
  }

  /**
   * @param {number} table
   * @param {number} field
   */
  numbers(table, field) {
    const { start, count } = this.#vector(table, field);
    return Array.from({ length: count }, (_, i) => this.#view.getInt32(start + 4 * i, true));
  }

  /**
   * @param {number} table
   * @param {number} field
   */
  bytes(table, field) {
    const { start, count } = this.#vector(table, field);
    return new Uint8Array(this.#view.buffer, start, count);
  }

  /**
   * @param {number} table
   * @param {number} field
   */
  text(table, field) {
    return new TextDecoder().decode(this.bytes(table, field));
  }
}
