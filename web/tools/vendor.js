/**
 * Makes the vendored files from the npm packages named in ../package-lock.json, or compares them.
 *
 *     node tools/vendor.js          writes the files and VENDOR.md
 *     node tools/vendor.js --check  fails if they differ from what would be written
 *
 * Building the server needs neither this script nor npm: its results are in the repository.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

/** What views may import from "lit": keep vendor/lit.d.ts in step. */
const LIT = `
  export * from "lit";
  export { classMap } from "lit/directives/class-map.js";
  export { ifDefined } from "lit/directives/if-defined.js";
  export { live } from "lit/directives/live.js";
  export { ref, createRef } from "lit/directives/ref.js";
  export { repeat } from "lit/directives/repeat.js";
`;

/** The icons used, by their names in Lucide. */
const ICONS = [
  "activity",
  "arrow-down",
  "arrow-left",
  "arrow-right",
  "ban",
  "check",
  "chevron-left",
  "chevron-right",
  "circle-alert",
  "circle-check",
  "circle-dot",
  "circle-stop",
  "copy",
  "ellipsis",
  "eraser",
  "film",
  "hand",
  "info",
  "key-round",
  "layout-dashboard",
  "layout-grid",
  "lock",
  "lock-open",
  "log-out",
  "maximize",
  "megaphone",
  "message-square",
  "message-square-off",
  "mic",
  "mic-off",
  "monitor",
  "monitor-up",
  "monitor-x",
  "network",
  "paperclip",
  "phone-off",
  "picture-in-picture-2",
  "pin",
  "pin-off",
  "plus",
  "presentation",
  "refresh-cw",
  "save",
  "send-horizontal",
  "settings",
  "share-2",
  "shield",
  "signal",
  "signal-low",
  "smile",
  "switch-camera",
  "trash-2",
  "triangle-alert",
  "user-plus",
  "user-x",
  "users",
  "video",
  "video-off",
  "volume-2",
  "wifi-off",
  "x",
];

const here = new URL("../vendor/", import.meta.url);
const root = new URL("../", import.meta.url);

/**
 * @param {string} name
 * @returns {Promise<{version: string, license: string}>}
 */
async function packageFacts(name) {
  return JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, root), "utf8"));
}

async function makeLit() {
  const bundle = await build({
    stdin: { contents: LIT, resolveDir: root.pathname },
    bundle: true,
    format: "esm",
    legalComments: "eof",
    minify: true,
    target: "es2022",
    write: false,
  });
  const [output] = bundle.outputFiles;
  if (output === undefined || bundle.outputFiles.length !== 1) throw new Error("one file expected");
  return output.text;
}

async function makeIcons() {
  const symbols = ICONS.map(async (name) => {
    const file = new URL(`node_modules/lucide-static/icons/${name}.svg`, root);
    const text = await readFile(file, "utf8");
    const inner = /<svg[^>]*>(.*)<\/svg>/s.exec(text)?.[1];
    if (inner === undefined) throw new Error(`${name}.svg has an unknown form`);
    const shapes = inner.trim().replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`;
  });
  const lines = [
    '<svg xmlns="http://www.w3.org/2000/svg">',
    "<!-- Icons of Lucide (https://lucide.dev), ISC License, Copyright (c) Lucide Icons and Contributors; see VENDOR.md -->",
    ...(await Promise.all(symbols)),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

/** The network that finds people in pictures, for backdrops: the one for pictures that are wider than high. */
function makePerson() {
  const folder = "node_modules/@mediapipe/selfie_segmentation";
  return readFile(new URL(`${folder}/selfie_segmentation_landscape.tflite`, root));
}

/** @param {string | Buffer} text */
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** @param {Map<string, string | Buffer>} files */
async function makeNotes(files) {
  const lit = await packageFacts("lit");
  const lucide = await packageFacts("lucide-static");
  const person = await packageFacts("@mediapipe/selfie_segmentation");
  const esbuild = await packageFacts("esbuild");
  const lucideLicense = await readFile(new URL("node_modules/lucide-static/LICENSE", root), "utf8");
  const litLicense = await readFile(new URL("node_modules/lit/LICENSE", root), "utf8");
  return `# Vendored files

Made by \`node tools/vendor.js\` with esbuild ${esbuild.version}; \`node tools/vendor.js --check\` compares.
This file is made by it, too.

| file | from | licence | SHA-256 |
| --- | --- | --- | --- |
| lit.js | lit ${lit.version} | ${lit.license} | ${sha256(files.get("lit.js") ?? "")} |
| icons.svg | lucide-static ${lucide.version} | ${lucide.license} | ${sha256(files.get("icons.svg") ?? "")} |
| person.tflite | @mediapipe/selfie_segmentation ${person.version}, selfie_segmentation_landscape.tflite | ${person.license} | ${sha256(files.get("person.tflite") ?? "")} |

The text of the Apache License 2.0 is in \`LICENSE-APACHE\` of this repository.

## Licence of lit.js

${indent(litLicense)}
## Licence of icons.svg

${indent(lucideLicense)}`;
}

/** @param {string} text */
function indent(text) {
  const lines = text.trim().split("\n");
  return lines.map((line) => (line.trim() === "" ? "" : `    ${line.trimEnd()}`)).join("\n") + "\n";
}

/** @type {Map<string, string | Buffer>} */
const files = new Map([
  ["lit.js", await makeLit()],
  ["icons.svg", await makeIcons()],
  ["person.tflite", await makePerson()],
]);
files.set("VENDOR.md", await makeNotes(files));

if (process.argv.includes("--check")) {
  for (const [name, expected] of files) {
    if (!(await readFile(new URL(name, here))).equals(Buffer.from(expected))) {
      console.error(`vendor/${name} is not what tools/vendor.js makes`);
      process.exitCode = 1;
    }
  }
} else {
  for (const [name, text] of files) await writeFile(new URL(name, here), text);
}
