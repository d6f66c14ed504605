/**
 * Our own camera and microphone: on or off, and which ones. The same before and during a meeting.
 *
 * The camera is closed when it is off, so that its light goes out. A microphone that was opened stays
 * open when muted, so that unmuting takes no time; its track is then silent.
 *
 * The camera's picture may be given another backdrop; then `camera` is what was made of it.
 *
 * @import { Backdrop } from "../effects/backdrop.js"
 * @import { BackdropKind, Settings } from "./settings.js"
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
  /** The camera itself, as opposed to what is made of its picture. @type {MediaStreamTrack | null} */
  #device = null;
  /** @type {Backdrop | null} */
  #backdrop = null;
  /** @type {"user" | "environment" | null} */
  #facing = null;
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {Settings} settings */
  constructor(settings) {
    super();
    this.#settings = settings;
  }

  /** The id of the camera that is open; empty if none is. */
  get cameraId() {
    return this.#device?.getSettings().deviceId ?? "";
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
      if (!this.camera) await this.#openCamera();
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
      this.#device?.stop();
      try {
        await this.#openCamera();
      } catch (error) {
        this.#takeCamera(null);
        throw error;
      }
    });
  }

  /**
   * Puts something else behind whoever is in front of the camera, or no longer; the camera stays open.
   * @param {BackdropKind} kind
   */
  setBackdrop(kind) {
    return this.#do(async () => {
      this.#settings.set({ backdrop: kind });
      if (this.#device) await this.#show(this.#device);
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

  async #openCamera() {
    const device = await openCamera(this.#settings.values, this.#facing);
    try {
      await this.#show(device);
    } catch (error) {
      // Whoever wants another backdrop does not want the room to be seen.
      if (this.#device !== device) device.stop();
      throw error;
    }
    device.addEventListener("ended", () => {
      if (this.#device !== device) return;
      this.#takeCamera(null);
      this.#fail(new CaptureError("camera", "busy", t("capture.lost.camera")));
    });
  }

  /**
   * Shows what a camera gives, before the backdrop that is wanted.
   * @param {MediaStreamTrack} device
   */
  async #show(device) {
    const { backdrop: kind } = this.#settings.values;
    if (kind === "none") return this.#takeCamera(device, device, null);
    const backdrop = await this.#makeBackdrop(device, kind).catch(() => {
      this.#settings.set({ backdrop: "none" });
      throw this.#backdropFailure(this.#device === device);
    });
    backdrop.on("failed", () => {
      if (this.#backdrop !== backdrop) return;
      this.#settings.set({ backdrop: "none" });
      this.#takeCamera(null);
      this.#fail(this.#backdropFailure(false));
    });
    this.#takeCamera(backdrop.track, device, backdrop);
  }

  /** @param {boolean} isOn Whether the camera stays on nevertheless */
  #backdropFailure(isOn) {
    return new CaptureError("camera", "other", t(isOn ? "backdrop.failed" : "backdrop.failed.off"));
  }

  /**
   * @param {MediaStreamTrack} device
   * @param {BackdropKind} kind
   */
  async #makeBackdrop(device, kind) {
    // Only who uses it loads it.
    const { Backdrop } = await import("../effects/backdrop.js");
    if (kind === "blur") return Backdrop.start(device, null);
    const { ownPicture } = await import("../effects/own-picture.js");
    return Backdrop.start(device, await ownPicture());
  }

  /**
   * @param {MediaStreamTrack | null} track What is shown and published
   * @param {MediaStreamTrack | null} [device] The camera that it comes from
   * @param {Backdrop | null} [backdrop] What makes it of that
   */
  #takeCamera(track, device = null, backdrop = null) {
    const before = { track: this.camera, device: this.#device, backdrop: this.#backdrop };
    this.camera = track;
    this.#device = device;
    this.#backdrop = backdrop;
    if (before.track) this.media.removeTrack(before.track);
    if (track) this.media.addTrack(track);
    before.backdrop?.stop();
    if (before.device !== device) before.device?.stop();
    if (device && before.device !== device) this.emit("opened", {});
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
