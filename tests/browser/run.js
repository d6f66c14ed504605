/**
 * All meetings in real browsers: first those that mostly wait, two files at a time, then those that look
 * at every picture and want the processors for themselves.
 *
 * Browsers share the machine with whatever else it does. A file with a failure is therefore run once
 * more, alone; if it fails again, or if many fail, that is the result.
 *
 *     node run.js [FILE...]
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { run } from "node:test";
import { tap } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Files that want the processors for themselves. */
const ALONE = ["bad-link.test.js", "chromium.test.js", "firefox.test.js"];

/**
 * A file that takes longer is ended, and has failed: most need one minute, the longest three. A test that
 * failed may have left something open, for which the file would wait for ever.
 */
const LONGEST_MS = 480_000;

/** So many files may be tried again: more at once is a fault, and not a moment's lack of time. */
const MOST_AGAIN = 2;

/**
 * Runs these files, and returns those that failed.
 * @param {string[]} files
 * @param {number} concurrency
 * @returns {Promise<string[]>}
 */
async function failing(files, concurrency) {
  if (files.length === 0) return [];
  /** @type {Set<string>} */
  const failed = new Set();
  const events = run({ files: files.map((file) => path.join(here, file)), concurrency, timeout: LONGEST_MS });
  // A file that could not even be loaded is named by the test that stands for it.
  events.on("test:fail", ({ file, name }) => failed.add(path.basename(file ?? name)));
  const output = events.compose(tap);
  for await (const text of output) process.stdout.write(text);
  return files.filter((file) => failed.has(file));
}

const names = process.argv.slice(2).map((name) => path.basename(name));
const all = readdirSync(here).filter((file) => file.endsWith(".test.js"));
const chosen = names.length === 0 ? all : all.filter((file) => names.includes(file));
if (chosen.length === 0) throw new Error(`there is no test called ${names.join(" or ")}`);

const failed = [
  ...(await failing(chosen.filter((file) => !ALONE.includes(file)), 2)),
  ...(await failing(chosen.filter((file) => ALONE.includes(file)), 1)),
];
if (failed.length > MOST_AGAIN) {
  console.log(`# failed: ${failed.join(", ")}`);
  process.exitCode = 1;
} else if (failed.length > 0) {
  console.log(`# once more, alone: ${failed.join(", ")}`);
  const again = await failing(failed, 1);
  console.log(again.length > 0 ? `# failed twice: ${again.join(", ")}` : "# passed the second time");
  process.exitCode = again.length > 0 ? 1 : 0;
}
