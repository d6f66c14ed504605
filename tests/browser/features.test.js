/**
 * What the page makes of what a server says beyond Galène's protocol. A prompter stands between page and
 * server, so that every message comes when the story wants it.
 *
 * @import { Page, WebSocketRoute } from "../../web/node_modules/playwright-core/index.mjs"
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./browsers.js";
import { eventually } from "./eventually.js";
import { Participant } from "./participant.js";
import { MEETING, Server } from "./server.js";

const FEATURES = ["encodings", "speakers", "streamstatus"];

/** @type {Server} */ let server;
/** @type {import("../../web/node_modules/playwright-core/index.mjs").Browser} */ let browser;
/** @type {Participant} */ let pam;
/** @type {Participant} */ let olga;
/** @type {Prompter} */ let toPam;
/** @type {Prompter} */ let toOlga;

/** Says to a page what its server does not, and lets everything else pass. */
class Prompter {
  /** @type {WebSocketRoute | null} */
  #page = null;
  /** Streams that the page publishes. @type {string[]} */
  published = [];

  /** @param {Page} page */
  use(page) {
    return page.routeWebSocket(/\/ws$/, (route) => {
      this.#page = route;
      const real = route.connectToServer();
      route.onMessage((text) => {
        const message = JSON.parse(String(text));
        if (message.type === "offer") this.published.push(message.id);
        if (message.type !== "handshake") return real.send(text);
        assert.deepEqual(message.features, FEATURES);
        // The real server is to say nothing of the kind.
        real.send(JSON.stringify({ ...message, features: [] }));
      });
      real.onMessage((text) => {
        const message = JSON.parse(String(text));
        route.send(message.type === "handshake" ? JSON.stringify({ ...message, features: FEATURES }) : text);
      });
    });
  }

  /** @param {object} message */
  say(message) {
    this.#page?.send(JSON.stringify(message));
  }
}

before(async () => {
  server = await Server.start({ meeting: MEETING });
  browser = await launchChromium();
});
after(async () => {
  await browser.close();
  await server.stop();
});

test("sizes that nobody watches are not sent, and are sent again at once", async () => {
  toPam = new Prompter();
  toOlga = new Prompter();
  const url = server.group("meeting");
  const settings = { quality: "balanced" };
  pam = await Participant.join(browser, url, "Pam", { settings, prepare: (page) => toPam.use(page) });
  olga = await Participant.arrive(browser, url, "Olga", {
    settings: { cameraOn: false, microphoneOn: false },
    prepare: (page) => toOlga.use(page),
  });
  await olga.submit("secret");
  await olga.sees("Pam", { size: null });
  const [id] = toPam.published;

  // The larger one waits until the browser trusts the line.
  await sends("h", true);
  toPam.say({ type: "encodings", id, encodings: [{ rid: "h", active: false }, { rid: "l", active: true }] });
  await sends("h", false);
  await sends("l", true);
  await olga.sees("Pam", { size: null });
  toPam.say({ type: "encodings", id, encodings: [{ rid: "h", active: true }, { rid: "l", active: true }] });
  await sends("h", true);
});

test("who speaks is shown as the server says", async () => {
  await pam.page.click("[data-action=microphone]");
  const tile = olga.tile("Pam");
  await olga.page.locator('.tile[data-name="Pam"][data-muted]').waitFor();
  await tile.locator(":scope[data-speaking]").waitFor({ state: "detached" });
  const id = (await tile.getAttribute("data-stream")) ?? "";
  const source = await tile.getAttribute("data-user");
  toOlga.say({ type: "speakers", speakers: [{ id, source, level: -20 }] });
  await olga.seesSpeaking("Pam");
  toOlga.say({ type: "speakers", speakers: [] });
  await olga.page.locator('.tile[data-name="Pam"][data-speaking]').waitFor({ state: "detached" });
});

test("a tile says why its picture is smaller than it could be, or paused", async () => {
  const tile = olga.tile("Pam");
  const id = await tile.getAttribute("data-stream");
  toOlga.say({ type: "streamstatus", id, status: "reduced", reason: "bandwidth" });
  await tile.getByText("Less detail: the line is slow").waitFor();
  assert.ok(await tile.locator("video").isVisible());

  toOlga.say({ type: "streamstatus", id, status: "paused", reason: "last-n" });
  await tile.getByText("Picture paused: this group shows those who spoke last").waitFor();
  assert.ok(!(await tile.locator("video").isVisible()), "a picture that stands still is not shown");
  await olga.choose("stats", tile.locator("menu-button"));
  await olga.page.getByRole("dialog").getByText("Picture paused: this group").waitFor();

  toOlga.say({ type: "streamstatus", id, status: "paused", reason: "bandwidth" });
  await olga.page.getByRole("dialog").getByText("Poor connection: Less detail: the line is slow").waitFor();
  toOlga.say({ type: "streamstatus", id, status: "full" });
  await olga.page.getByRole("dialog").getByText("The server sends all that this page asked for").waitFor();
  await olga.page.getByRole("button", { name: "Done" }).click();
  assert.ok(await tile.locator("video").isVisible());
  await tile.locator(".paused").waitFor({ state: "detached" });
  await olga.close();
  await pam.close();
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
