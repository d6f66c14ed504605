/**
 * Rules of the web client that a type checker cannot hold. Prints what breaks them and fails.
 *
 *     node tools/lint.js
 */
import { readdir, readFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";

/** What must not stand in any file, and why. */
const FORBIDDEN = [
  [/\b(inner|outer)HTML\b|\binsertAdjacentHTML\b|\bdocument\.write\b|\bunsafeHTML\b/, "text becomes markup"],
  [/\beval\(|\bnew Function\b|\bset(Timeout|Interval)\(\s*["'`]/, "text becomes code"],
  [/\sstyle\s*=\s*["'$]|\bsetAttribute\(\s*["']style["']|<style\b/, "the policy forbids inline styles"],
  [/\son[a-z]+\s*=\s*["']/, "the policy forbids inline handlers"],
  [/javascript:|\bdata:[a-z]+\//, "the policy forbids such URLs"],
  [/https?:\/\/(?!www\.w3\.org\/)/, "nothing is loaded from elsewhere"],
  [/from "(\.\.\/)+packages\//, "pages use what the library exports as galene-client"],
];

/** The most that a page may load before it can be used, compressed; on a line of 1 Mbit/s about a second. */
const MAX_FIRST_LOAD_BYTES = 150_000;

/** The most modules it may load for that: each costs a request. */
const MAX_FIRST_LOAD_MODULES = 80;

/** The catalogues: each text in them must be said by somebody. */
const CATALOGUES = ["app/i18n/en.js", "app/admin/en.js"];

/** What pages and modules name besides paths. */
const NAMES = { "galene-client": "packages/client/index.js", "galene-client/admin": "packages/client/admin.js", lit: "vendor/lit.js" };

const root = new URL("../", import.meta.url);
const files = (await Promise.all(["app", "packages/client", "vendor"].map(list))).flat();
/** @type {string[]} */
const problems = [];
/** @type {Map<string, string>} */
const used = new Map();
const defined = new Set();
/** What stands in quotation marks: keys of the catalogues among it. */
const words = new Set();
/** @type {string[]} */
const built = [];
/** @type {Map<string, string>} */
const texts = new Map();

for (const file of files) {
  const text = await readFile(new URL(file, root), "utf8");
  texts.set(file, text);
  if (file.startsWith("vendor/")) continue;
  if (!/\/(en|fr)\.js$/.test(file)) {
    for (const [, word] of text.matchAll(/"([\w.-]+)"/g)) words.add(word);
    for (const [, prefix] of text.matchAll(/`([a-z.]+\.)\$\{/gi)) built.push(prefix);
  }
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(\/\/|\/?\*)/.test(line)) continue;
    for (const [pattern, why] of FORBIDDEN) {
      if (pattern.test(line)) problems.push(`${file}:${index + 1}: ${why}: ${line.trim()}`);
    }
    for (const [, tag] of line.matchAll(/<([a-z]+-[a-z-]+)/g)) used.set(tag, `${file}:${index + 1}`);
    for (const [, tag] of line.matchAll(/customElements\.define\("([a-z-]+)"/g)) defined.add(tag);
  }
  if (file.endsWith(".html")) {
    for (const [script] of text.matchAll(/<script\b[^>]*>/g)) {
      if (!script.includes(" src=")) problems.push(`${file}: the policy forbids inline scripts`);
    }
  }
}
for (const catalogue of CATALOGUES) {
  const { en } = await import(`../${catalogue}`);
  for (const key of Object.keys(en)) {
    // Some keys are put together, such as `user.${action}`.
    const isBuilt = built.some((prefix) => key.startsWith(prefix));
    if (!isBuilt && !words.has(key)) problems.push(`${catalogue}: nobody says ${key}`);
  }
}
for (const [tag, where] of used) {
  if (!defined.has(tag)) problems.push(`${where}: <${tag}> is defined nowhere`);
}
for (const page of files.filter((file) => file.endsWith(".html"))) {
  const needed = firstLoad(page);
  const modules = [...needed].filter((file) => file.endsWith(".js")).length;
  const bytes = [...needed].reduce((sum, file) => sum + brotliCompressSync(texts.get(file) ?? "").length, 0);
  if (bytes > MAX_FIRST_LOAD_BYTES) problems.push(`${page}: ${bytes} bytes, compressed, are too many`);
  if (modules > MAX_FIRST_LOAD_MODULES) problems.push(`${page}: ${modules} modules are too many`);
  console.log(`${page}: ${modules} modules, ${bytes} bytes compressed at first`);
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${files.length} files: all rules hold`);

/**
 * Returns what a page needs before it can be used: its scripts, and what they import other than by
 * `import()`; its styles; the icons.
 * @param {string} page
 */
function firstLoad(page) {
  const needed = new Set([page, "vendor/icons.svg"]);
  const html = texts.get(page) ?? "";
  for (const [, file = ""] of html.matchAll(/\{\{assets\}\}\/([\w./-]+\.(?:js|css))"/g)) needed.add(file);
  // A set hands out what is added while one goes through it.
  for (const file of needed) {
    if (!file.endsWith(".js") || file.startsWith("vendor/")) continue;
    for (const [, name = ""] of (texts.get(file) ?? "").matchAll(/^(?:import|export|\}).*?"([^"]+)";$/gm)) {
      const target = /** @type {Record<string, string>} */ (NAMES)[name] ?? new URL(name, `file:///${file}`).pathname.slice(1);
      if (!texts.has(target)) problems.push(`${file}: imports ${name}, which is not there`);
      needed.add(target);
    }
  }
  return needed;
}

/**
 * Lists what is embedded of a folder.
 * @param {string} folder
 */
async function list(folder) {
  const names = await readdir(new URL(folder, root), { recursive: true });
  return names
    .filter((name) => /\.(js|css|html|svg)$/.test(name) && !/\.test\.js$|node_modules/.test(name))
    .map((name) => `${folder}/${name}`);
}
