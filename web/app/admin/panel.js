/**
 * What the parts of the administrator's page have in common: they show something of one group, or of
 * the server, do things to it one at a time, and say what came of it.
 */
import { AdminError } from "galene-client/admin";
import { html, LitElement, nothing } from "lit";
import { sentence } from "../model/explain.js";
import { Office } from "./office.js";
import { w } from "./words.js";

export class Panel extends LitElement {
  /** @override */
  static properties = {
    office: { attribute: false },
    group: { attribute: false },
    problem: { state: true },
    said: { state: true },
    isBusy: { state: true },
  };

  constructor() {
    super();
    this.office = new Office(location.href);
    /** Empty for what belongs to the whole server. */
    this.group = "";
    this.problem = "";
    this.said = "";
    this.isBusy = false;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  get admin() {
    return this.office.admin;
  }

  /**
   * @override
   * @param {Map<PropertyKey, unknown>} changed
   */
  willUpdate(changed) {
    if (changed.has("group") || changed.has("office")) this.load();
  }

  /** Shows what there is, anew. */
  load() {}

  /**
   * Does something, and says what came of it.
   * @param {() => Promise<unknown>} task
   * @param {string} [done] What to say if it worked
   * @returns {Promise<boolean>} Whether it worked
   */
  async run(task, done = "") {
    this.isBusy = true;
    this.problem = "";
    this.said = "";
    try {
      await task();
      this.said = done;
      return true;
    } catch (error) {
      this.explain(error);
      return false;
    } finally {
      this.isBusy = false;
      this.requestUpdate();
    }
  }

  /** Reads what is shown, in panels that show what the server has. */
  async read() {}

  /**
   * Does something to what is shown, and shows it as it is then, before it says that it worked.
   * @param {() => Promise<unknown>} task
   * @param {string} done
   * @returns {Promise<boolean>} Whether it worked
   */
  async change(task, done) {
    let isDone = false;
    await this.run(async () => {
      try {
        await task();
        isDone = true;
      } finally {
        // Also after a refusal: somebody else may have changed what is shown.
        await this.read();
      }
    }, done);
    return isDone;
  }

  /** @param {unknown} error */
  explain(error) {
    this.problem = reason(error);
  }

  outcome() {
    return html`
      ${this.problem === ""
        ? nothing
        : html`<p class="problem" role="alert" data-problem>${this.problem}</p>`}
      <p class="said" role="status">${this.said}</p>
    `;
  }
}

/**
 * Returns what is read, or `null` if somebody else has just deleted it.
 * @template T
 * @param {Promise<T>} reading
 */
export async function unlessGone(reading) {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof AdminError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Returns words for why something did not work. What is no refusal of the server's is a fault of ours,
 * and thrown on.
 * @param {unknown} error
 */
export function reason(error) {
  if (!(error instanceof AdminError)) throw error;
  switch (error.status) {
    case 0:
      return w("why.unreachable");
    case 401:
      return w("why.unauthorised");
    case 404:
      return w("why.gone");
    case 412:
      return w("why.changed");
    case 429:
      return w("why.tooMany");
    case 503:
      return w("why.busy");
    default:
      return sentence(error.message);
  }
}
