/**
 * Files that come and go between us and others.
 *
 * @import { FileTransfers, Transfer, User } from "galene-client"
 */
import { Emitter } from "galene-client";

/** What is over and older than this many goes away. */
const MAX_SHOWN = 30;

/** @extends {Emitter<{changed: {}, offered: {transfer: Transfer}}>} */
export class FileDesk extends Emitter {
  /** The latest last. @type {Transfer[]} */
  shown = [];
  /** @type {FileTransfers | null} */
  #transfers = null;

  /** @param {FileTransfers} transfers Those of the connection from now on */
  use(transfers) {
    this.#transfers = transfers;
    transfers.on("offered", ({ transfer }) => {
      this.#show(transfer);
      this.emit("offered", { transfer });
    });
  }

  /** Whether leaving would interrupt something. */
  get isBusy() {
    return this.#transfers?.isBusy ?? false;
  }

  /**
   * @param {User} user
   * @param {Iterable<File>} files
   */
  send(user, files) {
    for (const file of files) {
      if (this.#transfers) this.#show(this.#transfers.send(user.id, file));
    }
  }

  /** @param {Transfer} transfer */
  dismiss(transfer) {
    this.shown = this.shown.filter((other) => other !== transfer);
    this.emit("changed", {});
  }

  /** @param {Transfer} transfer */
  #show(transfer) {
    const goingOn = this.shown.filter(({ isOver }) => !isOver);
    const over = this.shown.filter(({ isOver }) => isOver);
    this.shown = [...over, ...goingOn, transfer].slice(-MAX_SHOWN);
    let isSaved = false;
    transfer.on("changed", () => {
      if (transfer.result && !isSaved) {
        isSaved = true;
        save(transfer.result, transfer.name);
      }
      this.emit("changed", {});
    });
    this.emit("changed", {});
  }
}

/**
 * Lets the browser keep it, under the name that it had.
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser must have begun to read it before.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Opens a film or music as something that can be shown to the others.
 * @param {File} file
 * @returns {Promise<{media: MediaStream, stop: () => void, ended: Promise<void>}>} `ended` when it was played to its end
 */
export async function playFile(file) {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  const stop = () => {
    video.pause();
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  };
  video.src = url;
  video.playsInline = true;
  try {
    await video.play();
  } catch (error) {
    stop();
    throw error;
  }
  const capturing = /** @type {HTMLVideoElement & Record<string, () => MediaStream>} */ (video);
  const media = (capturing["captureStream"] ?? capturing["mozCaptureStream"])?.call(video);
  if (!media) {
    stop();
    throw new Error("this browser cannot do that");
  }
  const ended = new Promise((resolve) => video.addEventListener("ended", () => resolve(undefined)));
  return { media, stop, ended };
}
