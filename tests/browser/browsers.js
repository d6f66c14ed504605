/**
 * The browsers of Debian, with false cameras and microphones, and without questions.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { chromium, firefox } from "../../web/node_modules/playwright-core/index.mjs";
import { eventually } from "./eventually.js";

/**
 * Starts Chromium.
 * @param {number} [fps] Of its false camera: ten pictures a second are enough to see that they move
 */
export function launchChromium(fps = 10) {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      `--use-fake-device-for-media-stream=fps=${fps},display-media-type=monitor`,
      // Allows cameras and microphones, and answers the question which screen to share.
      "--use-fake-ui-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
}

/** Whether stories that either browser can tell are told in Firefox. */
export const isFirefox = process.env.BROWSER === "firefox";

/** Starts the browser that such a story is told in. */
export const launchBrowser = () => (isFirefox ? launchFirefox() : launchChromium());

/** Starts that browser, whose user refuses everything. */
export function launchRefusing() {
  if (isFirefox) {
    const refused = { "permissions.default.camera": 2, "permissions.default.microphone": 2 };
    return launchFirefox({ "media.navigator.permission.disabled": false, ...refused });
  }
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"],
  });
}

/** Starts that browser on a computer without a camera. */
export function launchBare() {
  if (isFirefox) {
    // Nothing has these names, whatever the machine has.
    const none = { "media.video_loopback_dev": "none", "media.audio_loopback_dev": "none" };
    return launchFirefox({ "media.navigator.streams.fake": false, ...none });
  }
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"],
  });
}

/**
 * Starts Firefox, and before it the sound server that it needs: without one it plays nothing.
 * @param {Record<string, boolean | number | string>} [preferences]
 */
export async function launchFirefox(preferences = {}) {
  const sound = await startSound();
  try {
    const browser = await firefox.launch({
      channel: "moz-firefox",
      executablePath: "/usr/bin/firefox-esr",
      env: { ...process.env, ...sound.env },
      firefoxUserPrefs: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        "media.autoplay.block-webaudio": false,
        ...preferences,
      },
    });
    browser.on("disconnected", sound.stop);
    return browser;
  } catch (error) {
    await sound.stop();
    throw error;
  }
}

/** A PulseAudio of our own that plays into nothing. */
async function startSound() {
  const directory = await mkdtemp(path.join(os.tmpdir(), "galene-sound-"));
  const env = { XDG_RUNTIME_DIR: directory, HOME: directory };
  const modules = ["module-null-sink sink_name=null", "module-native-protocol-unix"];
  const child = spawn(
    "pulseaudio",
    ["-n", "--daemonize=no", "--exit-idle-time=-1", ...modules.flatMap((module) => ["-L", module])],
    { stdio: "ignore", env: { ...process.env, ...env } },
  );
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    // A program that is not there says so here; the wait below then fails.
    child.once("error", resolve);
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    child.kill();
    await ended;
    process.off("exit", kill);
    // Firefox may still be writing there while it ends.
    await rm(directory, { recursive: true, force: true, maxRetries: 20 });
  };
  try {
    await eventually(async () => {
      if (!existsSync(path.join(directory, "pulse/native"))) throw new Error("PulseAudio did not start");
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, stop };
}
