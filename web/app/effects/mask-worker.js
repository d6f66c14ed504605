/**
 * Finds people in small pictures, beside the page's own thread; and ticks for it, since browsers slow
 * down the clocks of pages that are not seen, but not of their workers.
 *
 * @typedef {{kind: "start", model: string, tickMs: number}} Start
 * @typedef {{kind: "picture", pixels: ArrayBuffer}} Picture Red, green, blue and opacity of each pixel
 * @typedef {{kind: "ready", width: number, height: number}} Ready The size of pictures to send
 * @typedef {{kind: "tick"}} Tick
 * @typedef {{kind: "mask", pixels: ArrayBuffer, tookMs: number}} Mask The same buffer: nothing but opacity
 * @typedef {{kind: "failed", reason: string}} Failed
 * @typedef {Ready | Tick | Mask | Failed} FromWorker
 */
import { readModel } from "./model-file.js";
import { Network } from "./network.js";

/** Below the first, a pixel is background; above the second, somebody. Between is the edge. */
const EDGE = [0.25, 0.75];

/** @type {Network | null} */
let network = null;

globalThis.addEventListener("message", (/** @type {MessageEvent<Start | Picture>} */ { data }) => {
  switch (data.kind) {
    case "start":
      start(data).catch((error) => say({ kind: "failed", reason: String(error) }));
      return;
    case "picture":
      if (network) find(network, data.pixels);
      return;
  }
});

/** @param {Start} options */
async function start({ model, tickMs }) {
  const response = await fetch(model);
  if (!response.ok) throw new Error(`${model}: ${response.status}`);
  network = new Network(readModel(await response.arrayBuffer()));
  say({ kind: "ready", ...network.size });
  setInterval(() => say({ kind: "tick" }), tickMs);
}

/**
 * @param {Network} ready
 * @param {ArrayBuffer} buffer
 */
function find(ready, buffer) {
  const begun = performance.now();
  const pixels = new Uint8ClampedArray(buffer);
  const { input, output } = ready;
  for (let i = 0; i < output.length; i += 1) {
    input[3 * i] = (pixels[4 * i] ?? 0) / 255;
    input[3 * i + 1] = (pixels[4 * i + 1] ?? 0) / 255;
    input[3 * i + 2] = (pixels[4 * i + 2] ?? 0) / 255;
  }
  ready.run();
  const [low = 0, high = 1] = EDGE;
  for (let i = 0; i < output.length; i += 1) {
    pixels[4 * i + 3] = (255 * ((output[i] ?? 0) - low)) / (high - low);
  }
  const mask = { kind: /** @type {const} */ ("mask"), pixels: buffer, tookMs: performance.now() - begun };
  say(mask, [buffer]);
}

/**
 * @param {FromWorker} message
 * @param {Transferable[]} [transfer]
 */
function say(message, transfer = []) {
  globalThis.postMessage(message, { transfer });
}
