/**
 * Pictures of each view for the documentation, taken in a meeting of four.
 *
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./browsers.js";
import { eventually } from "./eventually.js";
import { drawFace } from "./face.js";
import { PHONE } from "./looks.js";
import { MEETING, Server } from "./server.js";
import { setStage } from "./stage.js";

/** Smaller than a desktop, so that the pictures in the repository stay small. */
const DESKTOP = { width: 960, height: 560 };

/** More would be too much for a repository, in bytes. */
const MAX_PICTURE_BYTES = 150_000;

const GROUP = { ...MEETING, displayName: "Book Club", description: "Mondays at seven: one book a month" };

/** @type {string} */ let directory;
/** @type {Participant} */ let olga;
/** @type {Participant} */ let ada;
/** @type {Participant[]} */ let others;

const stage = setStage(launchChromium, {
  serve: async () => {
    directory =
      process.env.UPDATE_SCREENSHOTS === "1"
        ? fileURLToPath(new URL("../../docs/images/", import.meta.url))
        : await mkdtemp(path.join(os.tmpdir(), "galene-pictures-"));
    await mkdir(directory, { recursive: true });
    const more = { ...GROUP, users: {}, description: "", displayName: undefined };
    return Server.start({ books: GROUP, garden: { ...more, description: "Beds, bulbs and weather" }, choir: more });
  },
  keepsPages: true,
});

test("before a meeting: the groups, and one's camera", async (t) => {
  t.diagnostic(`pictures are in ${directory}`);
  const group = "books";
  // Nobody looks at their pages.
  const settings = { receive: "nothing", simulcast: "off" };
  ada = await stage.join("Ada Lovelace", { group, settings, script: `(${drawFace})(24);(${drawSlide})()` });
  const grace = await stage.join("Grace Hopper", { group, settings, script: `(${drawFace})(205)` });
  const emmy = await stage.join("Emmy Noether", { group, settings, script: `(${drawFace})(300)` });
  others = [ada, grace, emmy];

  olga = await stage.arrive("Olga", {
    url: stage.server.url,
    viewport: DESKTOP,
    theme: "light",
    script: `(${drawFace})(150)`,
  });
  await olga.page.locator('[data-group="books"]').getByText("3 people").waitFor();
  await take(olga, "landing");
  await olga.page.goto(stage.server.group(group));
  await olga.turnOnDevices();
  await olga.page.fill("#username", "Olga");
  await olga.page.getByText("3 people are here.").waitFor();
  await take(olga, "prejoin");
  await olga.submit("secret");
  await olga.page.locator(".call[data-phase=call]").waitFor();
});

test("the meeting: grid, speaker, and what somebody presents", async () => {
  const [, grace] = others;
  await ada.say("Good morning! The notes are at https://example.org/notes");
  await grace.say("Thank you, Ada.");
  await olga.say("Shall we begin?");
  await olga.hears("Shall we begin?");
  for (const { name } of others) await olga.sees(name, { size: null });
  await take(olga, "meeting-desktop");

  await olga.page.click("[data-action=chat]");
  await olga.choose("layout-speaker");
  await olga.page.locator(".tile[data-stage]").waitFor();
  await take(olga, "speaker");
  await olga.choose("layout-auto");
  await ada.page.click("[data-action=share]");
  await olga.sees("Ada Lovelace", { kind: "screen", size: null });
  await take(olga, "presenter");
  await ada.page.click("[data-action=stop-sharing]");
  await olga.tile("Ada Lovelace", "screen").waitFor({ state: "detached" });
});

test("people, invitations, settings and statistics", async () => {
  const { page } = olga;
  await others[1].page.click("[data-action=hand]");
  const people = await olga.openPanel("people");
  await people.getByText("Hand raised, number 1").waitFor();
  await people.locator('.person[data-name="Emmy Noether"] [aria-haspopup=menu]').click();
  await take(olga, "people");
  await page.keyboard.press("Escape");
  await page.click("[data-action=people]");

  await olga.choose("invite");
  await page.getByLabel("Name of the guest").fill("Sofja Kowalewskaja");
  await page.getByRole("button", { name: "Make an invitation" }).click();
  await page.getByRole("img", { name: "QR code" }).waitFor();
  // The link is another one each time: the picture should not be.
  await page.getByLabel("Link for your guest").evaluate((field) => (field.value = "https://meet.example/group/books/?token=…"));
  await take(olga, "invite");
  await page.getByRole("button", { name: "Close" }).click();
  await olga.choose("settings");
  await take(olga, "settings");
  await page.getByRole("button", { name: "Done" }).click();
  await olga.choose("stats", olga.tile("Ada Lovelace").locator("menu-button"));
  await page.getByRole("rowheader", { name: /Picture VP8/ }).waitFor();
  await take(olga, "statistics");
  await page.getByRole("button", { name: "Done" }).click();
});

test("the same on a phone, in the dark", async () => {
  const { page } = olga;
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: "dark" });
  await take(olga, "meeting-phone");
  await olga.openPanel("chat");
  await take(olga, "chat-phone");
  for (const who of [olga, ...others]) await who.close();
});

/**
 * Takes a picture when nothing moves but the people.
 * @param {Participant} who
 * @param {string} name
 */
async function take({ page }, name) {
  await page.evaluate(() => document.activeElement instanceof HTMLElement && !document.querySelector("[popover]:popover-open") && document.activeElement.blur());
  await eventually(async () => {
    assert.equal(await page.locator(".notice").count(), 0);
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
    const widths = await page.locator("video").evaluateAll((all) => all.map((v) => v.videoWidth));
    assert.ok(widths.every((width) => width > 0));
  });
  const file = path.join(directory, `${name}.png`);
  await page.screenshot({ path: file });
  const { size } = await stat(file);
  assert.ok(size < MAX_PICTURE_BYTES, `${name}.png has ${size} bytes`);
}

/** Runs in the page before its scripts: a slide in place of the screen. */
function drawSlide() {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 960, height: 540 });
    const picture = canvas.getContext("2d");
    const draw = () => {
      picture.fillStyle = "#fdfcf8";
      picture.fillRect(0, 0, 960, 540);
      picture.fillStyle = "#15202b";
      picture.font = "600 44px system-ui";
      picture.fillText("Books we read this year", 72, 104);
      picture.font = "26px system-ui";
      for (const [index, [title, share]] of [["Guards! Guards!", 0.9], ["Middlemarch", 0.72], ["Invisible Cities", 0.55], ["The Dispossessed", 0.4]].entries()) {
        const y = 190 + 84 * index;
        picture.fillStyle = "#4a5a69";
        picture.fillText(title, 72, y);
        picture.fillStyle = ["#0b6e7d", "#3f8f9b", "#77b1ba", "#b0d3d8"][index];
        picture.fillRect(330, y - 30, 540 * share, 40);
      }
    };
    draw();
    setInterval(draw, 200);
    return canvas.captureStream(5);
  };
}
