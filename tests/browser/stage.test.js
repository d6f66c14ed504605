/**
 * A story ends, whatever happens in it: else one failure would keep the whole run waiting.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { Stage } from "./stage.js";

test("what was begun last ends first, and what does not end keeps nothing else from it", async () => {
  const ended = [];
  const stage = new Stage();
  stage.atEnd(() => ended.push("server"));
  stage.atEnd(() => Promise.reject(new Error("the browser is stuck")));
  stage.atEnd(() => ended.push("page"));
  await assert.rejects(stage.end(), /the browser is stuck/);
  assert.deepEqual(ended, ["page", "server"]);
  await stage.end();
});

test("a story that cannot begin ends what it began, fails, and lets the program end", async () => {
  const story = `
    import { test } from "node:test";
    import { setStage } from ${JSON.stringify(new URL("stage.js", import.meta.url).href)};
    setStage(() => Promise.reject(new Error("there is no browser")), {
      serve: async (stage) => {
        const timer = setInterval(() => {}, 1000);
        stage.atEnd(() => clearInterval(timer));
        return { stop: async () => {} };
      },
    });
    test("nothing happens", () => {});
  `;
  // As if it were not run by a test.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { code, text } = await new Promise((resolve) => {
    const args = ["--test-reporter=tap", "--input-type=module", "--eval", story];
    execFile(process.execPath, args, { env }, (error, text) => resolve({ code: error?.code ?? 0, text }));
  });
  assert.equal(code, 1, text);
  assert.match(text, /there is no browser/);
});
