/**
 * Cameras, microphones and speakers: which there are, and how to open them.
 *
 * @import { Quality, Values } from "./settings.js"
 *
 * @typedef {"camera" | "microphone" | "screen"} Source
 * @typedef {"denied" | "none" | "busy" | "insecure" | "other"} Refusal
 */
import { Emitter } from "galene-client";
import { t } from "../i18n/index.js";

/** Why a device could not be opened. */
export class CaptureError extends Error {
  /** @override */
  name = "CaptureError";

  /**
   * @param {Source} source
   * @param {Refusal} refusal
   * @param {string} message
   */
  constructor(source, refusal, message) {
    super(message);
    this.source = source;
    this.refusal = refusal;
  }
}

/** For blackboards and papers: letters must be readable, and hardly anything moves. */
export const BLACKBOARD = { width: 1920, height: 1080, frameRate: 10, bitrate: 2_000_000 };

/** What sound may use if it is music, in bits per second. */
export const MUSIC_BITRATE = 128_000;

/**
 * Returns how large a picture is wanted, and how many bits per second it may take.
 * @param {Pick<Values, "quality" | "blackboard">} values
 */
export function pictureLimits({ quality, blackboard }) {
  return blackboard ? BLACKBOARD : QUALITIES[quality];
}

/** How large a picture each quality is, and how many bits per second it may take. */
export const QUALITIES = {
  low: { width: 320, height: 180, frameRate: 15, bitrate: 150_000 },
  balanced: { width: 640, height: 360, frameRate: 30, bitrate: 700_000 },
  best: { width: 1280, height: 720, frameRate: 30, bitrate: 2_000_000 },
};

/**
 * The devices that there are. Their names are known only after one was opened.
 * @extends {Emitter<{changed: {}}>}
 */
export class Devices extends Emitter {
  /** @type {MediaDeviceInfo[]} */
  cameras = [];
  /** @type {MediaDeviceInfo[]} */
  microphones = [];
  /** Empty where the browser cannot choose. @type {MediaDeviceInfo[]} */
  speakers = [];

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
  }

  /** Looks again. */
  async refresh() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const known = all.filter(({ deviceId }) => deviceId !== "");
    this.cameras = known.filter(({ kind }) => kind === "videoinput");
    this.microphones = known.filter(({ kind }) => kind === "audioinput");
    const canChoose = "setSinkId" in HTMLMediaElement.prototype;
    this.speakers = canChoose ? known.filter(({ kind }) => kind === "audiooutput") : [];
    this.emit("changed", {});
  }
}

/**
 * Opens a camera. If the one that is wanted is gone, the browser chooses another.
 * @param {Readonly<Values>} values
 * @param {"user" | "environment" | null} facing Which side of a phone
 * @returns {Promise<MediaStreamTrack>}
 * @throws {CaptureError}
 */
export async function openCamera(values, facing) {
  const { width, height, frameRate } = pictureLimits(values);
  const track = await open("camera", {
    video: {
      ...(facing ? { facingMode: { ideal: facing } } : wish(values.camera)),
      width: { ideal: width },
      height: { ideal: height },
      aspectRatio: { ideal: 16 / 9 },
      frameRate: { ideal: frameRate, max: frameRate },
    },
  });
  track.contentHint = values.blackboard ? "detail" : "motion";
  return track;
}

/**
 * Opens a microphone. If the one that is wanted is gone, the browser chooses another.
 * @param {Readonly<Values>} values
 * @returns {Promise<MediaStreamTrack>}
 * @throws {CaptureError}
 */
export async function openMicrophone(values) {
  const { music } = values;
  const track = await open("microphone", {
    audio: {
      ...wish(values.microphone),
      echoCancellation: values.echoCancellation && !music,
      noiseSuppression: values.noiseSuppression && !music,
      autoGainControl: values.autoGain && !music,
    },
  });
  if (music) track.contentHint = "music";
  return track;
}

/**
 * Asks for a screen, a window or a tab; with its sound if the browser offers that.
 * @returns {Promise<MediaStream | null>} `null` if the user changed their mind
 * @throws {CaptureError}
 */
export async function openScreen() {
  try {
    const options = { video: { frameRate: { max: 15 } }, audio: true };
    const media = await navigator.mediaDevices.getDisplayMedia(options);
    for (const track of media.getVideoTracks()) track.contentHint = "detail";
    return media;
  } catch (error) {
    const refused = refusal("screen", error);
    // The browser's own dialog has a button for this; there is nothing to explain.
    if (refused.refusal === "denied") return null;
    throw refused;
  }
}

/** Whether this browser can send what it plays from a file. */
export function canPresentFile() {
  return "captureStream" in HTMLMediaElement.prototype || "mozCaptureStream" in HTMLMediaElement.prototype;
}

/** Whether this browser can share a screen; phones cannot. */
export function canShareScreen() {
  return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

/**
 * Whether the user allowed a device on an earlier visit, so that opening it asks nothing.
 * @param {"camera" | "microphone"} source
 */
export async function isAllowed(source) {
  try {
    const name = /** @type {PermissionName} */ (source);
    const status = await navigator.permissions.query({ name });
    return status.state === "granted";
  } catch {
    // The browser does not tell. Then it will be asked when the user wants the device.
    return false;
  }
}

/**
 * @param {Source} source
 * @param {MediaStreamConstraints} constraints
 */
async function open(source, constraints) {
  if (!navigator.mediaDevices) throw refusal(source, null);
  try {
    const media = await navigator.mediaDevices.getUserMedia(constraints);
    const [track] = media.getTracks();
    if (track) return track;
  } catch (error) {
    throw refusal(source, error);
  }
  throw refusal(source, new DOMException("", "NotFoundError"));
}

/** @param {string} deviceId */
function wish(deviceId) {
  return deviceId === "" ? {} : { deviceId: { ideal: deviceId } };
}

/**
 * Finds words for what the browser says.
 * @param {Source} source
 * @param {unknown} error `null` if it has no such function
 */
export function refusal(source, error) {
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  if (error === null) return new CaptureError(source, "insecure", t(`capture.insecure.${source}`));
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new CaptureError(source, "denied", t(`capture.denied.${source}`));
    case "NotFoundError":
    case "OverconstrainedError":
      return new CaptureError(source, "none", t(`capture.none.${source}`));
    case "NotReadableError":
    case "AbortError":
      return new CaptureError(source, "busy", t(`capture.busy.${source}`));
    default:
      return new CaptureError(source, "other", t(`capture.other.${source}`));
  }
}
