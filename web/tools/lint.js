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

/** The most that a first visit of a page may load, compressed; on a slow line of 1 Mbit/s about a second. */
const MAX_FIRST_LOAD_BYTES = 150_000;

/** The most modules that a page may ask for at once: a browser with HTTP/1.1 fetches six at a time. */
const MAX_MODULES = 80;

/** The pages, and the names by which modules are imported from anywhere (see ../build.rs). */
const PAGES = ["admin", "change-password", "group", "index", "404"].map((name) => `app/${name}.html`);
const IMPORT_MAP = {
  "galene-client": "packages/client/index.js",
  "galene-client/admin": "packages/client/admin.js",
  lit: "vendor/lit.js",
};

/** The catalogues: each text in them must be said by somebody. */
const CATALOGUES = ["app/i18n/en.js", "app/admin/en.js"];

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
/** @type {Map<string, number>} */
const compressed = new Map();
/** What each file loads before it runs. @type {Map<string, string[]>} */
const imports = new Map();

for (const file of files) {
  const text = await readFile(new URL(file, root), "utf8");
  if (/\.(js|css|svg)$/.test(file)) compressed.set(file, brotliCompressSync(text).length);
  imports.set(file, importsOf(file, text));
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
/** @type {string[]} */
const weights = [];
for (const page of PAGES) {
  const loaded = reach(page);
  const modules = [...loaded].filter((file) => file.endsWith(".js")).length;
  const bytes = [...loaded].reduce((sum, file) => sum + (compressed.get(file) ?? 0), 0);
  weights.push(`${page}: ${modules} modules, ${bytes} bytes`);
  if (bytes > MAX_FIRST_LOAD_BYTES) problems.push(`${page}: ${bytes} bytes, compressed, are too many`);
  if (modules > MAX_MODULES) problems.push(`${page}: ${modules} modules are too many`);
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${files.length} files: all rules hold\n${weights.join("\n")}`);

/**
 * Finds what a file loads before it runs: modules, and for a page its scripts, styles and pictures.
 * @param {string} file
 * @param {string} text
 */
function importsOf(file, text) {
  if (file.endsWith(".html")) {
    return [...text.matchAll(/\{\{assets\}\}\/([^"#]+)/g)].map(([, path]) => path);
  }
  if (!file.endsWith(".js") || file.startsWith("vendor/")) return [];
  const resolve = (/** @type {string} */ name) =>
    IMPORT_MAP[/** @type {keyof typeof IMPORT_MAP} */ (name)] ?? new URL(name, `x:/${file}`).pathname.slice(1);
  const declarations = text.matchAll(/^(?:import|export|\}).*? ?(?:from )?"([^"]+)";$/gm);
  return [...declarations].map(([, name]) => resolve(name));
}

/**
 * Returns all that a page loads before it can be used.
 * @param {string} page
 */
function reach(page) {
  const found = new Set();
  const open = [page, "vendor/icons.svg"];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    open.push(...(imports.get(file) ?? []));
  }
  return found;
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
