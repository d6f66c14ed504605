/**
 * What somebody does with files: choosing some, and keeping others. It happens in the page itself, since
 * Firefox's driver tells of the first question for a file only, and of no download.
 *
 * @import { Participant } from "./participant.js"
 */

/** A script for the page to run before its own. */
export const USER_FILES = `(${answerForUser})()`;

/**
 * Chooses the file that is given when the page asks for one.
 * @param {Participant} who With `USER_FILES`
 * @param {string} name
 * @param {string} text
 * @param {string} [type]
 */
export async function chooseFile({ page }, name, text, type = "text/plain") {
  await page.evaluate(
    ({ name, text, type }) => {
      window.chosenFile = new File([text], name, { type });
    },
    { name, text, type },
  );
}

/**
 * The files that the page gave to its user.
 * @param {Participant} who With `USER_FILES`
 * @returns {Promise<{name: string, text: string}[]>}
 */
export function keptFiles({ page }) {
  return page.evaluate(() => {
    return Promise.all(window.keptFiles.map(async ({ name, blob }) => ({ name, text: await blob.text() })));
  });
}

/** Runs in the page. */
function answerForUser() {
  const blobs = new Map();
  window.keptFiles = [];
  const create = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (blob) => {
    const url = create(blob);
    blobs.set(url, blob);
    return url;
  };
  const follow = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () {
    if (this.download !== "") window.keptFiles.push({ name: this.download, blob: blobs.get(this.href) });
    follow.call(this);
  };
  const press = HTMLInputElement.prototype.click;
  HTMLInputElement.prototype.click = function () {
    if (this.type !== "file") return press.call(this);
    const given = new DataTransfer();
    given.items.add(window.chosenFile);
    this.files = given.files;
    this.dispatchEvent(new Event("change"));
  };
}
