/**
 * Ways into a meeting, and what is said to those who stay outside.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFirefox, launchBare, launchBrowser, launchRefusing } from "./browsers.js";
import { Crowd } from "./crowd.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { QUIET, setStage } from "./stage.js";

/** For what `manners.js` tells in Firefox already. */
const inChromium = isFirefox ? () => {} : test;

/** What browsers report of connections that end while they are being made. */
const CUT_OFF = /WebSocket|establish a connection|was interrupted while/;

const stage = setStage(launchBrowser, {
  serve: () => {
    const small = { ...MEETING, "max-clients": 1 };
    return Server.start({ meeting: MEETING, moving: MEETING, small, broken: '{"public": true,\n "users": }' });
  },
});

test("the first page lists public groups and leads to them", async () => {
  const visitor = await stage.arrive("visitor", { url: stage.server.url });
  const { page } = visitor;
  const olga = await stage.join("Olga");
  await page.reload();
  const group = page.locator('[data-group="meeting"]');
  await group.waitFor();
  assert.match(await group.innerText(), /Night Watch[^]*Where the tests meet[^]*1 person/);
  await group.click();
  await page.waitForURL(stage.server.group("meeting"));
  await page.getByText("1 person is here.").waitFor();
  await olga.close();
  await visitor.close();
});

test("a group that does not exist is told from one that does", async () => {
  const visitor = await stage.arrive("visitor", { url: stage.server.url });
  const { page } = visitor;
  await page.fill("#group", "nowhere");
  await page.press("#group", "Enter");
  await page.getByText("There is no group named “nowhere”.").waitFor();

  await page.fill("#group", "meeting");
  await page.press("#group", "Enter");
  await page.waitForURL(stage.server.group("meeting"));

  await page.goto(stage.server.group("nowhere"));
  await page.getByRole("heading", { name: "There is no such group" }).waitFor();
  await page.getByText("no group named “nowhere”").waitFor();
  await visitor.close(/status of 404/);
});

test("a wrong password is refused in words that help", async () => {
  const visitor = await stage.arrive("Olga");
  await visitor.submit("wrong");
  const problem = visitor.page.locator("[data-problem]");
  await problem.waitFor();
  assert.match(await problem.innerText(), /Wrong name or password/);

  await visitor.submit("secret");
  await visitor.page.locator(".call[data-phase=call]").waitFor();
  await visitor.close();
});

test("a locked group passes on the operator's message, and opens again", async () => {
  const olga = await stage.join("Olga");
  const panel = await olga.openPanel("people");
  await panel.locator("[data-action=lock]").click();
  await olga.page.fill("#dialog-message", "back at noon");
  await olga.page.click("[data-action=confirm]");
  await olga.page.locator("[data-locked]").waitFor();

  const pam = await stage.arrive("Pam");
  await pam.submit();
  const problem = pam.page.locator("[data-problem]");
  await problem.waitFor();
  assert.match(await problem.innerText(), /You could not join[^]*Back at noon\./);

  await panel.locator("[data-action=unlock]").click();
  await olga.page.locator("[data-locked]").waitFor({ state: "detached" });
  await pam.submit();
  await pam.page.locator(".call[data-phase=call]").waitFor();
  await pam.close();
  await olga.close();
});

test("a group whose definition is broken says so", async () => {
  const misconfigured = /this group is misconfigured; the administrator has been told/i;
  const visitor = await stage.arrive("visitor", { url: stage.server.url });
  const { page } = visitor;
  await page.fill("#group", "broken");
  await page.press("#group", "Enter");
  await page.getByText(misconfigured).waitFor();

  await page.goto(stage.server.group("broken"));
  await page.getByText(misconfigured).waitFor();
  // A page without a picture of its own makes the browser ask for one.
  await visitor.close(/status of (404|500)/);
});

test("a hand is raised and seen", async () => {
  const olga = await stage.join("Olga");
  const pam = await stage.join("Pam");
  await pam.page.locator("h1").press("h");
  await olga.tile("Pam").getByText("Hand raised").waitFor();
  await pam.page.locator("h1").press("h");
  await olga.tile("Pam").getByText("Hand raised").waitFor({ state: "detached" });
  await pam.close();
  await olga.close();
});

test("one can take part without camera and microphone, and is told why", async () => {
  const browser = await stage.launch(launchRefusing);
  const pam = await stage.arrive("Pam", { browser });
  await pam.page.click("[data-action=camera]");
  await pam.page.locator(".notice", { hasText: "did not allow" }).waitFor();

  const olga = await stage.join("Olga");
  await pam.submit();
  await pam.sees("Olga");
  await olga.tile("Pam").waitFor();
  await pam.say("I have no camera");
  await olga.hears("I have no camera");
  await pam.close();
  await olga.close();
});

test("somebody without a camera is told that there is none", async () => {
  const browser = await stage.launch(launchBare);
  const pam = await stage.arrive("Pam", { browser, settings: QUIET });
  await pam.page.click("[data-action=camera]");
  await pam.page.locator(".notice", { hasText: "No camera was found" }).waitFor();
  await pam.submit();
  await pam.page.locator(".call[data-phase=call]").waitFor();
  await pam.close();
});

test("pictures arrive as large as the sender chose, before and during the meeting", async () => {
  // Chromium's false camera has one size for all who use it at the same time.
  const viewer = await stage.arrive("Quinn", { settings: { cameraOn: false } });
  await viewer.submit();
  const sender = await stage.join("Pam", { settings: { quality: "balanced" } });
  // Chromium begins with less, whatever the line is good for, and takes its time to trust it.
  await viewer.sees("Pam", { size: { width: 640, height: 360 }, withinMs: 90_000 });

  await sender.page.getByRole("button", { name: "More" }).click();
  await sender.page.locator("tool-bar [data-item=settings]").click();
  await sender.page.locator("[data-setting=quality]").selectOption("low");
  await sender.page.getByRole("button", { name: "Done" }).click();
  await viewer.sees("Pam", { size: { width: 320, height: 180 } });
  await sender.close();
  await viewer.close();
});

test("whoever finds the group full on the way back is told so, and comes back when there is room", async () => {
  const crowd = await Crowd.gather(stage);
  const pam = await stage.enter("Pam", { group: "small", script: `(${keepSockets})()` });
  await pam.page.evaluate(() => window.cutOff());
  const banner = pam.page.locator("[data-banner=lost]");
  await banner.waitFor();
  // The server may not have missed her yet.
  await eventually(() => crowd.join("small", "Ann"));
  await pam.page.evaluate(() => window.letBack());
  await banner.getByText("The server says: Too many users in this group.").waitFor();
  await crowd.tell("Ann", "close");
  await banner.waitFor({ state: "detached" });
  await pam.page.locator('.tile[data-self]', { hasText: "Pam" }).waitFor();
  await crowd.close();
  await pam.close(CUT_OFF);
});

test("whoever is in a group that has moved is taken there on the way back", async () => {
  const pam = await stage.enter("Pam", { group: "moving", script: `(${keepSockets})()` });
  await pam.page.evaluate(() => window.cutOff());
  await pam.page.locator("[data-banner=lost]").waitFor();
  const { server } = stage;
  await server.define("moving", { ...MEETING, redirect: server.group("meeting") });
  await pam.page.evaluate(() => window.letBack());
  await pam.page.waitForURL(server.group("meeting"));
  await server.define("moving", MEETING);
  await pam.close(CUT_OFF);
});

for (const [what, signal] of /** @type {const} */ ([
  ["a lost connection comes back", "SIGKILL"],
  ["everybody is back after the server was restarted", "SIGTERM"],
])) {
  inChromium(`${what} by itself, with pictures and chat`, async () => {
    const olga = await stage.join("Olga");
    const pam = await stage.join("Pam");
    await pam.say("Before the storm");
    await olga.hears("Before the storm");

    await stage.server.end(signal);
    await olga.page.locator("[data-banner=lost]").waitFor();
    await pam.page.locator("[data-banner=lost]").waitFor();
    await stage.server.run();
    await pam.page.click("[data-action=rejoin]", { timeout: 2000 }).catch(() => {
      // It came back by itself before we could ask.
    });

    await olga.sees("Pam");
    await pam.sees("Olga");
    await olga.hears("Before the storm");
    for (const who of [olga, pam]) await who.close(/WebSocket connection|net::ERR_/);
  });
}

/** Runs in the page before its scripts: lets the page be cut off from the server, and be let back. */
function keepSockets() {
  const sockets = new Set();
  let isCutOff = false;
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(...rest) {
      super(...rest);
      sockets.add(this);
      if (isCutOff) this.close();
    }
  };
  window.cutOff = () => {
    isCutOff = true;
    for (const socket of sockets) socket.close();
  };
  window.letBack = () => (isCutOff = false);
}
