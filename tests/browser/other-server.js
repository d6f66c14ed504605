/**
 * The web client for a server that does not have it inside: a directory for its option `-static`.
 *
 * Our own server tells browsers by a header that they may take the import map in the page. Other
 * servers do not, so modules import each other by path here, and there is no map.
 */
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../../web/", import.meta.url));

/** What modules import by name, and where that is. */
const NAMES = {
  "galene-client/admin": "/assets/packages/client/admin.js",
  "galene-client": "/assets/packages/client/index.js",
  lit: "/assets/vendor/lit.js",
};

/** The names under which Galène looks for its pages, and ours. */
const PAGES = { "galene.html": "group.html", "index.html": "index.html", "404.html": "404.html" };

/**
 * Writes the web client into a directory.
 * @param {string} directory
 */
export async function writePages(directory) {
  const assets = path.join(directory, "assets");
  for (const folder of ["app", "packages/client", "vendor"]) {
    await mkdir(path.join(assets, folder), { recursive: true });
    await cp(path.join(web, folder), path.join(assets, folder), {
      recursive: true,
      filter: (name) => !name.includes("node_modules") && !name.endsWith(".test.js"),
    });
  }
  for (const name of await readdir(assets, { recursive: true })) {
    if (!name.endsWith(".js") || name.startsWith("vendor")) continue;
    const file = path.join(assets, name);
    await writeFile(file, byPath(await readFile(file, "utf8")));
  }
  for (const [name, ours] of Object.entries(PAGES)) {
    const text = await readFile(path.join(web, "app", ours), "utf8");
    const page = text.replaceAll("{{assets}}", "/assets").replaceAll("{{modules}}", "");
    await writeFile(path.join(directory, name), page);
  }
}

/**
 * Returns a module that imports by path what it imported by name.
 * @param {string} module
 */
function byPath(module) {
  return Object.entries(NAMES).reduce(
    (text, [name, file]) => text.replaceAll(`from "${name}"`, `from "${file}"`),
    module,
  );
}
