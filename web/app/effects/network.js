/**
 * Computes a neural network on the processor: what finds people in pictures needs ten kinds of
 * operations and some thirty million multiplications, which plain JavaScript does in a few hundredths of
 * a second. So there is no WebAssembly, which our policy would have to allow, and nothing to download
 * but the numbers themselves.
 *
 * Tensors are in the order height, width, channel; all sizes are settled when the network is built, and
 * nothing is allocated while it runs.
 *
 * @import { Model, Operation, Tensor } from "./model-file.js"
 */

/** How the edges of a picture are treated: as if there were zeros beyond, so that sizes stay. */
const SAME = 0;

/** What may be done to each result of a convolution or sum. */
const RELU = 1;
const RELU6 = 3;

export class Network {
  /** @type {(() => void)[]} */
  #steps = [];
  #data;
  #model;

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    this.#data = model.tensors.map(({ shape, data }) => data ?? new Float32Array(sizeOf(shape)));
    for (const operation of model.operations) this.#steps.push(this.#step(operation));
  }

  /** What to fill in: red, green and blue from 0 to 1, pixel by pixel. */
  get input() {
    return this.#at(this.#model.input);
  }

  /** What comes out: from 0 (background) to 1 (somebody), pixel by pixel. */
  get output() {
    return this.#at(this.#model.output);
  }

  /** Height and width of the input. */
  get size() {
    const [, height = 0, width = 0] = this.#tensor(this.#model.input).shape;
    return { height, width };
  }

  run() {
    for (const step of this.#steps) step();
  }

  /** @param {number} index */
  #at(index) {
    const data = this.#data[index];
    if (data === undefined) throw new Error(`there is no tensor ${index}`);
    return data;
  }

  /**
   * @param {number} index
   * @returns {Tensor}
   */
  #tensor(index) {
    const tensor = this.#model.tensors[index];
    if (tensor === undefined) throw new Error(`there is no tensor ${index}`);
    return tensor;
  }

  /**
   * @param {Operation} operation
   * @returns {() => void}
   */
  #step({ name, inputs, output, option }) {
    const [first = -1, second = -1, third = -1] = inputs;
    const input = this.#at(first);
    const out = this.#at(output);
    const shape = this.#tensor(first).shape;
    const outShape = this.#tensor(output).shape;
    switch (name) {
      case "conv": {
        const kernel = this.#tensor(second).shape;
        const [, kernelHeight = 1, kernelWidth = 1] = kernel;
        const place = placement(shape, outShape, [kernelHeight, kernelWidth], option);
        const weights = this.#at(second);
        const bias = this.#at(third);
        const limit = limitOf(option(3));
        const patch = new Float32Array(kernelHeight * kernelWidth * place.channels);
        const isPointwise = kernelHeight * kernelWidth === 1 && place.strideX === 1 && place.strideY === 1;
        return isPointwise
          ? () => pointwise(input, weights, bias, out, shape[3] ?? 1, outShape[3] ?? 1, limit)
          : () => convolve(input, weights, bias, out, place, patch, limit);
      }
      case "depthwise": {
        const [, kernelHeight = 1, kernelWidth = 1] = this.#tensor(second).shape;
        const place = placement(shape, outShape, [kernelHeight, kernelWidth], option);
        const weights = this.#at(second);
        const bias = this.#at(third);
        const limit = limitOf(option(4));
        return () => depthwise(input, weights, bias, out, place, limit);
      }
      case "Convolution2DTransposeBias": {
        const weights = this.#at(second);
        const bias = this.#at(third);
        const [, , width = 1, channels = 1] = shape;
        return () => unfold(input, weights, bias, out, width, channels);
      }
      case "add":
      case "mul": {
        const other = this.#at(second);
        const limit = limitOf(option(0));
        // One number for each channel stands for a whole picture of them.
        const [large, small] = input.length >= other.length ? [input, other] : [other, input];
        return name === "add" ? () => add(large, small, out, limit) : () => multiply(large, small, out, limit);
      }
      case "relu":
        return () => {
          for (let i = 0; i < out.length; i += 1) out[i] = Math.max(0, input[i] ?? 0);
        };
      case "logistic":
        return () => {
          for (let i = 0; i < out.length; i += 1) out[i] = 1 / (1 + Math.exp(-(input[i] ?? 0)));
        };
      case "hardswish":
        return () => {
          for (let i = 0; i < out.length; i += 1) {
            const x = input[i] ?? 0;
            out[i] = (x * Math.min(6, Math.max(0, x + 3))) / 6;
          }
        };
      case "mean":
        return () => mean(input, out);
      case "resize": {
        const isAligned = option(2) !== 0;
        const isCentred = option(3) !== 0;
        return () => resize(input, out, shape, outShape, isAligned, isCentred);
      }
      default:
        throw new Error(`the network needs ${name}, which is not known`);
    }
  }
}

/**
 * @typedef {object} Placement Where a kernel goes over a picture
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 * @property {number} outHeight
 * @property {number} outWidth
 * @property {number} outChannels
 * @property {number} kernelHeight
 * @property {number} kernelWidth
 * @property {number} strideY
 * @property {number} strideX
 * @property {number} top
 * @property {number} left
 */

/**
 * @param {number[]} shape
 * @param {number[]} outShape
 * @param {[number, number]} kernel
 * @param {(field: number) => number} option
 * @returns {Placement}
 */
function placement(shape, outShape, [kernelHeight, kernelWidth], option) {
  const [, height = 1, width = 1, channels = 1] = shape;
  const [, outHeight = 1, outWidth = 1, outChannels = 1] = outShape;
  const [strideX, strideY] = [option(1), option(2)];
  const isSame = option(0) === SAME;
  // Where padding is uneven, the greater part is at the end.
  const before = (/** @type {number} */ out, /** @type {number} */ stride, /** @type {number} */ size, /** @type {number} */ length) =>
    isSame ? Math.max(0, Math.floor(((out - 1) * stride + size - length) / 2)) : 0;
  return {
    height,
    width,
    channels,
    outHeight,
    outWidth,
    outChannels,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    top: before(outHeight, strideY, kernelHeight, height),
    left: before(outWidth, strideX, kernelWidth, width),
  };
}

/**
 * The least and the most that a result may be.
 * @param {number} activation
 * @returns {[number, number]}
 */
function limitOf(activation) {
  switch (activation) {
    case 0:
      return [-Infinity, Infinity];
    case RELU:
      return [0, Infinity];
    case RELU6:
      return [0, 6];
    default:
      throw new Error(`activation ${activation} is not known`);
  }
}

/**
 * A convolution with a kernel of one pixel: by far the most of the work.
 * @param {Float32Array} input
 * @param {Float32Array} weights
 * @param {Float32Array} bias
 * @param {Float32Array} out
 * @param {number} channels
 * @param {number} outChannels
 * @param {[number, number]} limit
 */
function pointwise(input, weights, bias, out, channels, outChannels, limit) {
  const pixels = out.length / outChannels;
  for (let i = 0; i < pixels; i += 1) {
    pixel(input, i * channels, weights, bias, out, i * outChannels, channels, outChannels, limit);
  }
}

/**
 * Multiplies the channels of one pixel, which begin at `from`, by all weights.
 * @param {Float32Array} input
 * @param {number} from
 * @param {Float32Array} weights
 * @param {Float32Array} bias
 * @param {Float32Array} out
 * @param {number} to
 * @param {number} channels
 * @param {number} outChannels
 * @param {[number, number]} limit
 */
function pixel(input, from, weights, bias, out, to, channels, outChannels, [least, most]) {
  const fours = outChannels - (outChannels % 4);
  let channel = 0;
  // Four sums at once, so that each value is fetched once for four products.
  for (; channel < fours; channel += 4) {
    const w0 = channel * channels;
    const w1 = w0 + channels;
    const w2 = w1 + channels;
    const w3 = w2 + channels;
    let a = bias[channel] ?? 0;
    let b = bias[channel + 1] ?? 0;
    let c = bias[channel + 2] ?? 0;
    let d = bias[channel + 3] ?? 0;
    for (let i = 0; i < channels; i += 1) {
      const x = input[from + i] ?? 0;
      a += x * (weights[w0 + i] ?? 0);
      b += x * (weights[w1 + i] ?? 0);
      c += x * (weights[w2 + i] ?? 0);
      d += x * (weights[w3 + i] ?? 0);
    }
    out[to + channel] = Math.min(most, Math.max(least, a));
    out[to + channel + 1] = Math.min(most, Math.max(least, b));
    out[to + channel + 2] = Math.min(most, Math.max(least, c));
    out[to + channel + 3] = Math.min(most, Math.max(least, d));
  }
  for (; channel < outChannels; channel += 1) {
    const at = channel * channels;
    let sum = bias[channel] ?? 0;
    for (let i = 0; i < channels; i += 1) sum += (input[from + i] ?? 0) * (weights[at + i] ?? 0);
    out[to + channel] = Math.min(most, Math.max(least, sum));
  }
}

/**
 * @param {Float32Array} input
 * @param {Float32Array} weights
 * @param {Float32Array} bias
 * @param {Float32Array} out
 * @param {Placement} place
 * @param {Float32Array} patch Room for what the kernel lies on
 * @param {[number, number]} limit
 */
function convolve(input, weights, bias, out, place, patch, limit) {
  const { height, width, channels, outHeight, outWidth, outChannels, kernelHeight, kernelWidth } = place;
  const rowLength = kernelWidth * channels;
  for (let y = 0; y < outHeight; y += 1) {
    for (let x = 0; x < outWidth; x += 1) {
      // What the kernel lies on is copied once, and then is a single pixel with many channels.
      for (let ky = 0; ky < kernelHeight; ky += 1) {
        const row = y * place.strideY - place.top + ky;
        for (let kx = 0; kx < kernelWidth; kx += 1) {
          const column = x * place.strideX - place.left + kx;
          const isInside = row >= 0 && row < height && column >= 0 && column < width;
          const from = (row * width + column) * channels;
          const at = ky * rowLength + kx * channels;
          for (let i = 0; i < channels; i += 1) patch[at + i] = isInside ? (input[from + i] ?? 0) : 0;
        }
      }
      pixel(patch, 0, weights, bias, out, (y * outWidth + x) * outChannels, patch.length, outChannels, limit);
    }
  }
}

/**
 * A convolution of each channel by itself.
 * @param {Float32Array} input
 * @param {Float32Array} weights
 * @param {Float32Array} bias
 * @param {Float32Array} out
 * @param {Placement} place
 * @param {[number, number]} limit
 */
function depthwise(input, weights, bias, out, place, [least, most]) {
  const { height, width, channels, outHeight, outWidth, kernelHeight, kernelWidth } = place;
  for (let y = 0; y < outHeight; y += 1) {
    for (let x = 0; x < outWidth; x += 1) {
      const to = (y * outWidth + x) * channels;
      for (let i = 0; i < channels; i += 1) out[to + i] = bias[i] ?? 0;
      for (let ky = 0; ky < kernelHeight; ky += 1) {
        const row = y * place.strideY - place.top + ky;
        if (row < 0 || row >= height) continue;
        for (let kx = 0; kx < kernelWidth; kx += 1) {
          const column = x * place.strideX - place.left + kx;
          if (column < 0 || column >= width) continue;
          const from = (row * width + column) * channels;
          const at = (ky * kernelWidth + kx) * channels;
          for (let i = 0; i < channels; i += 1) {
            out[to + i] = (out[to + i] ?? 0) + (input[from + i] ?? 0) * (weights[at + i] ?? 0);
          }
        }
      }
      for (let i = 0; i < channels; i += 1) out[to + i] = Math.min(most, Math.max(least, out[to + i] ?? 0));
    }
  }
}

/**
 * Makes two by two pixels of each one: the picture doubles.
 * @param {Float32Array} input
 * @param {Float32Array} weights
 * @param {Float32Array} bias
 * @param {Float32Array} out
 * @param {number} width
 * @param {number} channels
 */
function unfold(input, weights, bias, out, width, channels) {
  const start = bias[0] ?? 0;
  for (let i = 0; i < out.length; i += 1) {
    const y = Math.floor(i / (2 * width));
    const x = i % (2 * width);
    const from = ((y >> 1) * width + (x >> 1)) * channels;
    const at = ((y & 1) * 2 + (x & 1)) * channels;
    let sum = start;
    for (let c = 0; c < channels; c += 1) sum += (input[from + c] ?? 0) * (weights[at + c] ?? 0);
    out[i] = sum;
  }
}

/**
 * @param {Float32Array} large
 * @param {Float32Array} small
 * @param {Float32Array} out
 * @param {[number, number]} limit
 */
function add(large, small, out, [least, most]) {
  for (let i = 0; i < out.length; ) {
    for (let j = 0; j < small.length; j += 1, i += 1) {
      out[i] = Math.min(most, Math.max(least, (large[i] ?? 0) + (small[j] ?? 0)));
    }
  }
}

/**
 * @param {Float32Array} large
 * @param {Float32Array} small
 * @param {Float32Array} out
 * @param {[number, number]} limit
 */
function multiply(large, small, out, [least, most]) {
  for (let i = 0; i < out.length; ) {
    for (let j = 0; j < small.length; j += 1, i += 1) {
      out[i] = Math.min(most, Math.max(least, (large[i] ?? 0) * (small[j] ?? 0)));
    }
  }
}

/**
 * The mean of each channel over the whole picture.
 * @param {Float32Array} input
 * @param {Float32Array} out
 */
function mean(input, out) {
  const channels = out.length;
  out.fill(0);
  for (let i = 0; i < input.length; ) {
    for (let c = 0; c < channels; c += 1, i += 1) out[c] = (out[c] ?? 0) + (input[i] ?? 0);
  }
  const pixels = input.length / channels;
  for (let c = 0; c < channels; c += 1) out[c] = (out[c] ?? 0) / pixels;
}

/**
 * @param {Float32Array} input
 * @param {Float32Array} out
 * @param {number[]} shape
 * @param {number[]} outShape
 * @param {boolean} isAligned Whether the outermost pixels of both pictures have the same centres
 * @param {boolean} isCentred Whether pixels are where their centres are
 */
function resize(input, out, shape, outShape, isAligned, isCentred) {
  const [, height = 1, width = 1, channels = 1] = shape;
  const [, outHeight = 1, outWidth = 1] = outShape;
  const scale = (/** @type {number} */ size, /** @type {number} */ outSize) =>
    isAligned && outSize > 1 ? (size - 1) / (outSize - 1) : size / outSize;
  const [scaleY, scaleX] = [scale(height, outHeight), scale(width, outWidth)];
  const where = (/** @type {number} */ i, /** @type {number} */ by) => (isCentred ? (i + 0.5) * by - 0.5 : i * by);
  for (let y = 0; y < outHeight; y += 1) {
    const atY = where(y, scaleY);
    const y0 = Math.max(0, Math.floor(atY));
    const y1 = Math.min(height - 1, Math.ceil(atY));
    const partY = atY - Math.floor(atY);
    for (let x = 0; x < outWidth; x += 1) {
      const atX = where(x, scaleX);
      const x0 = Math.max(0, Math.floor(atX));
      const x1 = Math.min(width - 1, Math.ceil(atX));
      const partX = atX - Math.floor(atX);
      const to = (y * outWidth + x) * channels;
      const a = (y0 * width + x0) * channels;
      const b = (y0 * width + x1) * channels;
      const c = (y1 * width + x0) * channels;
      const d = (y1 * width + x1) * channels;
      for (let i = 0; i < channels; i += 1) {
        const upper = (input[a + i] ?? 0) * (1 - partX) + (input[b + i] ?? 0) * partX;
        const lower = (input[c + i] ?? 0) * (1 - partX) + (input[d + i] ?? 0) * partX;
        out[to + i] = upper * (1 - partY) + lower * partY;
      }
    }
  }
}

/** @param {number[]} shape */
function sizeOf(shape) {
  return shape.reduce((product, length) => product * length, 1);
}
