/**
 * The server under test: the real program, with directories of its own.
 */
import { spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.js";
import { writePages } from "./other-server.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Another server than ours that is to be tested, which has neither our pages inside nor our defaults. */
const other = process.env.OTHER_SERVER;

/** So long the program has to end: more than it gives those who are connected. */
const ENDING_MS = 20_000;

/** Who may do what in a test's group: Olga operates it, everybody else may present. */
export const MEETING = {
  displayName: "Night Watch",
  description: "Where the tests meet",
  public: true,
  users: { Olga: { password: "secret", permissions: "op" } },
  "wildcard-user": { password: { type: "wildcard" }, permissions: "present" },
};

export class Server {
  #directory;
  #port;
  #options;
  #process = null;
  #log = "";
  #exited = Promise.resolve();

  /**
   * @param {string} directory
   * @param {number} port
   * @param {string[]} options
   */
  constructor(directory, port, options) {
    this.#directory = directory;
    this.#port = port;
    this.#options = options;
  }

  /**
   * Starts a server with these groups: their definitions, or the text of the files.
   * @param {Record<string, object | string>} groups
   * @param {string[]} [options] More options of the program
   * @param {Record<string, object>} [data] Files of its data directory
   */
  static async start(groups, options = [], data = {}) {
    const directory = await mkdtemp(path.join(os.tmpdir(), "galene-test-"));
    await mkdir(path.join(directory, "groups"));
    await mkdir(path.join(directory, "data"));
    for (const [name, content] of Object.entries(data)) {
      await writeFile(path.join(directory, "data", name), JSON.stringify(content));
    }
    const all = other ? [...(await forOther(directory, options)), ...options] : options;
    const server = new Server(directory, await freePort(), all);
    for (const [name, definition] of Object.entries(groups)) await server.define(name, definition);
    await server.run().catch(async (error) => {
      // A program that goes on without us would keep the whole run from ending.
      await server.end("SIGKILL");
      throw error;
    });
    return server;
  }

  /**
   * Defines a group, anew if there is one: by its definition, or the text of its file.
   * @param {string} name
   * @param {object | string} definition
   */
  async define(name, definition) {
    const text = typeof definition === "string" ? definition : JSON.stringify(definition);
    await writeFile(path.join(this.#directory, "groups", `${name}.json`), text);
  }

  /**
   * Puts a file among the recordings of a group.
   * @param {string} group
   * @param {string} name
   * @param {string} content
   */
  async keepRecording(group, name, content) {
    const directory = path.join(this.#directory, "recordings", group);
    await mkdir(directory, { recursive: true });
    await writeFile(path.join(directory, name), content);
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** @param {string} name */
  group(name) {
    return `${this.url}/group/${name}/`;
  }

  /** Runs the program, and waits until it answers. */
  async run() {
    const at = (/** @type {string} */ name) => path.join(this.#directory, name);
    const child = spawn(
      program(),
      [
        ["-http", `127.0.0.1:${this.#port}`],
        ["-insecure"],
        ["-data", at("data")],
        ["-groups", at("groups")],
        ["-recordings", at("recordings")],
        ["-udp-range", "40000-40999"],
        this.#options,
      ].flat(),
      { stdio: ["ignore", "pipe", "pipe"], cwd: this.#directory },
    );
    this.#process = child;
    // Not even a test that was interrupted leaves its server behind.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => {
        process.off("exit", kill);
        resolve();
      });
    });
    const file = process.env.SERVER_LOG && createWriteStream(process.env.SERVER_LOG, { flags: "a" });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.#log = (this.#log + text).slice(-20_000);
        if (file) file.write(text);
      });
    }
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${this.#log}`);
      const response = await fetch(`${this.url}/public-groups.json`);
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
    });
  }

  /**
   * Ends the program, and fails if it does not want to; its directories stay.
   * @param {NodeJS.Signals} signal
   */
  async end(signal) {
    const child = this.#process;
    child?.kill(signal);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child?.kill("SIGKILL");
    }, ENDING_MS);
    await this.#exited;
    clearTimeout(timer);
    if (isLate) throw new Error(`the server did not end after ${signal}:\n${this.#log}`);
  }

  async stop() {
    try {
      await this.end("SIGTERM");
    } finally {
      await rm(this.#directory, { recursive: true });
    }
  }
}

/**
 * What another server has to be told besides.
 * @param {string} directory
 * @param {string[]} options
 */
async function forOther(directory, options) {
  const noRelay = ["-turn", ""];
  if (options.includes("-static")) return noRelay;
  const pages = path.join(directory, "static");
  await writePages(pages);
  return [...noRelay, "-static", pages];
}

function program() {
  const candidates = [
    other,
    process.env.GALENE_SERVER,
    path.join(root, "target/debug/galene-server"),
    path.join(root, "target/release/galene-server"),
  ];
  const found = candidates.find((candidate) => candidate && existsSync(candidate));
  if (!found) throw new Error("there is no server to test: cargo build -p galene-server");
  return path.resolve(found);
}

/** Asks the system for a port that nobody uses. */
async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (listener.address());
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
