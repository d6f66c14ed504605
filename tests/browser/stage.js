/**
 * Where a story takes place: a server, a browser, and people who come to its meetings.
 *
 * All of it ends with the story, also after a test that failed, and if not all of it could begin: what
 * stays open would disturb the next test, or keep the whole run from ending.
 *
 * @import { Browser } from "../../web/node_modules/playwright-core/index.mjs"
 */
import { after, afterEach, before } from "node:test";
import { Participant } from "./participant.js";
import { MEETING, Server } from "./server.js";

/** The settings of somebody who only looks. */
export const QUIET = { cameraOn: false, microphoneOn: false };

/** Longer than any browser or server takes to end, with other things to do for the machine. */
const ENDING_MS = 30_000;

/**
 * Prepares a stage for the tests of a file.
 * @param {() => Promise<Browser>} launch Starts the browser
 * @param {object} [options]
 * @param {(stage: Stage) => Promise<Server>} [options.serve] Starts the server, and what it needs
 * @param {boolean} [options.keepsPages] Whether people stay from one test to the next
 */
export function setStage(launch, { serve = () => Server.start({ meeting: MEETING }), keepsPages = false } = {}) {
  const stage = new Stage();
  before(async () => {
    try {
      stage.server = await serve(stage);
      stage.atEnd(() => stage.server.stop());
      stage.browser = await stage.launch(launch);
    } catch (error) {
      await stage.end();
      throw error;
    }
  });
  if (!keepsPages) afterEach(() => stage.clear());
  after(() => stage.end());
  return stage;
}

export class Stage {
  /** @type {Server} */ server;
  /** @type {Browser} */ browser;
  /** @type {Set<Browser>} */ #browsers = new Set();
  /** What ends with the story. @type {(() => unknown)[]} */ #endings = [];

  /**
   * Starts one more browser.
   * @param {() => Promise<Browser>} launch
   */
  async launch(launch) {
    const browser = await launch();
    this.#browsers.add(browser);
    this.atEnd(() => browser.close());
    return browser;
  }

  /**
   * Has something done when the story ends: what was begun last ends first.
   * @param {() => unknown} ending
   */
  atEnd(ending) {
    this.#endings.unshift(ending);
  }

  /** Closes all pages. */
  async clear() {
    const contexts = [...this.#browsers].flatMap((browser) => browser.contexts());
    await inTime(Promise.all(contexts.map((context) => context.close())));
  }

  /** Ends everything; what fails to end keeps nothing else from ending. */
  async end() {
    const faults = [];
    for (const ending of this.#endings.splice(0)) {
      try {
        await inTime(Promise.resolve(ending()));
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, `did not end: ${faults.join("; ")}`);
  }

  /**
   * Somebody opens the page of a group, or another one, without joining.
   * @param {string} name
   * @param {Visit} [visit]
   *
   * @typedef {Parameters<typeof Participant.arrive>[3] & {group?: string, url?: string, browser?: Browser}} Visit
   */
  arrive(name, { group = "meeting", url = this.server.group(group), browser = this.browser, ...options } = {}) {
    return Participant.arrive(browser, url, name, options);
  }

  /**
   * Somebody joins with camera and microphone. Olga is an operator.
   * @param {string} name
   * @param {Visit} [visit]
   */
  async join(name, visit) {
    const who = await this.arrive(name, visit);
    await who.turnOnDevices();
    await submit(who);
    return who;
  }

  /**
   * Somebody joins without any device.
   * @param {string} name
   * @param {Visit} [visit]
   */
  async enter(name, visit = {}) {
    const who = await this.arrive(name, { ...visit, settings: { ...QUIET, ...visit.settings } });
    await submit(who);
    return who;
  }
}

/** @param {Participant} who */
async function submit(who) {
  await who.submit(who.name === "Olga" ? MEETING.users.Olga.password : "");
  await who.page.locator(".call[data-phase=call]").waitFor();
}

/**
 * Fails if something takes longer than it can.
 * @param {Promise<unknown>} ending
 */
async function inTime(ending) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not ended after ${ENDING_MS / 1000} s`)), ENDING_MS);
  });
  await Promise.race([ending, late]).finally(() => clearTimeout(timer));
}
