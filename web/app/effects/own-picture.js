/**
 * The picture that somebody chose to have behind them: it stays in this browser.
 */

const CACHE = "galene.backdrop";
const PLACE = "/galene-backdrop";

/** No larger than what cameras send; more would only take room. */
const MAX_WIDTH = 1280;
const MAX_HEIGHT = 720;

/**
 * Keeps a picture for this and later visits. Throws if it is none.
 * @param {Blob} file
 */
export async function keepPicture(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, MAX_WIDTH / picture.width, MAX_HEIGHT / picture.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const small = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  if (!(small instanceof Blob)) throw new Error("the browser writes no pictures");
  const cache = await caches.open(CACHE);
  await cache.put(PLACE, new Response(small));
}

/**
 * Returns the picture that was kept, or a plain wall if there is none.
 * @returns {Promise<ImageBitmap | HTMLCanvasElement>}
 */
export async function ownPicture() {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(PLACE);
  return kept ? createImageBitmap(await kept.blob()) : wall();
}

/** A wall with light from above: what is there until somebody chooses a picture. */
function wall() {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const picture = canvas.getContext("2d");
  if (picture) {
    const light = picture.createLinearGradient(0, 0, 0, canvas.height);
    light.addColorStop(0, "#dfe7ec");
    light.addColorStop(0.72, "#b9c7d1");
    light.addColorStop(0.73, "#8496a3");
    light.addColorStop(1, "#6d7f8c");
    picture.fillStyle = light;
    picture.fillRect(0, 0, canvas.width, canvas.height);
  }
  return canvas;
}
