/**
 * What the page makes of what our server says beyond Galène's protocol: what need not be sent, who
 * speaks, and why a picture looks as it does.
 *
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadLink } from "./bad-link.js";
import { launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { setStage } from "./stage.js";

const FEATURES = ["encodings", "speakers", "streamstatus"];

/** Of what the large picture and the sound take, a narrow link carries so much. */
const NARROW = 0.5;

/** So long it is measured what they take. */
const MEASURED_MS = 3_000;

const LARGE = { width: 640, height: 360 };

/** Chromium begins with less, whatever the line is good for, and takes its time to trust it. */
const PATIENCE_MS = 90_000;

/** @type {Participant} */ let pam;
/** @type {Participant} */ let olga;
const link = new BadLink(1);

const stage = setStage(launchBrowser, {
  serve: (stage) => {
    stage.atEnd(() => link.close());
    return Server.start({ meeting: MEETING, few: { ...MEETING, "max-cameras": 1 } });
  },
  keepsPages: true,
});

test("the server offers all that the page understands", async () => {
  pam = await stage.join("Pam", { settings: { quality: "balanced", simulcast: "on" } });
  olga = await stage.enter("Olga", { prepare: (page) => link.use(page.context()) });
  for (const who of [pam, olga]) {
    const [handshake] = await who.heard("handshake");
    assert.deepEqual([...handshake.features].sort(), FEATURES);
  }
});

test("sizes that nobody watches are not sent, and are sent again at once", async () => {
  await olga.sees("Pam", { size: LARGE, withinMs: PATIENCE_MS });
  await olga.set("receive", (field) => field.selectOption("low"));
  await sends("h", false);
  assert.deepEqual((await pam.heard("encodings")).at(-1).encodings, [
    { rid: "h", active: false },
    { rid: "l", active: true },
  ]);
  await sends("l", true);
  await olga.sees("Pam", { size: { width: 320, height: 180 } });
  await olga.set("receive", (field) => field.selectOption("everything"));
  await sends("h", true);
  await olga.sees("Pam", { size: LARGE, withinMs: PATIENCE_MS });
});

test("who speaks is shown as the server says", async () => {
  await olga.seesSpeaking("Pam");
  const { speakers } = (await olga.heard("speakers")).findLast((message) => message.speakers.length > 0);
  assert.equal(speakers[0].source, await olga.tile("Pam").getAttribute("data-user"));
  await pam.page.click("[data-action=microphone]");
  await olga.page.locator('.tile[data-name="Pam"][data-muted]').waitFor();
  await olga.page.locator('.tile[data-name="Pam"][data-speaking]').waitFor({ state: "detached" });
  assert.deepEqual((await olga.heard("speakers")).at(-1).speakers, []);
  await pam.page.click("[data-action=microphone]");
  await olga.seesSpeaking("Pam");
});

test("a tile says that its picture is smaller because the line is slow, until it is not", async (t) => {
  const { bytes } = link.counts;
  const since = Date.now();
  await eventually(async () => assert.ok(Date.now() - since > MEASURED_MS));
  const bitsPerSecond = ((link.counts.bytes - bytes) * 8000) / (Date.now() - since);
  t.diagnostic(`all of it takes ${Math.round(bitsPerSecond)} bit/s`);
  link.set({ delayMs: 25, bitsPerSecond: bitsPerSecond * NARROW });
  const tile = olga.tile("Pam");
  await tile.getByText("Less detail: the line is slow").waitFor();
  assert.equal(await tile.getAttribute("data-delivery"), "reduced");
  assert.equal((await olga.heard("streamstatus")).at(-1).reason, "bandwidth");
  assert.ok(await tile.locator("video").isVisible());
  await olga.choose("stats", tile.locator("menu-button"));
  const dialog = olga.page.getByRole("dialog");
  await dialog.getByText("Fair connection: Less detail: the line is slow").waitFor();

  link.set({});
  await dialog.getByText("The server sends all that this page asked for").waitFor({ timeout: PATIENCE_MS });
  await olga.page.getByRole("button", { name: "Done" }).click();
  await tile.locator(".quality").waitFor({ state: "detached" });
  await olga.close();
  await pam.close();
});

test("where the group shows those who spoke last, the others' tiles say that they wait", async () => {
  const others = [];
  for (const name of ["Pam", "Quinn"]) {
    const other = await stage.join(name, { group: "few" });
    await other.page.click("[data-action=microphone]");
    others.push(other);
  }
  const olga = await stage.enter("Olga", { group: "few" });

  const paused = olga.page.locator(".tile[data-delivery=paused]");
  await paused.getByText("Picture paused: this group shows those who spoke last").waitFor();
  assert.equal(await paused.count(), 1);
  assert.ok(!(await paused.locator("video").isVisible()), "a picture that stands still is not shown");
  const name = await paused.getAttribute("data-name");
  const [waits, shown] = others[0]?.name === name ? others : [...others].reverse();
  await olga.sees(shown.name, { size: null });

  // Who speaks comes to the front.
  await waits.page.click("[data-action=microphone]");
  await olga.page.locator(`.tile[data-name="${shown.name}"][data-delivery=paused]`).waitFor();
  await olga.sees(waits.name, { size: null });
  for (const who of [olga, ...others]) await who.close();
});

/**
 * Waits until an encoding is sent, or no longer.
 * @param {string} rid
 * @param {boolean} expected
 */
async function sends(rid, expected) {
  let frames = await pam.page.evaluate(framesSentInPage, rid);
  let since = Date.now();
  await eventually(async () => {
    const now = await pam.page.evaluate(framesSentInPage, rid);
    if (now > frames) {
      frames = now;
      since = Date.now();
      if (expected) return;
    }
    // There are ten pictures a second; a second and a half without one is no chance.
    const isSent = expected || Date.now() - since < 1500;
    assert.ok(!isSent, `${rid} is ${expected ? "not sent" : "still sent"}`);
  }, 60_000);
}

/** Runs in the page. */
async function framesSentInPage(rid) {
  const open = window.peerConnections.filter((pc) => pc.connectionState !== "closed");
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const all = reports.flatMap((report) => [...report.values()]);
  const stats = all.find((each) => each.type === "outbound-rtp" && each.kind === "video" && each.rid === rid);
  return stats?.framesSent ?? 0;
}
