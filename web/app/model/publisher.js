/**
 * Publishes our camera, microphone and screens, and keeps what is published in line with them.
 *
 * @import { ServerConnection, UpStream } from "galene-client"
 * @import { LocalMedia } from "./local-media.js"
 * @import { Settings } from "./settings.js"
 *
 * @typedef {object} PublisherEvents
 * @property {{}} changed
 * @property {{text: string}} failed
 */
import { Emitter } from "galene-client";
import { QUALITIES } from "./devices.js";

/** @extends {Emitter<PublisherEvents>} */
export class Publisher extends Emitter {
  /** The screens that are shared. @type {Map<string, MediaStream>} */
  screens = new Map();

  /** @type {ServerConnection | null} */
  #connection = null;
  /** @type {UpStream | null} */
  #camera = null;
  /** @type {Map<string, UpStream>} */
  #screenStreams = new Map();
  #local;
  #settings;

  /**
   * @param {LocalMedia} local
   * @param {Settings} settings
   */
  constructor(local, settings) {
    super();
    this.#local = local;
    this.#settings = settings;
    local.on("changed", () => this.sync());
  }

  /**
   * Publishes through a connection from now on; whatever is open is published anew.
   * @param {ServerConnection | null} connection
   */
  use(connection) {
    this.#connection = connection;
    this.#camera = null;
    this.#screenStreams.clear();
    this.sync();
  }

  /** Brings what is published in line with what is open and allowed. */
  sync() {
    const connection = this.#connection;
    if (!connection?.permissions.includes("present") || connection.state !== "joined") return;
    this.#syncCamera(connection);
    for (const [key, media] of this.screens) {
      if (!this.#screenStreams.has(key)) this.#publishScreen(connection, key, media);
    }
  }

  /** @param {MediaStream} media */
  addScreen(media) {
    const key = media.id;
    this.screens.set(key, media);
    // The browser has its own button to stop sharing.
    media.getVideoTracks()[0]?.addEventListener("ended", () => this.removeScreen(key));
    this.sync();
    this.emit("changed", {});
  }

  /** @param {string} key */
  removeScreen(key) {
    for (const track of this.screens.get(key)?.getTracks() ?? []) track.stop();
    this.screens.delete(key);
    this.#screenStreams.get(key)?.close();
    this.#screenStreams.delete(key);
    this.emit("changed", {});
  }

  removeScreens() {
    for (const key of [...this.screens.keys()]) this.removeScreen(key);
  }

  /** The settings for quality changed. */
  applyQuality() {
    const { bitrate } = QUALITIES[this.#settings.values.quality];
    this.#camera?.setMaxBitrates("video", [bitrate]);
  }

  /** @param {ServerConnection} connection */
  #syncCamera(connection) {
    const { camera, microphone, media } = this.#local;
    const { bitrate } = QUALITIES[this.#settings.values.quality];
    if (!this.#camera) {
      if (!camera && !microphone) return;
      const stream = connection.publish(media, {
        label: "camera",
        videoEncodings: [{ maxBitrate: bitrate }],
      });
      this.#camera = stream;
      this.#watch(stream, () => {
        if (this.#camera === stream) this.#camera = null;
      });
      return;
    }
    if (!camera && !microphone) {
      const stream = this.#camera;
      this.#camera = null;
      return stream.close();
    }
    this.#setTrack("audio", microphone, []);
    this.#setTrack("video", camera, [{ maxBitrate: bitrate }]);
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   * @param {RTCRtpEncodingParameters[]} encodings
   */
  #setTrack(kind, track, encodings) {
    if (this.#camera && this.#camera.track(kind) !== track) {
      this.#camera.setTrack(kind, track, encodings);
    }
  }

  /**
   * @param {ServerConnection} connection
   * @param {string} key
   * @param {MediaStream} media
   */
  #publishScreen(connection, key, media) {
    const stream = connection.publish(media, { label: "screenshare" });
    this.#screenStreams.set(key, stream);
    this.#watch(stream, () => {
      if (this.#screenStreams.get(key) === stream) this.removeScreen(key);
    });
  }

  /**
   * @param {UpStream} stream
   * @param {() => void} forget
   */
  #watch(stream, forget) {
    stream.on("ended", ({ reason }) => {
      // A lost connection comes back, and `use` publishes everything again.
      if (reason !== "lost") forget();
    });
    stream.on("error", ({ error }) => {
      this.emit("failed", { text: `Your picture and sound could not be sent. ${error.message}` });
    });
  }
}
