/**
 * What those behind a bad link see, and what everybody else does.
 *
 * @import { Page } from "../../web/node_modules/playwright-core/index.mjs"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadLink } from "./bad-link.js";
import { launchChromium } from "./browsers.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { setStage } from "./stage.js";

/** Two sizes of it fit into what a test's processors can do besides all else. */
const CAMERA = { width: 640, height: 360, frameRate: 15 };
const BITRATE = 700_000;

/** A link to some other country. */
const AWAY = { delayMs: 25 };

/** So long it is measured what the large picture and the sound take. */
const MEASURED_MS = 3_000;

/** Of that a narrow link carries so much. */
const NARROW = 0.5;

/** What is promised: so soon a picture is smaller when there is less room, and large again. */
const DOWN_MS = 5_000;
const UP_MS = 15_000;

/** The payload types that Chromium gives Opus and redundant audio. */
const [OPUS, RED] = [111, 63];

/** For how long somebody has a bad time, and everybody else should not. */
const BAD_TIME_MS = 15_000;

const link = new BadLink(1);
const publishersLink = new BadLink(2);
/** @type {Viewer} */ let near;
/** @type {Viewer} */ let far;

const stage = setStage(() => launchChromium(CAMERA.frameRate), {
  serve: (stage) => {
    stage.atEnd(() => link.close());
    stage.atEnd(() => publishersLink.close());
    return Server.start({ meeting: MEETING });
  },
  keepsPages: true,
});

test("a picture comes through a link that delays", async () => {
  link.set(AWAY);
  await present(await open("Pam", publishersLink));
  near = await Viewer.watch(await open("Nora"));
  far = await Viewer.watch(await open("Fay", link));
  await Promise.all([near.seesPictures(), far.seesPictures()]);
  assert.ok(link.counts.offered > 100, `${link.counts.offered} datagrams went through the bad link`);
});

test("one who loses a fifth of everything costs the others nothing", async (t) => {
  const [before, beforeFar, offered] = [await near.picture(), await far.picture(), link.counts.offered];
  link.set({ ...AWAY, loss: 0.2 });
  const until = Date.now() + BAD_TIME_MS;
  await eventually(async () => assert.ok(Date.now() > until));
  const [after, afterFar] = [await near.picture(), await far.picture()];
  link.set(AWAY);

  const shown = (/** @type {Picture} */ a, /** @type {Picture} */ b) => b.framesDecoded - a.framesDecoded;
  t.diagnostic(`${shown(before, after)} pictures near, ${shown(beforeFar, afterFar)} far`);
  assert.equal(after.freezeCount - before.freezeCount, 0, "the picture stood still for the others");
  assert.ok(shown(before, after) > 0.8 * CAMERA.frameRate * (BAD_TIME_MS / 1000), "the others saw less");
  assert.equal(after.frameHeight, before.frameHeight, "the others saw a smaller picture");
  // It did happen.
  const dropped = link.counts.dropped / (link.counts.offered - offered);
  assert.ok(dropped > 0.1, `${dropped} of the datagrams were dropped`);
  await far.seesPictures();
});

test("one who loses a fifth of everything hears nearly all of it", async (t) => {
  link.set({ ...AWAY, loss: 0.2 });
  // It takes some reports of loss until sound is sent twice.
  await pass(5_000);
  const [before, beforeFar] = [await near.sound(), await far.sound()];
  await pass(BAD_TIME_MS);
  const [after, afterFar] = [await near.sound(), await far.sound()];
  link.set(AWAY);

  const lost = afterFar.packetsLost - beforeFar.packetsLost;
  const loss = lost / (lost + afterFar.packetsReceived - beforeFar.packetsReceived);
  const [madeUp, madeUpFar] = [madeUpShare(before, after), madeUpShare(beforeFar, afterFar)];
  t.diagnostic(`${loss} of the sound is lost far away, ${madeUpFar} of it is made up, and ${madeUp} near`);
  t.diagnostic(`${before.codec} near, ${afterFar.codec} far`);
  assert.ok(loss > 0.1, `${loss} of the packets were lost`);
  assert.ok(madeUpFar < 0.3 * loss, `${madeUpFar} of what is heard is made up`);
});

test("what a publisher loses of its sound is restored for everybody", async (t) => {
  // What comes first in the answer is sent: 63 is redundant audio in Chromium, and 111 Opus.
  const { sent } = publishersLink;
  assert.ok((sent.get(RED) ?? 0) > 500, `${sent.get(RED)} packets were sent twice`);
  assert.equal(sent.get(OPUS) ?? 0, 0, "packets that were sent once");

  const before = await near.sound();
  publishersLink.set({ ...AWAY, loss: 0.1 });
  await pass(BAD_TIME_MS);
  const after = await near.sound();
  publishersLink.set(AWAY);
  const madeUp = madeUpShare(before, after);
  t.diagnostic(`${madeUp} is made up`);
  assert.ok(madeUp < 0.05, `${madeUp} of what is heard is made up`);
});

test("one whose link becomes narrow sees a smaller picture soon, and the large one again later", async (t) => {
  const { frameHeight: large } = await near.picture();
  await far.seesHeight((height) => height === large, 60_000);
  const { bytes } = link.counts;
  await pass(MEASURED_MS);
  const bitsPerSecond = ((link.counts.bytes - bytes) * 8 * 1000) / MEASURED_MS;
  t.diagnostic(`all of it takes ${bitsPerSecond} bit/s`);
  const [offered, dropped] = [link.counts.offered, link.counts.dropped];

  const narrowed = Date.now();
  link.set({ ...AWAY, bitsPerSecond: bitsPerSecond * NARROW });
  await far.seesHeight((height) => height < large, DOWN_MS);
  t.diagnostic(`smaller after ${Date.now() - narrowed} ms`);
  await far.seesPictures();
  assert.equal((await near.picture()).frameHeight, large, "the others see what they saw");

  const widened = Date.now();
  link.set(AWAY);
  await far.seesHeight((height) => height === large, UP_MS);
  t.diagnostic(`large after ${Date.now() - widened} ms`);
  t.diagnostic(`${link.counts.dropped - dropped} of ${link.counts.offered - offered} datagrams did not fit`);
  await far.seesPictures();
});

/** @param {number} ms */
async function pass(ms) {
  const until = Date.now() + ms;
  await eventually(async () => assert.ok(Date.now() > until));
}

/**
 * The share of what was heard in between that was made up: silence that is as good is none of it.
 * @param {Sound} before
 * @param {Sound} after
 */
function madeUpShare(before, after) {
  const since = (/** @type {"heard" | "concealed"} */ what) => after[what] - before[what];
  return since("concealed") / since("heard");
}

/**
 * @typedef {object} Sound
 * @property {string} codec
 * @property {number} packetsReceived
 * @property {number} packetsLost
 * @property {number} heard Samples
 * @property {number} concealed Samples
 */

/**
 * @typedef {object} Picture
 * @property {number} framesDecoded
 * @property {number} frameHeight
 * @property {number} freezeCount
 * @property {Record<string, number>} cause
 */

/** Somebody who only watches. */
class Viewer {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {Page} page */
  static async watch(page) {
    await page.evaluate(watchInPage);
    return new Viewer(page);
  }

  /** @returns {Promise<Picture>} */
  picture() {
    return eventually(async () => {
      const picture = await this.page.evaluate(pictureInPage);
      assert.ok(picture, "no picture is received");
      return picture;
    });
  }

  /**
   * Waits until pictures of some height come.
   * @param {(height: number) => boolean} isMeant
   * @param {number} withinMs
   */
  async seesHeight(isMeant, withinMs) {
    await eventually(async () => {
      const { frameHeight } = await this.picture();
      assert.ok(isMeant(frameHeight), `the picture has ${frameHeight} lines`);
    }, withinMs);
  }

  /** @returns {Promise<Sound>} */
  sound() {
    return eventually(async () => {
      const sound = await this.page.evaluate(soundInPage);
      assert.ok(sound, "no sound is received");
      return sound;
    });
  }

  /** Waits until pictures come. */
  async seesPictures() {
    const first = await this.picture();
    await eventually(async () => {
      const now = await this.picture();
      const seen = now.framesDecoded - first.framesDecoded;
      assert.ok(seen >= 2 * CAMERA.frameRate, `${seen} pictures were seen: ${JSON.stringify({ first, now })}`);
    });
  }
}

/**
 * Opens a page of the server, and joins from there with the client library alone.
 * @param {string} name
 * @param {BadLink} [link]
 */
async function open(name, link) {
  const context = await stage.browser.newContext();
  if (link) await link.use(context);
  await context.addInitScript(keepPeerConnections);
  const page = await context.newPage();
  await page.goto(stage.server.url);
  await page.evaluate(joinInPage, { name, group: "meeting" });
  return page;
}

/** @param {Page} page */
async function present(page) {
  await page.evaluate(presentInPage, { camera: CAMERA, bitrate: BITRATE });
}

/** Runs in the page: keeps what it opens, so that its statistics can be read. */
function keepPeerConnections() {
  const Original = window.RTCPeerConnection;
  window.peerConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...rest) {
      super(...rest);
      window.peerConnections.push(this);
    }
  };
}

/** Runs in the page. */
async function joinInPage({ name, group }) {
  const { connect, Session } = await import("galene-client");
  const session = new Session({ connect: (signal) => connect("/ws", { signal }) });
  window.session = session;
  session.on("connected", ({ connection }) => {
    connection.on("stream", ({ stream }) => {
      const video = document.createElement("video");
      // What is not played is not decoded either.
      Object.assign(video, { autoplay: true, volume: 0.01 });
      document.body.append(video);
      stream.on("negotiated", () => (video.srcObject = stream.media));
      stream.on("ended", () => video.remove());
    });
  });
  await session.join({ group, username: name, password: "" });
}

/** Runs in the page. */
function watchInPage() {
  window.session.request({ "": ["audio", "video"] });
}

/** Runs in the page. */
async function presentInPage({ camera, bitrate }) {
  const { cameraEncodings } = await import("galene-client");
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: camera });
  const videoEncodings = cameraEncodings({ height: camera.height, bitrate }, true);
  window.session.publish(media, { label: "camera", videoEncodings });
}

/** Runs in the page. */
async function pictureInPage() {
  const open = window.peerConnections.filter((pc) => pc.connectionState !== "closed");
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const all = reports.flatMap((report) => [...report.values()]);
  const video = all.find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  if (!video?.framesDecoded) return null;
  const { framesDecoded, frameHeight, freezeCount } = video;
  // For whoever wants to know why nothing is seen.
  const { packetsReceived, framesReceived, keyFramesDecoded, pliCount, nackCount } = video;
  const cause = { packetsReceived, framesReceived, keyFramesDecoded, pliCount, nackCount };
  return { framesDecoded, frameHeight, freezeCount, cause };
}

/** Runs in the page. */
async function soundInPage() {
  const open = window.peerConnections.filter((pc) => pc.connectionState !== "closed");
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const all = reports.flatMap((report) => [...report.values()]);
  const audio = all.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
  if (!audio?.totalSamplesReceived) return null;
  const { packetsReceived, packetsLost, totalSamplesReceived: heard, concealedSamples } = audio;
  const codec = all.find(({ id }) => id === audio.codecId)?.mimeType;
  return { codec, packetsReceived, packetsLost, heard, concealed: concealedSamples };
}
