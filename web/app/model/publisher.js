/**
 * Publishes our camera, microphone, screens and files, and keeps what is published in line with them.
 *
 * @import { Publication, Session } from "galene-client"
 * @import { LocalMedia } from "./local-media.js"
 * @import { Settings } from "./settings.js"
 *
 * @typedef {object} Share Something that is shown to the others besides the camera
 * @property {"screenshare" | "video"} label
 * @property {MediaStream} media
 * @property {Publication} publication
 * @property {() => void} stop What else ends with it
 *
 * @typedef {object} PublisherEvents
 * @property {{}} changed
 * @property {{error: Error}} failed
 */
import { cameraEncodings, Emitter, unusedEncodings } from "galene-client";
import { MUSIC_BITRATE, pictureLimits } from "./devices.js";

/** @extends {Emitter<PublisherEvents>} */
export class Publisher extends Emitter {
  /** By a key of our own. @type {Map<string, Share>} */
  shares = new Map();

  /** @type {Publication | null} */
  camera = null;
  /** @type {RTCRtpEncodingParameters[]} */
  #encodings = [];
  /** How many others there are. */
  #receivers = 0;
  /** The encodings that are not sent, as one text. */
  #paused = "";
  #session;
  #local;
  #settings;

  /**
   * @param {Session} session
   * @param {LocalMedia} local
   * @param {Settings} settings
   */
  constructor(session, local, settings) {
    super();
    this.#session = session;
    this.#local = local;
    this.#settings = settings;
    local.on("changed", () => this.sync());
  }

  /** Whether a screen is shared. */
  get hasScreen() {
    return [...this.shares.values()].some(({ label }) => label === "screenshare");
  }

  /** Brings what is published in line with what is open. */
  sync() {
    if (this.#session.phase === "idle" || this.#session.phase === "joining") return;
    const { camera, microphone, media } = this.#local;
    if (!this.camera) {
      if (!camera && !microphone) return;
      this.#encodings = this.#chooseEncodings();
      const publication = this.#session.publish(media, {
        label: "camera",
        audioEncodings: this.#settings.values.music ? [{ maxBitrate: MUSIC_BITRATE }] : [],
        videoEncodings: this.#encodings,
      });
      this.camera = publication;
      this.#paused = "";
      this.#pause();
      publication.on("error", ({ error }) => this.emit("failed", { error }));
      publication.on("ended", () => {
        if (this.camera === publication) this.camera = null;
      });
      return;
    }
    if (!camera && !microphone) return this.camera.close();
    this.#pause();
    if (this.camera.track("audio") !== microphone) {
      this.camera.setTrack("audio", microphone, []);
    }
    if (this.camera.track("video") !== camera) {
      this.camera.setTrack("video", camera, this.#encodings);
    }
  }

  /**
   * Shows something besides the camera, and returns by which key it can be stopped.
   * @param {MediaStream} media
   * @param {"screenshare" | "video"} label
   * @param {() => void} [stop]
   */
  share(media, label, stop = () => {}) {
    const key = media.id;
    const publication = this.#session.publish(media, { label });
    this.shares.set(key, { label, media, publication, stop });
    publication.on("ended", () => this.stop(key));
    publication.on("error", ({ error }) => this.emit("failed", { error }));
    // The browser has its own button to stop sharing.
    for (const track of media.getTracks()) {
      track.addEventListener("ended", () => {
        if (media.getTracks().every(({ readyState }) => readyState === "ended")) this.stop(key);
        else if (track.kind === "video" && label === "screenshare") this.stop(key);
      });
    }
    this.emit("changed", {});
    return key;
  }

  /** @param {string} key */
  stop(key) {
    const share = this.shares.get(key);
    if (!share) return;
    this.shares.delete(key);
    for (const track of share.media.getTracks()) track.stop();
    share.publication.close();
    share.stop();
    this.emit("changed", {});
  }

  /** @param {"screenshare" | "video"} [label] All, if it is left out */
  stopAll(label) {
    for (const [key, share] of [...this.shares]) {
      if (label === undefined || share.label === label) this.stop(key);
    }
  }

  /** How many others there are decides how many sizes are worth sending. @param {number} count */
  setReceivers(count) {
    if (this.#receivers === count) return;
    this.#receivers = count;
    this.#pause();
  }

  /** The settings for quality changed. */
  applyQuality() {
    const encodings = this.#chooseEncodings();
    if (encodings.length === this.#encodings.length) {
      this.#encodings = encodings;
      this.camera?.setMaxBitrates(encodings.map(({ maxBitrate }) => maxBitrate ?? 0));
      return;
    }
    this.republish();
  }

  /** The settings for sound changed. */
  applySound() {
    this.camera?.setMaxBitrates([this.#settings.values.music ? MUSIC_BITRATE : Infinity], "audio");
  }

  /** Publishes the camera anew: the number of encodings cannot be changed. */
  republish() {
    const { camera } = this;
    if (!camera) return;
    this.camera = null;
    camera.close();
    this.sync();
  }

  #chooseEncodings() {
    const { simulcast } = this.#settings.values;
    // Firefox does not keep to the limits of small encodings, so there it must be asked for.
    const isFirefox = navigator.userAgent.includes("Firefox");
    const isSimulcast = simulcast === "on" || (simulcast === "auto" && !isFirefox);
    return cameraEncodings(pictureLimits(this.#settings.values), isSimulcast);
  }

  /** Sends no size that nobody watches; servers that know who watches what say so themselves. */
  #pause() {
    const isTold = this.#session.connection?.features.includes("encodings") ?? false;
    const isAuto = this.#settings.values.simulcast === "auto";
    const unused = isAuto && !isTold ? unusedEncodings(this.#encodings, this.#receivers) : [];
    if (unused.join() === this.#paused) return;
    this.#paused = unused.join();
    this.camera?.pauseEncodings(unused);
  }
}
