/**
 * What anybody must be able to use: axe finds nothing wrong, and nothing sticks out of the window.
 *
 * @import { Page } from "../../web/node_modules/playwright-core/index.mjs"
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const axe = await readFile(
  new URL("../../web/node_modules/axe-core/axe.min.js", import.meta.url),
  "utf8",
);

/**
 * Checks a page as it is now.
 * @param {Page} page
 * @param {string} name
 */
export async function checkAccessible(page, name) {
  await page.waitForFunction(() => document.getAnimations().length === 0);
  // The policy of our pages keeps strange scripts out; evaluating one is the driver's privilege.
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const results = await window.axe.run(document, { runOnly: { type: "tag", values: tags } });
    return results.violations.map(({ id, help, nodes }) => {
      return `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`;
    });
  });
  assert.deepEqual(violations, [], name);
  const excess = await page.evaluate(() => {
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
    // A meeting fills the window; other pages may be longer.
    const isMeeting = document.querySelector(".call") !== null;
    return { wide: scrollWidth - clientWidth, high: isMeeting ? scrollHeight - clientHeight : 0 };
  });
  assert.deepEqual(excess, { wide: 0, high: 0 }, `${name} is larger than the window`);
}
