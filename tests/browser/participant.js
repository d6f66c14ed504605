/**
 * Somebody in a meeting: one page of one browser, and what can be seen and heard there.
 *
 * @import { Browser, Locator, Page } from "../../web/node_modules/playwright-core/index.mjs"
 */
import assert from "node:assert/strict";
import { eventually, throughout } from "./eventually.js";

/** What is sent with the setting that saves data: there are six pictures on the processors of a test. */
export const PUBLISHED = { width: 320, height: 180 };

export class Participant {
  /** Faults of the page: there should be none. @type {string[]} */
  faults = [];
  #context;

  /**
   * @param {string} name
   * @param {Page} page
   */
  constructor(name, page) {
    this.name = name;
    this.page = page;
    this.#context = page.context();
    page.on("pageerror", (error) => this.faults.push(error.stack ?? error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.faults.push(message.text());
    });
  }

  /**
   * Opens the page of a group, without joining.
   * @param {Browser} browser
   * @param {string} url
   * @param {string} name
   * @param {{viewport?: {width: number, height: number}, theme?: "light" | "dark", script?: string,
   *   settings?: object, prepare?: (page: Page) => Promise<unknown>}} [options] `script` runs in the page
   *   before its own scripts; `settings` is what the browser remembers of an earlier visit; `prepare` is
   *   called before the page is opened
   */
  static async arrive(browser, url, name, { viewport, theme, script, settings = {}, prepare } = {}) {
    const context = await browser.newContext({
      viewport: viewport ?? { width: 960, height: 600 },
      ...(theme ? { colorScheme: theme } : {}),
    });
    const page = await context.newPage();
    await page.addInitScript(keepPeerConnections);
    await page.addInitScript(keepMessages);
    await page.addInitScript(remember, { quality: "low", ...settings });
    if (script) await page.addInitScript(script);
    const participant = new Participant(name, page);
    await prepare?.(page);
    await page.goto(url);
    return participant;
  }

  /**
   * Opens the page of a group and joins with camera and microphone.
   * @param {Parameters<typeof Participant.arrive>} rest
   */
  static async join(...rest) {
    const participant = await Participant.arrive(...rest);
    await participant.turnOnDevices();
    await participant.submit();
    await participant.page.locator(".call[data-phase=call]").waitFor();
    return participant;
  }

  /** Turns on what is not on: on a first visit nothing is, unless the browser allows it unasked. */
  async turnOnDevices() {
    const { page } = this;
    for (const device of ["camera", "microphone"]) {
      const button = page.locator(`[data-action=${device}]`);
      await eventually(async () => {
        if (await button.isDisabled()) throw new Error(`the ${device} is being opened`);
        const isOn = (await button.getAttribute("class"))?.split(" ").includes("on");
        if (isOn) return;
        await button.click();
        throw new Error(`the ${device} is off`);
      });
    }
  }

  /** Fills in the form and joins. */
  async submit(password = "") {
    await this.page.fill("#username", this.name);
    await this.page.fill("#password", password);
    await this.page.click("[data-action=join]");
  }

  /**
   * Chooses something from the menu "More", or from another one.
   * @param {string} item
   * @param {Locator} [menu]
   */
  async choose(item, menu = this.page.locator("tool-bar menu-button").last()) {
    await menu.locator("[aria-haspopup=menu]").click();
    await menu.locator(`[data-item="${item}"]`).click();
  }

  /**
   * Changes a setting by its dialog: what to do with its field.
   * @param {string} name
   * @param {(field: Locator) => Promise<unknown>} change
   */
  async set(name, change) {
    await this.choose("settings");
    await change(this.page.locator(`[data-setting=${name}]`));
    await this.page.getByRole("button", { name: "Done" }).click();
    await this.page.locator("dialog").waitFor({ state: "detached" });
  }

  async leave() {
    await this.page.click("[data-action=leave]");
    await this.page.locator(".join-form").waitFor();
  }

  /**
   * Closes the page; fails if it had faults.
   * @param {RegExp} [expected] What browsers report by themselves in this test
   */
  async close(expected) {
    await this.#context.close();
    const faults = this.faults.filter((text) => !expected?.test(text));
    assert.deepEqual(faults, [], `faults of ${this.name}'s page`);
  }

  /** @param {"chat" | "people"} name */
  async openPanel(name) {
    const panel = this.page.locator(`[data-panel=${name}].panel`);
    if (!(await panel.isVisible())) await this.page.click(`[data-action=${name}]`);
    await panel.waitFor();
    return panel;
  }

  /**
   * Does something to somebody by the list of people.
   * @param {string} name
   * @param {string} item
   */
  async act(name, item) {
    const panel = await this.openPanel("people");
    const person = panel.locator(`.person[data-name="${name}"]`);
    await person.locator("[aria-haspopup=menu]").click();
    await person.locator(`[data-item=${item}]`).click();
  }

  /**
   * @param {string} text
   * @param {string} [recipient]
   */
  async say(text, recipient) {
    const panel = await this.openPanel("chat");
    const label = recipient === undefined ? "Everyone" : `${recipient} (private)`;
    await panel.locator("[data-recipient]").selectOption({ label });
    await panel.locator("textarea").fill(text);
    await panel.locator("textarea").press("Enter");
  }

  /**
   * Waits until a message is in the chat, and returns it.
   * @param {string} text
   */
  async hears(text) {
    const panel = await this.openPanel("chat");
    const message = panel.locator("[data-message]", { hasText: text }).last();
    await message.waitFor();
    return message;
  }

  /**
   * What this page told the server.
   * @param {string} type
   * @returns {Promise<any[]>}
   */
  sent(type) {
    return this.page.evaluate((type) => window.messages.sent.filter((each) => each.type === type), type);
  }

  /**
   * What the server told this page.
   * @param {string} type
   * @returns {Promise<any[]>}
   */
  heard(type) {
    return this.page.evaluate((type) => window.messages.heard.filter((each) => each.type === type), type);
  }

  /** @param {string} name @param {"camera" | "screen"} [kind] */
  tile(name, kind = "camera") {
    return this.page.locator(`.tile[data-name="${name}"][data-kind=${kind}]`);
  }

  /**
   * What is received of somebody.
   * @param {string} name
   * @param {"camera" | "screen"} [kind]
   * @returns {Promise<{video: Received | null, audio: Received | null}>}
   *
   * @typedef {object} Received
   * @property {number} framesDecoded
   * @property {number} width
   * @property {number} height
   * @property {number} energy
   * @property {number} packets
   * @property {number} keyframes
   * @property {number} asked How often a keyframe was asked for
   * @property {string[]} states Of the connections of the page
   */
  received(name, kind = "camera") {
    return this.page.evaluate(receivedIn, { name, kind });
  }

  /**
   * Waits until somebody is seen: pictures are decoded, in the size in which they were sent.
   * @param {string} name
   * @param {{kind?: "camera" | "screen", size?: {width: number, height: number} | null,
   *   withinMs?: number}} [options]
   */
  async sees(name, { kind = "camera", size = PUBLISHED, withinMs = 20_000 } = {}) {
    const first = await this.#video(name, kind);
    await eventually(async () => {
      const video = await this.#video(name, kind);
      const seen = video.framesDecoded - first.framesDecoded;
      const got = JSON.stringify({ before: first, now: video });
      assert.ok(seen >= 5, `${this.name} saw ${seen} pictures of ${name}: ${got}`);
      if (size) {
        const { width, height } = video;
        assert.deepEqual({ width, height }, size, `${name} as ${this.name} sees them`);
      }
    }, withinMs);
  }

  /**
   * Checks that pictures of everybody keep coming.
   * @param {string[]} names
   * @param {number} forMs
   * @returns {Promise<Record<string, number>>} How many came
   */
  async keepsSeeing(names, forMs) {
    /** @type {Record<string, {first: number, last: number, at: number}>} */
    const seen = {};
    for (const name of names) {
      const { framesDecoded } = await this.#video(name, "camera");
      seen[name] = { first: framesDecoded, last: framesDecoded, at: Date.now() };
    }
    await throughout(async () => {
      for (const [name, state] of Object.entries(seen)) {
        const { framesDecoded } = await this.#video(name, "camera");
        if (framesDecoded > state.last) Object.assign(state, { last: framesDecoded, at: Date.now() });
        const still = Date.now() - state.at;
        assert.ok(still < 2500, `${this.name} sees ${name} standing still for ${still} ms`);
      }
    }, forMs);
    return Object.fromEntries(Object.entries(seen).map(([name, s]) => [name, s.last - s.first]));
  }

  /**
   * Waits until somebody is heard: there is sound in what is played, not only packets.
   * @param {string} name
   */
  async hearsVoiceOf(name) {
    const before = await this.#energy(name);
    await eventually(async () => {
      const gained = (await this.#energy(name)) - before;
      assert.ok(gained > 0, `${this.name} hears nothing of ${name}`);
    });
  }

  /**
   * Waits until somebody is shown as speaking.
   * @param {string} name
   */
  async seesSpeaking(name) {
    await this.page.locator(`.tile[data-name="${name}"][data-speaking]`).waitFor();
  }

  /**
   * Waits until somebody has been silent for a while.
   * @param {string} name
   */
  async hearsNothingOf(name) {
    let energy = await this.#energy(name);
    let since = Date.now();
    await eventually(async () => {
      const now = await this.#energy(name);
      if (now - energy > 1e-7) {
        energy = now;
        since = Date.now();
      }
      // The false microphone beeps once a second.
      assert.ok(Date.now() - since > 2500, `${this.name} still hears ${name}`);
    });
  }

  /**
   * @param {string} name
   * @param {"camera" | "screen"} kind
   */
  async #video(name, kind) {
    return eventually(async () => {
      const { video } = await this.received(name, kind);
      assert.ok(video, `${this.name} receives no picture (${kind}) of ${name}`);
      return video;
    });
  }

  /** @param {string} name */
  async #energy(name) {
    return eventually(async () => {
      const { audio } = await this.received(name);
      assert.ok(audio, `${this.name} receives no sound of ${name}`);
      return audio.energy;
    });
  }
}

/** Runs in the page: keeps what the page opens, so that its statistics can be read. */
function keepPeerConnections() {
  const Original = window.RTCPeerConnection;
  window.peerConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...rest) {
      super(...rest);
      window.peerConnections.push(this);
    }
  };
}

/** Runs in the page: keeps what it and the server tell each other, which not every driver tells. */
function keepMessages() {
  const Original = window.WebSocket;
  window.messages = { sent: [], heard: [] };
  window.WebSocket = class extends Original {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("message", ({ data }) => window.messages.heard.push(JSON.parse(data)));
    }
    send(text) {
      window.messages.sent.push(JSON.parse(text));
      super.send(text);
    }
  };
}

/** Runs in the page: chooses settings as if on an earlier visit. */
function remember(settings) {
  // A tab begins with an empty page that has no store.
  if (!location.protocol.startsWith("http")) return;
  const key = "galene.settings.1";
  if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(settings));
}

/** Runs in the page. */
async function receivedIn({ name, kind }) {
  const tiles = [...document.querySelectorAll(`.tile[data-stream][data-kind=${kind}]`)];
  const tile = tiles.find((candidate) => candidate.dataset.name === name);
  const picture = tile?.querySelector("video")?.srcObject?.getVideoTracks()[0];
  const open = window.peerConnections.filter((pc) => pc.connectionState !== "closed");
  const reports = await Promise.all(open.map((pc) => pc.getStats()));
  const inbound = reports.flatMap((report) =>
    [...report.values()].filter(({ type }) => type === "inbound-rtp"),
  );
  const find = (track) => {
    const stats = track && inbound.find(({ trackIdentifier }) => trackIdentifier === track.id);
    if (!stats) return null;
    return {
      framesDecoded: stats.framesDecoded ?? 0,
      width: stats.frameWidth ?? 0,
      height: stats.frameHeight ?? 0,
      energy: stats.totalAudioEnergy ?? 0,
      packets: stats.packetsReceived ?? 0,
      // For whoever wants to know why nothing is seen.
      keyframes: stats.keyFramesDecoded ?? 0,
      asked: stats.pliCount ?? 0,
      states: open.map((pc) => `${pc.connectionState} ${pc.iceConnectionState}`),
    };
  };
  // What belongs together comes by one connection.
  const receivers = open.map((pc) => pc.getReceivers().map(({ track }) => track));
  const tracks = picture && receivers.find((all) => all.some(({ id }) => id === picture.id));
  return { video: find(picture), audio: find(tracks?.find(({ kind }) => kind === "audio")) };
}
