/**
 * Our own camera and microphone: on or off, and which ones. The same before and during a meeting.
 *
 * The camera is closed when it is off, so that its light goes out. A microphone that was opened stays
 * open when muted, so that unmuting takes no time; its track is then silent.
 *
 * @import { Settings } from "./settings.js"
 *
 * @typedef {object} LocalMediaEvents
 * @property {{}} changed
 * @property {{}} opened A device was opened: from now on the browser tells the names of all
 * @property {{error: CaptureError}} failed
 */
import { Emitter } from "galene-client";
import { t } from "../i18n/index.js";
import { CaptureError, openCamera, openMicrophone, refusal } from "./devices.js";

/** @extends {Emitter<LocalMediaEvents>} */
export class LocalMedia extends Emitter {
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  isMuted = true;
  /** Whether a device is being opened. */
  isBusy = false;
  /** The tracks, as one stream. */
  media = new MediaStream();

  #settings;
  /** @type {"user" | "environment" | null} */
  #facing = null;
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {Settings} settings */
  constructor(settings) {
    super();
    this.#settings = settings;
  }

  get isCameraOn() {
    return this.camera !== null;
  }

  /**
   * Opens or closes the camera, and remembers that choice.
   * @param {boolean} on
   */
  setCamera(on) {
    return this.#do(async () => {
      this.#settings.set({ cameraOn: on });
      if (!on) return this.#takeCamera(null);
      if (this.camera) return;
      this.#takeCamera(await openCamera(this.#settings.values, this.#facing));
    });
  }

  /** Turns to the other side of a phone. */
  flipCamera() {
    this.#facing = this.#facing === "environment" ? "user" : "environment";
    return this.reopenCamera();
  }

  /** Mutes because somebody else wants it; that is not remembered as a choice. */
  mute() {
    this.#applyMuted(true);
  }

  /**
   * Mutes or unmutes, and remembers that choice. Opens the microphone the first time.
   * @param {boolean} muted
   */
  setMuted(muted) {
    // Silence must be immediate, whatever else is going on.
    if (muted) this.#applyMuted(true);
    return this.#do(async () => {
      this.#settings.set({ microphoneOn: !muted });
      if (!muted && !this.microphone) {
        this.#takeMicrophone(await openMicrophone(this.#settings.values));
      }
      this.#applyMuted(muted);
    });
  }

  /**
   * Changes to another camera.
   * @param {string} deviceId
   */
  chooseCamera(deviceId) {
    this.#settings.set({ camera: deviceId });
    this.#facing = null;
    return this.reopenCamera();
  }

  /** Opens the camera anew, if it is on: the settings changed. */
  reopenCamera() {
    return this.#do(async () => {
      if (!this.camera) return;
      // Some cameras can be open only once, so the old one is closed first.
      this.camera.stop();
      try {
        this.#takeCamera(await openCamera(this.#settings.values, this.#facing));
      } catch (error) {
        this.#takeCamera(null);
        throw error;
      }
    });
  }

  /**
   * Changes to another microphone.
   * @param {string} deviceId
   */
  chooseMicrophone(deviceId) {
    this.#settings.set({ microphone: deviceId });
    return this.reopenMicrophone();
  }

  /** Opens the microphone anew, if it is open: the settings changed. */
  reopenMicrophone() {
    return this.#do(async () => {
      if (this.microphone) this.#takeMicrophone(await openMicrophone(this.#settings.values));
    });
  }

  /** Closes everything, without remembering that as a choice. */
  close() {
    return this.#do(async () => {
      this.#takeCamera(null);
      this.#takeMicrophone(null);
      this.#applyMuted(true);
    });
  }

  /** @param {boolean} muted */
  #applyMuted(muted) {
    this.isMuted = muted;
    if (this.microphone) this.microphone.enabled = !muted;
    this.emit("changed", {});
  }

  /** @param {MediaStreamTrack | null} track */
  #takeCamera(track) {
    this.#exchange(this.camera, track);
    this.camera = track;
    track?.addEventListener("ended", () => {
      if (this.camera !== track) return;
      this.#takeCamera(null);
      this.#fail(new CaptureError("camera", "busy", t("capture.lost.camera")));
    });
    this.emit("changed", {});
  }

  /** @param {MediaStreamTrack | null} track */
  #takeMicrophone(track) {
    this.#exchange(this.microphone, track);
    this.microphone = track;
    if (track) track.enabled = !this.isMuted;
    track?.addEventListener("ended", () => {
      if (this.microphone !== track) return;
      this.#takeMicrophone(null);
      this.#applyMuted(true);
      const text = t("capture.lost.microphone");
      this.#fail(new CaptureError("microphone", "busy", text));
    });
    this.emit("changed", {});
  }

  /**
   * @param {MediaStreamTrack | null} before
   * @param {MediaStreamTrack | null} after
   */
  #exchange(before, after) {
    if (before) {
      before.stop();
      this.media.removeTrack(before);
    }
    if (!after) return;
    this.media.addTrack(after);
    this.emit("opened", {});
  }

  /**
   * One thing after the other: a device that is being opened cannot be closed.
   * @param {() => Promise<void>} task
   */
  #do(task) {
    this.#last = this.#last.then(async () => {
      this.isBusy = true;
      this.emit("changed", {});
      try {
        await task();
      } catch (error) {
        this.#fail(error instanceof CaptureError ? error : refusal("camera", error));
      } finally {
        this.isBusy = false;
        this.emit("changed", {});
      }
    });
    return this.#last;
  }

  /** @param {CaptureError} error */
  #fail(error) {
    this.emit("failed", { error });
  }
}
