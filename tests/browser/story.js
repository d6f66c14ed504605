/**
 * The story of one meeting of three, told in any mixture of browsers.
 *
 * @import { Browser } from "../../web/node_modules/playwright-core/index.mjs"
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./eventually.js";
import { setStage } from "./stage.js";

/** For how long pictures must keep coming. */
const STEADY_MS = 10_000;

/**
 * @param {object} cast
 * @param {() => Promise<Browser>} cast.first Olga and Pam are here
 * @param {(() => Promise<Browser>) | null} cast.second Quinn is here; `null`: with the others
 */
export function tellStory({ first, second }) {
  const stage = setStage(first, { keepsPages: true });
  /** @type {Participant} */ let olga;
  /** @type {Participant} */ let pam;
  /** @type {Participant} */ let quinn;

  test("three people meet", async () => {
    olga = await stage.join("Olga");
    pam = await stage.join("Pam");
    quinn = await stage.join("Quinn", second ? { browser: await stage.launch(second) } : {});
  });

  test("nobody has to scroll to see the meeting", async () => {
    for (const { name, page } of [olga, pam, quinn]) {
      const excess = await page.evaluate(() => {
        const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
        return { wide: scrollWidth - clientWidth, high: scrollHeight - clientHeight };
      });
      assert.deepEqual(excess, { wide: 0, high: 0 }, `${name}'s page is larger than the window`);
    }
  });

  test("everybody sees everybody else, in the size that was sent", async () => {
    for (const [who, others] of pairs()) {
      for (const other of others) await who.sees(other.name);
    }
  });

  test("everybody hears everybody else", async () => {
    for (const [who, others] of pairs()) {
      for (const other of others) await who.hearsVoiceOf(other.name);
    }
    for (const [who, others] of pairs()) {
      for (const other of others) await who.seesSpeaking(other.name);
    }
  });

  test("pictures keep coming", async (t) => {
    const counts = await Promise.all(
      pairs().map(async ([who, others]) => {
        const seen = await who.keepsSeeing(others.map(({ name }) => name), STEADY_MS);
        return `${who.name}: ${Object.entries(seen).map(([name, n]) => `${n} of ${name}`).join(", ")}`;
      }),
    );
    t.diagnostic(`pictures decoded in ${STEADY_MS / 1000} s: ${counts.join("; ")}`);
  });

  test("they talk, to everybody and in private", async () => {
    await pam.say("Good evening, see https://example.org/rota");
    await quinn.say("Good evening, Pam", "Pam");
    for (const who of [olga, quinn]) await who.hears("Good evening, see");
    const link = (await olga.hears("see https")).locator("a");
    assert.equal(await link.getAttribute("href"), "https://example.org/rota");
    await pam.hears("Good evening, Pam");

    await olga.say("<b>Order!</b>");
    for (const who of [pam, quinn]) {
      const message = await who.hears("<b>Order!</b>");
      assert.equal(await message.locator("b").count(), 0);
    }
    const heard = await (await olga.openPanel("chat")).locator("[data-message]").allTextContents();
    assert.ok(!heard.some((text) => text.includes("Good evening, Pam")), "private words reach Olga");
  });

  test("one shares a screen and the others see it", async () => {
    await pam.page.click("[data-action=share]");
    for (const who of [olga, quinn]) {
      await who.sees("Pam", { kind: "screen", size: null });
      assert.notEqual(await who.tile("Pam", "screen").getAttribute("data-stage"), null);
    }
    await pam.page.click("[data-action=stop-sharing]");
    for (const who of [olga, quinn]) await who.tile("Pam", "screen").waitFor({ state: "detached" });
  });

  test("one turns the camera off, and on again", async () => {
    await pam.page.click("[data-action=camera]");
    for (const who of [olga, quinn]) {
      await who.tile("Pam").locator("video").waitFor({ state: "detached" });
    }
    await pam.page.click("[data-action=camera]");
    for (const who of [olga, quinn]) await who.sees("Pam");
  });

  test("the operator mutes one, who is told by whom and falls silent", async () => {
    await olga.act("Quinn", "mute");
    await quinn.page.locator(".notice", { hasText: "Olga muted your microphone" }).waitFor();
    assert.match(await quinn.page.locator("[data-action=microphone]").innerText(), /Unmute/);
    for (const who of [olga, pam]) {
      await who.page.locator('.tile[data-name="Quinn"][data-muted]').waitFor();
      await who.hearsNothingOf("Quinn");
    }
    await olga.hearsVoiceOf("Pam");

    await quinn.page.click("[data-action=microphone]");
    for (const who of [olga, pam]) await who.hearsVoiceOf("Quinn");
  });

  test("one leaves and comes back", async () => {
    await pam.leave();
    for (const who of [olga, quinn]) await who.tile("Pam").waitFor({ state: "detached" });
    await olga.keepsSeeing(["Quinn"], 1000);

    await pam.submit();
    for (const [who, others] of pairs()) {
      for (const other of others) await who.sees(other.name);
    }
    await pam.hears("Good evening, see");
  });

  test("the meeting ends without a fault on any page", async () => {
    await quinn.leave();
    await pam.leave();
    await eventually(async () => assert.equal(await olga.page.locator(".tile").count(), 1));
    for (const who of [olga, pam, quinn]) await who.close();
  });

  /** @returns {[Participant, Participant[]][]} */
  function pairs() {
    const all = [olga, pam, quinn];
    return all.map((who) => [who, all.filter((other) => other !== who)]);
  }
}
