/**
 * What makes a meeting comfortable: for many people, on small screens, beside other windows, with other
 * keys, and with more to show than a face.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFirefox, launchBrowser } from "./browsers.js";
import { Crowd } from "./crowd.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { QUIET, setStage } from "./stage.js";
import { chooseFile, USER_FILES } from "./user-files.js";

/** The narrowest phones there are. */
const SMALL_PHONE = { width: 360, height: 640 };

/** Firefox without a display opens no window for a picture, and says that it did. */
const inChromium = isFirefox ? () => {} : test;

const stage = setStage(launchBrowser, {
  serve: () => {
    const users = { ...MEETING.users, Typist: { password: "keys", permissions: ["message", "caption"] } };
    return Server.start({ meeting: { ...MEETING, users, "auto-subgroups": true } });
  },
});

test("more people than fit on a small phone are on several pages", async () => {
  const crowd = await Crowd.gather(stage);
  const names = ["Ann", "Bob", "Cat", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida"];
  for (const name of names) await crowd.join("meeting", name);
  const { page, ...olga } = await stage.enter("Olga", { viewport: SMALL_PHONE });
  const shown = () => page.locator(".tile:not([data-self])").evaluateAll((tiles) => tiles.map((t) => t.dataset.name));
  const pager = page.getByRole("navigation", { name: "Pages of participants" });
  await pager.getByText("1 of 2").waitFor();
  const first = await shown();
  await pager.getByRole("button", { name: "Next page" }).click();
  await pager.getByText("2 of 2").waitFor();
  const second = await shown();
  assert.deepEqual([...first, ...second].sort(), names);
  assert.ok(await pager.getByRole("button", { name: "Next page" }).isDisabled());

  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  for (const panel of ["chat", "people"]) {
    await page.click(`[data-action=${panel}]`);
    await page.locator(`.panel[data-panel=${panel}]`).waitFor();
    assert.equal(await wide(), 0, `${panel} is wider than the phone`);
    await page.locator(".panel").getByRole("button", { name: "Close" }).first().click();
  }
  for (const item of ["settings", "shortcuts", "invite", "subgroups"]) {
    await page.getByRole("button", { name: "More" }).click();
    await page.locator(`tool-bar [data-item=${item}]`).click();
    await page.locator("dialog[open]").waitFor();
    assert.equal(await wide(), 0, `${item} is wider than the phone`);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
  await crowd.close();
  assert.deepEqual(olga.faults, []);
});

test("captions are shown below the pictures, in the size one reads, and pass", async () => {
  const crowd = await Crowd.gather(stage);
  await crowd.join("meeting", "Typist", "keys");
  const olga = await stage.enter("Olga");
  await olga.set("captions", (field) => field.selectOption("large"));
  await crowd.tell("Typist", "chat", "Good evening, everybody.", { kind: "caption" });
  const captions = olga.page.locator(".captions[data-size=large]");
  await captions.getByText("Typist: Good evening, everybody.").waitFor();
  const chat = await olga.openPanel("chat");
  assert.equal(await chat.getByText("Good evening").count(), 0, "captions are no chat");
  await captions.waitFor({ state: "detached" });
  await crowd.close();
  await olga.close();
});

inChromium("a picture leaves the page, and is asked for as large as it is", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.enter("Olga");
  await olga.sees("Pam");
  const lastRequest = async () => (await olga.sent("requestStream")).at(-1)?.request;
  await olga.choose("pip", olga.tile("Pam").locator("menu-button"));
  await olga.page.waitForFunction(() => document.pictureInPictureElement?.closest(".tile"));
  await eventually(async () => assert.deepEqual(await lastRequest(), ["audio", "video-low"]));
  await olga.page.evaluate(() => document.exitPictureInPicture());
  await eventually(async () => assert.equal(await lastRequest(), null));
  await pam.close();
  await olga.close();
});

test("a picture fills the screen", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.enter("Olga");
  await olga.sees("Pam");
  await olga.choose("fullscreen", olga.tile("Pam").locator("menu-button"));
  await olga.page.waitForFunction(() => document.fullscreenElement?.matches(".tile"));
  await olga.page.evaluate(() => document.exitFullscreen());
  await pam.close();
  await olga.close();
});

test("a small window over others shows everybody, and has what one needs at once", async () => {
  const pam = await stage.join("Pam");
  const quinn = await stage.join("Quinn");
  const olga = await stage.join("Olga");
  for (const name of ["Pam", "Quinn"]) await olga.sees(name);

  await olga.choose("float");
  const inWindow = (/** @type {string} */ selector) => {
    return olga.page.evaluate((selector) => {
      const { document } = window.documentPictureInPicture.window;
      return [...document.querySelectorAll(selector)].map((each) => each.dataset.name ?? each.currentTime);
    }, selector);
  };
  await olga.page.waitForFunction(() => window.documentPictureInPicture.window?.document.querySelector(".tile video"));
  assert.deepEqual(await inWindow(".tile"), ["Pam", "Quinn"]);
  const [before] = await inWindow("video");
  await eventually(async () => assert.ok((await inWindow("video"))[0] > before, "the picture stands still"));

  const click = (/** @type {string} */ action) => {
    return olga.page.evaluate((action) => {
      window.documentPictureInPicture.window.document.querySelector(`[data-action=${action}]`).click();
    }, action);
  };
  await click("microphone");
  await pam.page.locator('.tile[data-name="Olga"][data-muted]').waitFor();
  await quinn.leave();
  await eventually(async () => assert.deepEqual(await inWindow(".tile"), ["Pam"]));
  await click("leave");
  await olga.page.locator(".join-form").waitFor();
  await olga.page.waitForFunction(() => window.documentPictureInPicture.window === null);
  for (const who of [olga, pam, quinn]) await who.close();
});

test("keys can be changed, no key does two things, and the choice is remembered", async () => {
  const olga = await stage.enter("Olga");
  const { page } = olga;
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Change the key: Open or close the chat (C)" }).click();
  await page.keyboard.press("m");
  await dialog.getByRole("alert").getByText("M is taken: Mute or unmute").waitFor();
  await page.keyboard.press("x");
  await dialog.getByRole("button", { name: "Change the key: Open or close the chat (X)" }).waitFor();
  await dialog.getByRole("button", { name: "Change the key: Open or close the list" }).click();
  await page.keyboard.press("Delete");
  await dialog.getByRole("button", { name: "(none)" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await page.locator("h1").press("x");
  await page.locator(".panel[data-panel=chat]").waitFor();
  await page.locator("h1").press("x");
  await page.locator(".panel").waitFor({ state: "detached" });
  await page.locator("h1").press("c");
  await page.locator("h1").press("p");
  assert.equal(await page.locator(".panel").count(), 0);
  assert.equal(await page.locator("[data-action=chat]").getAttribute("aria-keyshortcuts"), "x");

  await page.reload();
  await olga.submit("secret");
  await page.locator(".call[data-phase=call]").waitFor();
  await page.locator("h1").press("x");
  await page.locator(".panel[data-panel=chat]").waitFor();
  await page.locator("h1").press("?");
  await dialog.getByRole("button", { name: "All keys as at first" }).click();
  await dialog.getByRole("button", { name: "Change the key: Open or close the chat (C)" }).waitFor();
  await olga.close();
});

test("an operator sees who is in which room, and enters one", async () => {
  const crowd = await Crowd.gather(stage);
  await crowd.join("meeting/kitchen", "Ann");
  await crowd.join("meeting/kitchen", "Bob");
  await crowd.join("meeting/reading room", "Cat");
  const olga = await stage.enter("Olga");
  const { page } = olga;
  await olga.choose("subgroups");
  await page.locator('[data-room="meeting/kitchen"]').getByText("2 people").waitFor();
  await page.locator('[data-room="meeting/reading room"]').getByText("1 person").waitFor();
  await page.getByRole("link", { name: "Enter reading room" }).click();
  await page.waitForURL(stage.server.group("meeting/reading%20room"));
  await page.goto(stage.server.group("meeting"));
  await olga.submit("secret");
  await page.locator(".call[data-phase=call]").waitFor();
  await olga.choose("subgroups");
  await page.getByLabel("Another room").fill("cellar");
  await page.getByRole("dialog").locator("[data-action=enter-room]").click();
  await page.waitForURL(stage.server.group("meeting/cellar"));
  await crowd.close();
  await olga.close();
});

test("several screens are shown at once, with the sound of one", async () => {
  const pam = await stage.join("Pam", { script: `(${screenWithSound})()` });
  const olga = await stage.enter("Olga");
  await pam.page.click("[data-action=share]");
  await olga.sees("Pam", { kind: "screen", size: null });
  await eventually(async () => {
    const { audio } = await olga.received("Pam", "screen");
    assert.ok(audio && audio.energy > 0, "the screen is silent");
  });
  await pam.page.click("[data-action=share]");
  await eventually(async () => assert.equal(await olga.tile("Pam", "screen").count(), 2));
  await eventually(async () => {
    const widths = await olga.tile("Pam", "screen").locator("video").evaluateAll((all) => all.map((v) => v.videoWidth));
    assert.ok(widths.length === 2 && widths.every((width) => width > 0), `${widths}`);
  });
  assert.equal(await olga.page.locator(".tile[data-stage]").count(), 2);

  // One is stopped by its tile, the other one by the banner.
  const own = pam.page.locator('.tile[data-kind=screen][data-self]');
  await pam.choose("stop", own.first().locator("menu-button"));
  await eventually(async () => assert.equal(await olga.tile("Pam", "screen").count(), 1));
  await pam.page.click("[data-action=stop-sharing]");
  await olga.tile("Pam", "screen").waitFor({ state: "detached" });
  await pam.close();
  await olga.close();
});

test("a film is played to the others, and the microphone is silent meanwhile", async () => {
  const pam = await stage.join("Pam", { script: USER_FILES });
  const olga = await stage.enter("Olga");
  await pam.page.evaluate(makeFilm);
  await pam.choose("presentfile");
  await pam.page.locator(".notice", { hasText: "You are muted" }).waitFor();
  const shown = olga.page.locator('.tile[data-name="Pam"][data-stage] video');
  await shown.waitFor();
  await eventually(async () => assert.equal(await shown.evaluate((video) => video.videoWidth), 160));
  // It ends by itself.
  await shown.waitFor({ state: "detached" });

  await chooseFile(pam, "notes.txt", "no film");
  await pam.choose("presentfile");
  await pam.page.locator(".notice", { hasText: "notes.txt cannot be played" }).waitFor();
  await pam.close(/ERR_/);
  await olga.close();
});

test("a screen or a film that is opened only when the meeting is over is closed again", async () => {
  const pam = await stage.enter("Pam", { script: `${USER_FILES}; (${answerLate})()` });
  const { page } = pam;
  const leaveFirst = async () => {
    await page.waitForFunction(() => window.isAsked);
    await pam.leave();
    await page.evaluate(() => window.answer());
    await page.waitForFunction(() => {
      return window.opened.length > 0 && window.opened.every(({ readyState }) => readyState === "ended");
    });
  };
  await page.click("[data-action=share]");
  await leaveFirst();

  await pam.submit();
  await page.locator(".call[data-phase=call]").waitFor();
  await page.evaluate(makeFilm);
  await page.evaluate(() => Object.assign(window, { opened: [], isAsked: false }));
  await pam.choose("presentfile");
  await leaveFirst();
  await pam.close(/ERR_/);
});

test("an invitation is valid as long as its maker wants", async () => {
  const olga = await stage.enter("Olga");
  const { page } = olga;
  const at = (/** @type {number} */ ms) => new Date(Date.now() + ms - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  await olga.choose("invite");
  await page.getByLabel("Name of the guest").fill("Early Bird");
  await page.getByLabel("Valid from").fill(at(3_600_000));
  await page.getByLabel("Valid until").fill(at(7_200_000));
  await page.getByRole("button", { name: "Make an invitation" }).click();
  const link = await page.getByLabel("Link for your guest").inputValue();
  const item = page.getByRole("listitem").filter({ hasText: "Early Bird" });
  const [until] = await item.getByText("Valid until").allInnerTexts();
  await item.getByRole("button", { name: "One day longer" }).click();
  await eventually(async () => assert.notEqual((await item.getByText("Valid until").allInnerTexts())[0], until));

  const early = await stage.arrive("Early Bird", { url: link, settings: QUIET });
  await early.page.fill("#username", "Early Bird");
  await early.page.click("[data-action=join]");
  const problem = early.page.locator("[data-problem]");
  await problem.waitFor();
  assert.match(await problem.innerText(), /This invitation is no longer valid|not valid/);
  await early.close();
  await olga.close();
});

test("what is seen and heard follows the settings", async () => {
  const pam = await stage.join("Pam");
  const olga = await stage.join("Olga");
  await olga.sees("Pam");
  await pam.sees("Olga");
  const own = olga.page.locator(".tile[data-self]");
  assert.equal(await own.locator("video.mirrored").count(), 1);
  await olga.set("mirror", (field) => field.uncheck());
  assert.equal(await own.locator("video:not(.mirrored)").count(), 1);
  await olga.set("hideSelf", (field) => field.check());
  await own.waitFor({ state: "detached" });
  await olga.set("hideSelf", (field) => field.uncheck());
  await own.waitFor();

  // Other sound: the same stream goes on, and nobody's picture is interrupted.
  const stream = await pam.tile("Olga").getAttribute("data-stream");
  const pictures = pam.keepsSeeing(["Olga"], 4000);
  await olga.set("music", (field) => field.check());
  await eventually(async () => assert.equal((await olga.page.evaluate(sentInPage)).audioBitrate, 128_000));
  await pictures;
  await pam.hearsVoiceOf("Olga");
  assert.equal(await pam.tile("Olga").getAttribute("data-stream"), stream);

  await olga.set("blackboard", (field) => field.check());
  await eventually(async () => assert.equal((await olga.page.evaluate(sentInPage)).hint, "detail"));

  await olga.set("receive", (field) => field.selectOption("audio"));
  await olga.tile("Pam").locator("video").waitFor({ state: "detached" });
  await olga.seesSpeaking("Pam");
  await pam.page.click("[data-action=microphone]");
  await olga.set("showSilent", (field) => field.uncheck());
  await olga.tile("Pam").waitFor({ state: "detached" });
  await olga.set("receive", (field) => field.selectOption("everything"));
  await olga.sees("Pam");

  await olga.choose("volume", olga.tile("Pam").locator("menu-button"));
  const slider = olga.page.getByRole("slider", { name: "Volume of Pam" });
  await slider.fill("40");
  await olga.page.getByRole("button", { name: "Done" }).click();
  await olga.choose("volume", olga.tile("Pam").locator("menu-button"));
  assert.equal(await slider.inputValue(), "40");
  await pam.close();
  await olga.close();
});

test("media go through a relay alone as long as one wants that", async () => {
  const pam = await stage.join("Pam", { settings: { forceRelay: true } });
  const olga = await stage.join("Olga");
  const policies = () => pam.page.evaluate(() => {
    const open = window.peerConnections.filter(({ signalingState }) => signalingState !== "closed");
    return open.map((pc) => pc.getConfiguration().iceTransportPolicy);
  });
  // One for what she sends, and one for what she receives. This server names no relay.
  await eventually(async () => assert.deepEqual(await policies(), ["relay", "relay"]));
  await pam.page.locator(".notice", { hasText: "this server names no relay" }).waitFor();
  await olga.tile("Pam").waitFor();
  const candidates = (await pam.sent("ice")).map(({ candidate }) => candidate.candidate);
  assert.deepEqual(candidates.filter((text) => / typ (host|srflx) /.test(text)), []);

  // Without it both directions find their way; Firefox begins anew for that.
  await pam.set("forceRelay", (field) => field.uncheck());
  await eventually(async () => assert.deepEqual(await policies(), ["all", "all"]));
  await pam.sees("Olga");
  await olga.sees("Pam");

  await pam.say("/set forceRelay");
  await eventually(async () => assert.deepEqual(await policies(), ["relay", "relay"]));
  await pam.close(/ICE failed/);
  await olga.close();
});

/** Runs in the page before its scripts: a screen that sounds. */
function screenWithSound() {
  // A tab of Firefox begins with a page that has no devices.
  if (!navigator.mediaDevices) return;
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 320, height: 180 });
    const picture = canvas.getContext("2d");
    setInterval(() => {
      picture.fillStyle = `hsl(${performance.now() / 20} 50% 50%)`;
      picture.fillRect(0, 0, 320, 180);
    }, 100);
    const context = new AudioContext();
    const sound = context.createMediaStreamDestination();
    const tone = context.createOscillator();
    tone.connect(sound);
    tone.start();
    return new MediaStream([...canvas.captureStream(10).getTracks(), ...sound.stream.getTracks()]);
  };
}

/** Runs in the page before its scripts: screens and films take their time to open, until `answer` is called. */
function answerLate() {
  // A tab of Firefox begins with a page that has no devices.
  if (!navigator.mediaDevices) return;
  window.opened = [];
  const wait = () => {
    window.isAsked = true;
    return new Promise((resolve) => (window.answer = () => resolve()));
  };
  const keep = (media) => {
    window.opened.push(...media.getTracks());
    return media;
  };
  navigator.mediaDevices.getDisplayMedia = async () => {
    await wait();
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    return keep(canvas.captureStream(10));
  };
  const films = HTMLMediaElement.prototype;
  const { play } = films;
  films.play = async function () {
    if (this.src.startsWith("blob:")) await wait();
    return play.call(this);
  };
  for (const name of ["captureStream", "mozCaptureStream"]) {
    const capture = films[name];
    if (capture) films[name] = function () {
      return keep(capture.call(this));
    };
  }
}

/** Runs in the page: makes a film of three seconds, with sound, that is to be chosen. */
async function makeFilm() {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 160, height: 90 });
  const picture = canvas.getContext("2d");
  const timer = setInterval(() => {
    picture.fillStyle = `hsl(${performance.now() / 10} 60% 50%)`;
    picture.fillRect(0, 0, 160, 90);
  }, 50);
  const context = new AudioContext();
  const sound = context.createMediaStreamDestination();
  const tone = context.createOscillator();
  tone.connect(sound);
  tone.start();
  const media = new MediaStream([...canvas.captureStream(20).getTracks(), ...sound.stream.getTracks()]);
  const recorder = new MediaRecorder(media, { mimeType: "video/webm;codecs=vp8,opus" });
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const done = new Promise((resolve) => recorder.addEventListener("stop", resolve));
  recorder.start();
  setTimeout(() => recorder.stop(), 3000);
  await done;
  clearInterval(timer);
  context.close();
  window.chosenFile = new File(parts, "film.webm", { type: "video/webm" });
}

/** Runs in the page: how the camera is sent. */
function sentInPage() {
  const senders = window.peerConnections
    .filter(({ connectionState }) => connectionState === "connected")
    .flatMap((pc) => pc.getSenders());
  const of = (kind) => senders.find(({ track }) => track?.kind === kind);
  return {
    audioBitrate: of("audio")?.getParameters().encodings[0]?.maxBitrate,
    hint: of("video")?.track.contentHint,
  };
}
