/**
 * What happens to devices, networks and rights in the middle of a meeting; and other ways to prove who
 * one is.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthServer } from "./auth-server.js";
import { BadLink } from "./bad-link.js";
import { launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { QUIET, setStage } from "./stage.js";

/** @type {AuthServer} */ let auth;
const link = new BadLink(1);

const stage = setStage(launchBrowser, {
  serve: async (stage) => {
    stage.atEnd(() => link.close());
    auth = await AuthServer.start();
    stage.atEnd(() => auth.stop());
    const known = { ...MEETING, public: false, authKeys: [auth.key] };
    const server = await Server.start({
      meeting: { ...MEETING, "allow-recording": true },
      quiet: { ...MEETING, public: false },
      known: { ...known, "wildcard-user": undefined, authServer: `${auth.url}/` },
      portal: { ...known, authPortal: `${auth.url}/portal` },
    });
    auth.portalOf = server.group("portal");
    return server;
  },
});

test("a camera and a microphone that are unplugged say so, and can be turned on again", async () => {
  const pam = await stage.join("Pam", { script: `(${keepTracks})()` });
  const olga = await stage.enter("Olga");
  await olga.sees("Pam");
  await pam.page.evaluate(() => window.unplug("video"));
  await pam.page.locator(".notice", { hasText: "Your camera was unplugged" }).waitFor();
  await olga.tile("Pam").locator("video").waitFor({ state: "detached" });
  assert.match(await pam.page.locator("[data-action=camera]").innerText(), /Start video/);
  await pam.page.evaluate(() => window.unplug("audio"));
  await pam.page.locator(".notice", { hasText: "Your microphone was unplugged" }).waitFor();
  await olga.page.locator('.tile[data-name="Pam"][data-muted]').waitFor();

  await pam.turnOnDevices();
  await olga.sees("Pam");
  await olga.hearsVoiceOf("Pam");
  await pam.close();
  await olga.close();
});

test("pictures come back after the network was away, without a click", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.enter("Olga", { prepare: (page) => link.use(page.context()) });
  await olga.sees("Pam");
  const restarts = async () => (await olga.sent("renegotiate")).length;
  const before = await restarts();

  link.set({ loss: 1 });
  await olga.tile("Pam").getByText(/Connecting|Interrupted/).waitFor();
  link.set({});
  await olga.page.evaluate(() => dispatchEvent(new Event("online")));
  await eventually(async () => assert.ok((await restarts()) > before, "media look for no other way"));
  await olga.sees("Pam");
  assert.equal(await olga.page.locator("[data-banner=lost]").count(), 0, "the meeting itself went on");
  await olga.close();
  await pam.close();
});

test("a browser that plays nothing unasked is asked by a click", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.enter("Olga", { script: `(${refuseSound})()` });
  const banner = olga.page.locator("[data-banner=blocked]");
  await banner.getByText("Your browser plays no sound").waitFor();
  await banner.getByRole("button", { name: "Click to hear" }).click();
  await banner.waitFor({ state: "detached" });
  await olga.page.waitForFunction(() => window.isPlaying);
  await olga.close();
  await pam.close();
});

test("recording is offered to those who may, is confirmed, seen by all and stopped", async () => {
  // The server has no recorder yet: what the protocol says of one is played in its place.
  const olga = await stage.enter("Olga", { script: `(${playRecorder})()` });
  const { page } = olga;
  await olga.choose("record");
  await page.getByText("All pictures and all sound are kept").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.locator("[data-recording]").count(), 0);
  await olga.choose("record");
  await page.click("[data-action=confirm]");
  await page.locator("[data-recording]").getByText("Recording").waitFor();
  const people = await olga.openPanel("people");
  await people.locator('[data-name="RECORDING"]').getByText("Part of the server").waitFor();
  assert.equal(await people.locator('[data-name="RECORDING"] menu-button').count(), 0);
  assert.equal(await page.locator(".tile").count(), 1, "a recorder has no tile");
  await olga.choose("unrecord");
  await page.locator("[data-recording]").waitFor({ state: "detached" });

  // The list is a page of the server's that asks for the password once more: browsers do that, not pages.
  await stage.server.keepRecording("meeting", "2026-11-23-100000-Olga.webm", "film");
  await page.evaluate(() => (window.open = (path) => void (window.opened = path)));
  await olga.choose("recordings");
  const list = new URL(await page.evaluate(() => window.opened), page.url());
  const headers = { Authorization: `Basic ${btoa("Olga:secret")}` };
  assert.match(await (await fetch(list, { headers })).text(), /2026-11-23-100000-Olga\.webm/);

  // Where it is not allowed, nobody sees a word of it.
  await olga.close();
  const other = await stage.enter("Olga", { group: "quiet" });
  await other.page.locator("tool-bar [aria-haspopup=menu]").last().click();
  for (const item of ["record", "recordings"]) {
    assert.equal(await other.page.locator(`tool-bar [data-item=${item}]`).count(), 0);
  }
  await other.close();
});

test("another server vouches for users, refuses them, or leaves it to the group", async () => {
  const vimes = await stage.arrive("Vimes", { group: "known", settings: QUIET });
  await vimes.submit("wrong");
  const problem = vimes.page.locator("[data-problem]");
  await problem.getByText("refused your name and password").waitFor();
  await vimes.submit("badge");
  await vimes.page.locator(".call[data-phase=call]").waitFor();
  await vimes.close(/status of 403/);

  const olga = await stage.enter("Olga", { group: "known" });
  assert.ok(await olga.page.getByText("Operator").first().isVisible());
  await olga.close();
});

test("a group with a portal sends people there, and takes those who come from it", async () => {
  const vimes = await stage.arrive("Vimes", { group: "portal", settings: QUIET });
  await vimes.page.getByText("You were invited").waitFor();
  assert.equal(vimes.page.url(), stage.server.group("portal"), "the token is not in the address");
  await vimes.page.click("[data-action=join]");
  await vimes.page.locator(".call[data-phase=call]").waitFor();
  await vimes.page.locator(".tile[data-self]", { hasText: "Vimes" }).waitFor();
  await vimes.close();
});

/** Runs in the page before its scripts: keeps what is captured, so that it can be unplugged. */
function keepTracks() {
  // A tab of Firefox begins with a page that has no devices.
  if (!navigator.mediaDevices) return;
  const tracks = [];
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const media = await original(constraints);
    for (const track of media.getTracks()) {
      tracks.push(track);
      // Firefox delivers no such event that a script sends.
      const listen = track.addEventListener.bind(track);
      track.addEventListener = (type, listener) => {
        if (type === "ended") track.whenEnded = listener;
        listen(type, listener);
      };
    }
    return media;
  };
  window.unplug = (kind) => {
    const track = tracks.findLast((each) => each.kind === kind && each.readyState === "live");
    // Browsers tell only what they end themselves.
    track.stop();
    track.whenEnded(new Event("ended"));
  };
}

/** Runs in the page before its scripts: answers for the recorder that a server may have. */
function playRecorder() {
  const recorder = { type: "user", id: "recorder", username: "RECORDING", permissions: ["system"] };
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    const { type, kind } = JSON.parse(text);
    if (type !== "groupaction" || !["record", "unrecord"].includes(kind)) return send.call(this, text);
    const data = JSON.stringify({ ...recorder, kind: kind === "record" ? "add" : "delete" });
    this.dispatchEvent(new MessageEvent("message", { data }));
  };
}

/** Runs in the page before its scripts: plays sound only after a click. */
function refuseSound() {
  const original = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    const isAsked = document.querySelector("[data-banner=blocked]") !== null;
    if (this instanceof HTMLAudioElement && !isAsked && !window.wasAsked) {
      return Promise.reject(new DOMException("not yet", "NotAllowedError"));
    }
    window.wasAsked = true;
    this.addEventListener("playing", () => (window.isPlaying = this instanceof HTMLAudioElement));
    return original.call(this);
  };
}
