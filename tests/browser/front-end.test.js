/**
 * The example of a front end of one's own, over the client library.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { MEETING, Server } from "./server.js";
import { setStage } from "./stage.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

const stage = setStage(launchBrowser, {
  serve: async (stage) => {
    const directory = await mkdtemp(path.join(os.tmpdir(), "galene-front-end-"));
    stage.atEnd(() => rm(directory, { recursive: true }));
    await cp(path.join(root, "examples/front_end"), directory, { recursive: true });
    await cp(path.join(root, "web/packages/client"), path.join(directory, "galene-client"), {
      recursive: true,
    });
    return Server.start({ meeting: MEETING }, ["-static", directory]);
  },
});

test("two people meet in the example, and meet again after the server was away", async () => {
  const faults = [];
  const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => enter(name, faults)));
  await ann.fill("#say [name=text]", "<i>good evening</i>");
  await ann.press("#say [name=text]", "Enter");
  await bob.getByText("Ann: <i>good evening</i>").waitFor();
  await seen(ann, "Bob");
  await seen(bob, "Ann");

  await stage.server.end("SIGKILL");
  await ann.getByRole("status").getByText("lost").waitFor();
  await stage.server.run();
  await ann.getByRole("status").getByText("joined").waitFor();
  await seen(ann, "Bob");
  // A page without a picture of its own makes the browser ask for one.
  const expected = /WebSocket|ERR_CONNECTION_REFUSED|establish a connection|status of 404/;
  assert.deepEqual(faults.filter((text) => !expected.test(text)), []);
});

async function enter(name, faults) {
  const page = await stage.browser.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(stage.server.group("meeting"));
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("status").getByText("joined").waitFor();
  return page;
}

async function seen(page, name) {
  await eventually(async () => {
    const time = await page.locator(`video[title=${name}]`).last().evaluate((video) => video.currentTime);
    assert.ok(time > 0.5, `${name} is shown for ${time} s`);
  });
}
