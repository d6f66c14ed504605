/**
 * What happens to devices, networks and rights in the middle of a meeting; and other ways to prove who
 * one is.
 *
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthServer } from "./auth-server.js";
import { BadLink } from "./bad-link.js";
import { isFirefox, launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { QUIET, setStage } from "./stage.js";

/** What browsers report by themselves while the server is away. */
const AWAY = /WebSocket connection|ERR_CONNECTION_REFUSED|establish a connection|NetworkError/;

/** Chromium goes on looking for a way as long as it is asked to. */
const inFirefox = isFirefox ? test : () => {};

/** Longer than Firefox looks for a way to a server that it heard of before. */
const GIVE_UP_MS = 90_000;

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

inFirefox("pictures come and go again after the network was away for so long that the browser gave up", async () => {
  const olga = await stage.join("Olga");
  const pam = await stage.join("Pam", { prepare: (page) => link.use(page.context()) });
  await olga.sees("Pam");
  await pam.sees("Olga");
  await pam.page.evaluate(noteFailures);
  link.set({ loss: 1 });
  await pam.page.waitForFunction(() => window.going.size === 0, null, { timeout: GIVE_UP_MS });
  link.set({});
  await pam.page.evaluate(() => dispatchEvent(new Event("online")));
  await olga.sees("Pam");
  await pam.sees("Olga");
  await pam.close(/ICE failed/);
  await olga.close();
});

test("whoever turns microphone or camera off while the connection is lost comes back without them", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.enter("Olga");
  const microphone = pam.page.locator("[data-action=microphone]");
  await olga.sees("Pam");
  await lose(pam, olga);
  await microphone.click();
  await microphone.getByText("Unmute").waitFor();
  await regain(pam, olga);
  await olga.page.locator('.tile[data-name="Pam"][data-muted]').waitFor();
  await olga.hearsNothingOf("Pam");

  // And the other way round: then nobody is called mute any more.
  await lose(pam, olga);
  await microphone.click();
  await microphone.getByText("Mute", { exact: true }).waitFor();
  await regain(pam, olga);
  await olga.hearsVoiceOf("Pam");
  await olga.page.locator('.tile[data-name="Pam"]:not([data-muted])').waitFor();

  await lose(pam, olga);
  await pam.page.locator("h1").press("v");
  await pam.page.locator("[data-action=camera]").getByText("Start video").waitFor();
  await regain(pam, olga);
  await olga.page.locator('.tile[data-name="Pam"]:not([data-muted])').waitFor();
  assert.equal(await olga.tile("Pam").locator("video").count(), 0);
  const tracks = await pam.page.evaluate(() =>
    window.peerConnections.flatMap((pc) => pc.getSenders()).map(({ track }) => track?.readyState === "live" && track.kind),
  );
  assert.ok(!tracks.includes("video"), "the camera is still sent");
  await pam.close(AWAY);
  await olga.close(AWAY);
});

test("whoever speaks by the space bar is silent when it is let go, wherever that is", async () => {
  const pam = await stage.join("Pam");
  const { page } = pam;
  const microphone = page.locator("[data-action=microphone]");
  const speaks = async () => {
    await page.locator("h1").focus();
    await page.keyboard.down(" ");
    await microphone.getByText("Mute", { exact: true }).waitFor();
  };
  const isSilent = () => microphone.getByText("Unmute").waitFor();
  await microphone.click();
  await isSilent();
  await speaks();
  await page.keyboard.up(" ");
  await isSilent();

  // In another window, of which this page does not hear.
  await speaks();
  await page.evaluate(() => dispatchEvent(new Event("blur")));
  await isSilent();
  await page.keyboard.up(" ");

  await speaks();
  await lose(pam);
  await page.keyboard.up(" ");
  await isSilent();
  await regain(pam);
  await isSilent();
  await pam.close(AWAY);
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

/** Runs in the page: notes for all that goes on whether its ICE fails. */
function noteFailures() {
  const open = window.peerConnections.filter(({ signalingState }) => signalingState !== "closed");
  window.going = new Set(open);
  for (const pc of open) {
    pc.addEventListener("iceconnectionstatechange", () => {
      if (pc.iceConnectionState === "failed") window.going.delete(pc);
    });
  }
}

/** The server goes away. @param {Participant[]} who */
async function lose(...who) {
  await stage.server.end("SIGKILL");
  for (const { page } of who) await page.locator("[data-banner=lost]").waitFor();
}

/** The server is there again. @param {Participant[]} who */
async function regain(...who) {
  await stage.server.run();
  for (const { page } of who) await page.locator("[data-banner=lost]").waitFor({ state: "detached" });
}

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
