/**
 * Puts something else behind whoever is in front of the camera: the same room blurred, or a picture.
 * The track that comes out is published instead of the camera's.
 *
 * @import { FromWorker } from "./mask-worker.js"
 *
 * @typedef {HTMLCanvasElement | ImageBitmap | null} Behind A picture; `null` to blur what is there
 */
import { Emitter } from "galene-client";

/** Pictures in a second. A camera may give more; nobody misses them where only faces move. */
const FRAME_RATE = 20;

/**
 * The least time from one search for people to the next. It also is at least twice what a search
 * takes, so that searching never uses more than half of a processor.
 */
const SEARCH_MS = 66;

/**
 * A blurred picture is one made so small, and then large again. It is halved step by step: at once, most
 * of its dots would be left out instead of mixed, and what is striped would stay so.
 */
const BLURRED_WIDTH = 24;

/** How long the worker may take to load what it needs. */
const START_MS = 10_000;

/** @extends {Emitter<{failed: {}}>} */
export class Backdrop extends Emitter {
  /** What is to be published. @type {MediaStreamTrack} */
  track;

  #video;
  #worker;
  #behind;
  #canvas = document.createElement("canvas");
  #mask = document.createElement("canvas");
  #small = document.createElement("canvas");
  /** Each half as large as the one before. @type {HTMLCanvasElement[]} */
  #halves = [];
  #hasMask = false;
  #isSearching = false;
  #nextSearch = 0;

  /**
   * Prepares it. Throws if this browser cannot do it.
   * @param {MediaStreamTrack} camera Stays open until somebody else closes it
   * @param {Behind} behind
   */
  static async start(camera, behind) {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([camera]);
    const worker = new Worker(new URL("./mask-worker.js", import.meta.url), { type: "module" });
    try {
      const [size] = await Promise.all([begin(worker), video.play()]);
      return new Backdrop(video, worker, size, behind);
    } catch (error) {
      worker.terminate();
      video.srcObject = null;
      throw error;
    }
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {Worker} worker
   * @param {{width: number, height: number}} size Of pictures in which people are looked for
   * @param {Behind} behind
   */
  constructor(video, worker, size, behind) {
    super();
    this.#video = video;
    this.#worker = worker;
    this.#behind = behind;
    Object.assign(this.#mask, size);
    Object.assign(this.#small, size);
    this.#fit();
    this.#drawBehind(context(this.#canvas));
    const [track] = this.#canvas.captureStream(FRAME_RATE).getVideoTracks();
    if (!track) throw new Error("the browser makes no video of drawings");
    track.contentHint = "motion";
    this.track = track;
    worker.addEventListener("message", (/** @type {MessageEvent<FromWorker>} */ { data }) => {
      switch (data.kind) {
        case "tick":
          this.#draw();
          return;
        case "mask":
          this.#take(data.pixels, data.tookMs);
          return;
        case "failed":
          this.emit("failed", {});
          return;
        case "ready":
          return;
      }
    });
    worker.addEventListener("error", () => this.emit("failed", {}));
  }

  /** Ends it; the camera stays as it is. */
  stop() {
    this.#worker.terminate();
    this.track.stop();
    this.#video.srcObject = null;
  }

  /** A phone that is turned gives pictures of another size. */
  #fit() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (width === 0 || (this.#canvas.width === width && this.#canvas.height === height)) return;
    Object.assign(this.#canvas, { width, height });
    this.#halves = [];
    for (let [w, h] = [width, height]; w > BLURRED_WIDTH; ) {
      [w, h] = [Math.max(1, w >> 1), Math.max(1, h >> 1)];
      this.#halves.push(Object.assign(document.createElement("canvas"), { width: w, height: h }));
    }
  }

  #draw() {
    if (this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.#fit();
    this.#search();
    const { width, height } = this.#canvas;
    const picture = context(this.#canvas);
    picture.globalCompositeOperation = "copy";
    if (!this.#hasMask) {
      // Before it is known who is where, nothing of the room is shown.
      this.#drawBehind(picture);
      return;
    }
    picture.imageSmoothingQuality = "high";
    picture.drawImage(this.#mask, 0, 0, width, height);
    picture.globalCompositeOperation = "source-in";
    picture.drawImage(this.#video, 0, 0, width, height);
    picture.globalCompositeOperation = "destination-over";
    this.#drawBehind(picture);
  }

  /** @param {CanvasRenderingContext2D} picture */
  #drawBehind(picture) {
    const { width, height } = this.#canvas;
    if (!this.#behind) {
      picture.drawImage(this.#blur(), 0, 0, width, height);
      return;
    }
    const behind = this.#behind;
    // It fills the whole, and what is too much of it is cut off evenly.
    const scale = Math.max(width / behind.width, height / behind.height);
    const [w, h] = [behind.width * scale, behind.height * scale];
    picture.drawImage(behind, (width - w) / 2, (height - h) / 2, w, h);
  }

  /** @returns {HTMLCanvasElement | HTMLVideoElement} */
  #blur() {
    /** @type {HTMLCanvasElement | HTMLVideoElement} */
    let larger = this.#video;
    for (const half of this.#halves) {
      context(half).drawImage(larger, 0, 0, half.width, half.height);
      larger = half;
    }
    return larger;
  }

  #search() {
    const now = performance.now();
    if (this.#isSearching || now < this.#nextSearch) return;
    this.#isSearching = true;
    this.#nextSearch = now + SEARCH_MS;
    const { width, height } = this.#small;
    const small = context(this.#small, true);
    small.drawImage(this.#video, 0, 0, width, height);
    const pixels = small.getImageData(0, 0, width, height).data.buffer;
    this.#worker.postMessage({ kind: "picture", pixels }, [pixels]);
  }

  /**
   * @param {ArrayBuffer} pixels
   * @param {number} tookMs
   */
  #take(pixels, tookMs) {
    this.#isSearching = false;
    this.#nextSearch = Math.max(this.#nextSearch, performance.now() + tookMs);
    const { width, height } = this.#mask;
    context(this.#mask).putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
    this.#hasMask = true;
  }
}

/**
 * Lets a worker load the network. Returns the size of the pictures that it wants.
 * @param {Worker} worker
 * @returns {Promise<{width: number, height: number}>}
 */
function begin(worker) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it takes too long")), START_MS);
    const listen = (/** @type {MessageEvent<FromWorker>} */ { data }) => {
      if (data.kind !== "ready" && data.kind !== "failed") return;
      clearTimeout(timer);
      worker.removeEventListener("message", listen);
      if (data.kind === "ready") resolve({ width: data.width, height: data.height });
      else reject(new Error(data.reason));
    };
    worker.addEventListener("message", listen);
    worker.addEventListener("error", () => reject(new Error("the worker cannot be started")));
    const model = new URL("../../vendor/person.tflite", import.meta.url).href;
    worker.postMessage({ kind: "start", model, tickMs: 1000 / FRAME_RATE });
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} [willReadFrequently]
 */
function context(canvas, willReadFrequently = false) {
  const found = canvas.getContext("2d", { willReadFrequently });
  if (!found) throw new Error("the browser does not draw");
  return found;
}
