/**
 * Many in a meeting who are seen and heard of, but look at nothing: by the client library alone, all in
 * one page.
 *
 * @import { Page } from "../../web/node_modules/playwright-core/index.mjs"
 * @import { Stage } from "./stage.js"
 */

export class Crowd {
  #page;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {Stage} stage */
  static async gather({ browser, server }) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(server.url);
    return new Crowd(page);
  }

  /**
   * One more joins.
   * @param {string} group
   * @param {string} name
   * @param {string} [password]
   */
  async join(group, name, password = "") {
    await this.#page.evaluate(joinInPage, { group, name, password });
  }

  /**
   * Lets somebody do what a connection of the library can.
   * @param {string} name
   * @param {string} method
   * @param {unknown[]} rest
   */
  async tell(name, method, ...rest) {
    await this.#page.evaluate(tellInPage, { name, method, rest });
  }

  async close() {
    await this.#page.context().close();
  }
}

/** Runs in the page. */
async function joinInPage({ group, name, password }) {
  const { connect } = await import("galene-client");
  const connection = await connect("/ws");
  await connection.join({ group, username: name, password });
  window.crowd ??= new Map();
  window.crowd.set(name, connection);
}

/** Runs in the page. */
function tellInPage({ name, method, rest }) {
  window.crowd.get(name)[method](...rest);
}
