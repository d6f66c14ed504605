/**
 * What a tab with six tiles costs: our page beside Galène's own, on the same server, with the same
 * people, one after the other in the same run.
 *
 *     node tests/browser/cpu.js /path/to/galene/static [seconds] [rounds]
 *
 * Prints seconds of processor time per second for all processes of the viewer's browser, and for each
 * kind of them; what is decoded; and what the page sends. Nothing is asserted: compare lines of one run
 * with each other.
 *
 * @import { BrowserServer, Page } from "../../web/node_modules/playwright-core/index.mjs"
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "../../web/node_modules/playwright-core/index.mjs";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";

/** Ours and five others. */
const OTHERS = 5;

const CAMERA = { width: 640, height: 360, frameRate: 15 };
const VIEWPORT = { width: 1280, height: 760 };

/** Until bandwidth estimates and layouts have settled. */
const SETTLE_MS = 12_000;

/** How the kernel counts processor time (`getconf CLK_TCK`, the same on all Linux). */
const TICKS_PER_SECOND = 100;

const [folder, seconds = "20", rounds = "2"] = process.argv.slice(2);
if (!folder || !existsSync(path.join(folder, "galene.html"))) {
  console.error("usage: node tests/browser/cpu.js /path/to/galene/static [seconds] [rounds]");
  process.exit(2);
}

const server = await Server.start({ meeting: { ...MEETING, public: false } });
const options = {
  executablePath: "/usr/bin/chromium",
  args: [
    `--use-fake-device-for-media-stream=fps=${CAMERA.frameRate}`,
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    // A page that does not come from the server itself may otherwise not connect to it.
    "--disable-features=LocalNetworkAccessChecks",
  ],
};
const publishers = await chromium.launch(options);
try {
  for (const isSimulcast of [true, false]) {
    const page = await publishers.newPage();
    await page.goto(server.url);
    await page.evaluate(publishInPage, { camera: CAMERA, count: OTHERS, isSimulcast });
    for (let round = 1; round <= Number(rounds); round += 1) {
      for (const which of round % 2 === 1 ? ["ours", "galene"] : ["galene", "ours"]) {
        await measure(which, isSimulcast);
      }
    }
    await page.close();
  }
} finally {
  await publishers.close();
  await server.stop();
}

/**
 * @param {string} which
 * @param {boolean} isSimulcast
 */
async function measure(which, isSimulcast) {
  const viewer = await chromium.launchServer(options);
  const browser = await chromium.connect(viewer.wsEndpoint());
  try {
    const context = await browser.newContext({ viewport: VIEWPORT });
    const page = await context.newPage();
    await page.addInitScript(keepPeerConnections);
    if (which === "galene") await serveGalene(page);
    else await page.addInitScript(() => localStorage.setItem("galene.settings.1", '{"cameraOn":true,"microphoneOn":true}'));
    await page.goto(server.group("meeting"));
    await (which === "galene" ? joinGalene(page) : joinOurs(page));
    await eventually(async () => {
      const { playing } = await page.evaluate(picturesInPage);
      if (playing < OTHERS) throw new Error(`${playing} pictures`);
    }, 60_000);
    await pause(SETTLE_MS);

    const before = await processorTime(viewer);
    const shownBefore = await page.evaluate(picturesInPage);
    const start = performance.now();
    await pause(Number(seconds) * 1000);
    const after = await processorTime(viewer);
    const shown = await page.evaluate(picturesInPage);
    const elapsed = (performance.now() - start) / 1000;
    const rates = [...after].map(([kind, time]) => [kind, (time - (before.get(kind) ?? 0)) / elapsed]);
    const all = rates.reduce((sum, [, rate]) => sum + rate, 0);
    const parts = rates.filter(([, rate]) => rate > 0.005).map(([kind, rate]) => `${kind} ${rate.toFixed(2)}`);
    const perSecond = (/** @type {number} */ count) => (count / elapsed).toFixed(0);
    const sent = shown.sent.flatMap(({ id, width, height, frames, bytes }) => {
      const earlier = shownBefore.sent.find((other) => other.id === id) ?? { frames: 0, bytes: 0 };
      if (frames === earlier.frames) return [];
      const kilobits = perSecond(((bytes - earlier.bytes) * 8) / 1000);
      return `${width}×${height} ${perSecond(frames - earlier.frames)}/s ${kilobits} kbit/s`;
    });
    const places = await page.evaluate(() => {
      return [...document.querySelectorAll("video")].map((video) => `${video.clientWidth}×${video.clientHeight}`);
    });
    console.log(
      `${which.padEnd(7)} ${isSimulcast ? "two sizes" : "one size "}  all ${all.toFixed(2)} (${parts.join(", ")})  ` +
        `${shown.playing} pictures of ${shown.sizes.join(", ")}, ${perSecond(shown.frames - shownBefore.frames)} decoded a second, ` +
        `shown in ${[...new Set(places)].join(", ")}  ` +
        `sends ${sent.join(", ")}`,
    );
    await context.close();
  } finally {
    await browser.close();
    await viewer.close();
  }
}

/** @param {Page} page */
async function joinOurs(page) {
  await page.locator("[data-action=camera].on").waitFor();
  await page.locator("[data-action=microphone].on").waitFor();
  await page.fill("#username", "Viewer");
  await page.click("[data-action=join]");
}

/** @param {Page} page */
async function joinGalene(page) {
  await page.fill("#username", "Viewer");
  await page.check("#presentboth");
  await page.click("#connectbutton");
}

/**
 * Puts Galène's page in the place of ours, for one page.
 * @param {Page} page
 */
async function serveGalene(page) {
  await page.route(`${server.url}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === "/group/meeting/") return route.fulfill({ path: path.join(folder, "galene.html") });
    const file = path.join(folder, path.normalize(pathname));
    if (!existsSync(file)) return route.continue();
    return route.fulfill({ path: file });
  });
}

/**
 * Processor time so far of a browser's processes, in seconds, by what they are for.
 * @param {BrowserServer} viewer
 */
async function processorTime(viewer) {
  /** @type {Map<number, {parent: number, seconds: number, kind: string}>} */
  const all = new Map();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
      // The name of a program may have spaces and brackets in it (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = Number(fields[11]) + Number(fields[12]);
      all.set(pid, { parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND, kind: kindOf(command) });
    } catch {
      // It ended in between.
    }
  }
  const root = viewer.process().pid;
  const isOurs = (/** @type {number} */ pid) => {
    for (let at = pid; all.has(at); at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [pid, { seconds, kind }] of all) {
    if (isOurs(pid)) sums.set(kind, (sums.get(kind) ?? 0) + seconds);
  }
  return sums;
}

/** @param {string} command */
function kindOf(command) {
  const service = /--utility-sub-type=(\w+)/.exec(command)?.[1];
  return service ?? /--type=([a-z-]+)/.exec(command)?.[1] ?? "browser";
}

/** Runs in the page: several join and send the same picture. */
async function publishInPage({ camera, count, isSimulcast }) {
  const { cameraEncodings, connect, Session } = await import("galene-client");
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: camera });
  window.sessions = [];
  for (let i = 0; i < count; i += 1) {
    const session = new Session({ connect: (signal) => connect("/ws", { signal }) });
    await session.join({ group: "meeting", username: `Person ${i}`, password: "" });
    session.publish(media, { label: "camera", videoEncodings: cameraEncodings({ height: camera.height, bitrate: 500_000 }, isSimulcast) });
    window.sessions.push(session);
  }
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
async function picturesInPage() {
  const open = window.peerConnections.filter((pc) => pc.connectionState !== "closed");
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const videos = reports
    .flatMap((report) => [...report.values()])
    .filter(({ type, kind, framesDecoded }) => type === "inbound-rtp" && kind === "video" && framesDecoded > 0);
  const frames = videos.reduce((sum, { framesDecoded }) => sum + framesDecoded, 0);
  const sizes = [...new Set(videos.map(({ frameWidth, frameHeight }) => `${frameWidth}×${frameHeight}`))];
  const sent = reports
    .flatMap((report) => [...report.values()])
    .filter(({ type, kind, framesEncoded }) => type === "outbound-rtp" && kind === "video" && framesEncoded > 0)
    .map(({ id, frameWidth, frameHeight, framesEncoded, bytesSent }) => {
      return { id, width: frameWidth, height: frameHeight, frames: framesEncoded, bytes: bytesSent };
    });
  return { playing: videos.length, frames, sizes, sent };
}
