/**
 * What is behind somebody: as the others see it.
 *
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { launchChromium, launchFirefox } from "./browsers.js";
import { eventually } from "./eventually.js";
import { drawFace } from "./face.js";
import { setStage } from "./stage.js";

/** The wall behind the person whom the tests draw: green, so that nobody takes it for the grey one. */
const GREEN = `if (navigator.mediaDevices) (${drawFace})(120)`;

const stage = setStage(launchChromium);

test("others see another backdrop, and the meeting goes on while it is changed", async () => {
  const quinn = await stage.join("Quinn");
  const pam = await stage.join("Pam", { script: GREEN });
  await quinn.sees("Pam", { size: null });
  await eventually(async () => assert.ok(isGreen(await corner(quinn, "Pam"))));
  const stream = await quinn.tile("Pam").getAttribute("data-stream");
  const faceBefore = await middle(quinn, "Pam");

  await choose(pam, "picture");
  await eventually(async () => {
    const colour = await corner(quinn, "Pam");
    assert.ok(isGrey(colour), `Quinn sees ${colour} behind Pam`);
  });
  // She herself is still there.
  await eventually(async () => {
    const face = await middle(quinn, "Pam");
    assert.ok(distance(face, faceBefore) < 60, `Pam's face was ${faceBefore} and is ${face}`);
  });
  await quinn.keepsSeeing(["Pam"], 3000);

  await choose(pam, "blur");
  await eventually(async () => assert.ok(isGreen(await corner(quinn, "Pam"))));
  await choose(pam, "none");
  await eventually(async () => assert.ok(isGreen(await corner(quinn, "Pam"))));
  await quinn.keepsSeeing(["Pam"], 1000);
  assert.equal(await quinn.tile("Pam").getAttribute("data-stream"), stream, "it is one stream all the time");

  await pam.close();
  await quinn.close();
});

test("what is sharp in the room is blurred, and nothing of it is sent before", async () => {
  const settings = { backdrop: "blur" };
  const quinn = await stage.join("Quinn");
  const pam = await stage.join("Pam", { script: `(${drawStripes})()`, settings });
  await quinn.sees("Pam", { size: null });
  const blurred = await contrast(quinn, "Pam");
  assert.ok(blurred < 40, `stripes have a contrast of ${blurred}`);
  await choose(pam, "none");
  await eventually(async () => {
    const sharp = await contrast(quinn, "Pam");
    assert.ok(sharp > 120, `stripes have a contrast of ${sharp}`);
  });
  await pam.close();
  await quinn.close();
});

test("the camera that is closed takes its backdrop along, and brings it back", async () => {
  const pam = await stage.arrive("Pam", { script: GREEN });
  await pam.turnOnDevices();
  await pam.page.locator("[data-setting=backdrop]").selectOption("picture");
  await eventually(async () => assert.ok(isGrey(await preview(pam))));
  await pam.page.click("[data-action=camera]");
  await pam.page.locator(".preview-off").waitFor();
  await pam.page.click("[data-action=camera]");
  await eventually(async () => assert.ok(isGrey(await preview(pam))));
  await pam.close();
});

test("a picture of one's own is behind one, on the next visit, too", async () => {
  const pam = await stage.arrive("Pam", { script: GREEN });
  await pam.turnOnDevices();
  await pam.page.locator("[data-setting=backdrop]").selectOption("picture");
  const choosing = pam.page.waitForEvent("filechooser");
  await pam.page.click("[data-action=backdrop-picture]");
  await (await choosing).setFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  await pam.page.locator(".notice", { hasText: "notes.txt is no picture" }).waitFor();

  const png = await pam.page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 36;
    const picture = canvas.getContext("2d");
    picture.fillStyle = "#c02020";
    picture.fillRect(0, 0, 64, 36);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  const again = pam.page.waitForEvent("filechooser");
  await pam.page.click("[data-action=backdrop-picture]");
  await (await again).setFiles({ name: "red.png", mimeType: "image/png", buffer: Buffer.from(png) });
  await eventually(async () => assert.ok(isRed(await preview(pam))));

  await pam.page.reload();
  await pam.turnOnDevices();
  await eventually(async () => assert.ok(isRed(await preview(pam))));
  await pam.close();
});

test("where the network cannot be loaded, the room is not shown unasked", async () => {
  const pam = await stage.arrive("Pam", { script: GREEN });
  await pam.page.context().route("**/person.tflite", (route) => route.abort());
  await pam.turnOnDevices();
  await pam.page.locator("[data-setting=backdrop]").selectOption("blur");
  await pam.page.locator(".notice", { hasText: "your room is shown as it is" }).waitFor();
  assert.equal(await pam.page.locator("[data-setting=backdrop]").inputValue(), "none");

  const settings = { backdrop: "blur", cameraOn: false };
  const shy = await stage.arrive("Shy", { script: GREEN, settings });
  await shy.page.context().route("**/person.tflite", (route) => route.abort());
  await shy.page.click("[data-action=camera]");
  await shy.page.locator(".notice", { hasText: "so your camera is off" }).waitFor();
  assert.equal(await shy.page.locator(".preview video").count(), 0);
  await pam.close(/person\.tflite|ERR_FAILED/);
  await shy.close(/person\.tflite|ERR_FAILED/);
});

test("it works in Firefox, too", async () => {
  const browser = await stage.launch(launchFirefox);
  const pam = await stage.join("Pam", { browser, script: GREEN, settings: { backdrop: "picture" } });
  const quinn = await stage.join("Quinn");
  await quinn.sees("Pam", { size: null });
  await eventually(async () => {
    const colour = await corner(quinn, "Pam");
    assert.ok(isGrey(colour), `Quinn sees ${colour} behind Pam`);
  });
  await quinn.close();
  await pam.close();
});

/**
 * @param {Participant} who
 * @param {"none" | "blur" | "picture"} kind
 */
async function choose({ page }, kind) {
  await page.getByRole("button", { name: "More" }).click();
  await page.locator("tool-bar [data-item=settings]").click();
  await page.locator("dialog [data-setting=backdrop]").selectOption(kind);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

const corner = (who, name) => colourAt(who.tile(name).locator("video"), 0.06, 0.1);
const middle = (who, name) => colourAt(who.tile(name).locator("video"), 0.5, 0.5);
const preview = (who) => colourAt(who.page.locator(".preview video"), 0.06, 0.1);

/** What a video shows at a place, as red, green and blue. */
function colourAt(video, x, y) {
  return video.evaluate(
    (element, place) => {
      const canvas = document.createElement("canvas");
      canvas.width = 100;
      canvas.height = 100;
      const picture = canvas.getContext("2d");
      picture.drawImage(element, 0, 0, 100, 100);
      return [...picture.getImageData(100 * place.x, 100 * place.y, 1, 1).data.slice(0, 3)];
    },
    { x, y },
  );
}

/** How much brightness changes along the upper edge of what is seen of somebody. */
function contrast(who, name) {
  return who.tile(name).locator("video").evaluate((element) => {
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 180;
    const picture = canvas.getContext("2d");
    picture.drawImage(element, 0, 0, 320, 180);
    const row = picture.getImageData(10, 8, 100, 1).data.filter((_, i) => i % 4 === 1);
    return Math.max(...row) - Math.min(...row);
  });
}

const isGreen = ([r, g, b]) => g > r + 12 && g > b + 12;
const isGrey = ([r, g, b]) => Math.max(r, g, b) - Math.min(r, g, b) < 30 && b >= g - 4 && g > 150;
const isRed = ([r, g, b]) => r > g + 80 && r > b + 80;
const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));

/** Runs in the page: nobody in front of a wall with black and white stripes. */
function drawStripes() {
  navigator.mediaDevices.getUserMedia = new Proxy(navigator.mediaDevices.getUserMedia, {
    apply(original, self, [constraints]) {
      if (!constraints.video) return Reflect.apply(original, self, [constraints]);
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 360;
      const picture = canvas.getContext("2d");
      let time = 0;
      const draw = () => {
        for (let x = 0; x < 640; x += 16) {
          picture.fillStyle = (x / 16) % 2 === 0 ? "#fff" : "#000";
          picture.fillRect(x, 0, 16, 360);
        }
        // Something must move, or the camera gives one picture only.
        time += 1;
        picture.fillStyle = time % 2 === 0 ? "#888" : "#999";
        picture.fillRect(632, 352, 8, 8);
      };
      draw();
      setInterval(draw, 100);
      return Promise.resolve(canvas.captureStream(10));
    },
  });
}
