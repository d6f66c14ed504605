/**
 * How people treat each other, and what their devices and the line do meanwhile: told in one browser
 * after the other.
 *
 * @import { Browser } from "../../web/node_modules/playwright-core/index.mjs"
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Crowd } from "./crowd.js";
import { eventually } from "./eventually.js";
import { PHONE } from "./looks.js";
import { QUIET, setStage } from "./stage.js";
import { chooseFile, keptFiles, USER_FILES } from "./user-files.js";

/** What browsers report by themselves while the server is away. */
const AWAY = /WebSocket connection|ERR_CONNECTION_REFUSED|establish a connection|NetworkError/;

/** @param {() => Promise<Browser>} launch */
export function tellManners(launch) {
  const stage = setStage(launch);

  test("devices can be chosen by their names once one was turned on", async () => {
    const visitor = await stage.arrive("Pam", { settings: QUIET });
    await visitor.turnOnDevices();
    for (const device of ["camera", "microphone"]) {
      const chosen = visitor.page.locator(`[data-device=${device}] option:checked`);
      // As each browser calls its false devices.
      assert.match(await chosen.innerText(), /fake|default (video|audio)/i);
    }
    await visitor.close();
  });

  test("whoever is removed is told by whom and why", async () => {
    const olga = await stage.join("Olga");
    const pam = await stage.join("Pam");
    await olga.act("Pam", "kick");
    await olga.page.fill("#dialog-message", "this is the night watch");
    await olga.page.click("[data-action=confirm]");

    const problem = pam.page.locator("[data-problem]");
    await problem.waitFor();
    const said = /Olga removed you from the meeting[^]*This is the night watch\./;
    assert.match(await problem.innerText(), said);
    await olga.tile("Pam").waitFor({ state: "detached" });
    await pam.close();
    await olga.close();
  });

  test("whoever may no longer present is not seen any more, until it is allowed again", async () => {
    const olga = await stage.join("Olga");
    const pam = await stage.join("Pam");
    await olga.sees("Pam");
    await olga.act("Pam", "unpresent");
    await olga.tile("Pam").waitFor({ state: "detached" });
    await pam.page.locator(".notice", { hasText: "watch and listen" }).first().waitFor();

    await olga.act("Pam", "present");
    await olga.tile("Pam").waitFor();
    await pam.turnOnDevices();
    await olga.sees("Pam");
    await pam.close();
    await olga.close();
  });

  test("an operator mutes everybody else at once", async () => {
    const olga = await stage.join("Olga");
    const pam = await stage.join("Pam");
    const panel = await olga.openPanel("people");
    await panel.locator('.person[data-name="Pam"]').waitFor();
    await panel.locator("[data-action=mute-all]").click();
    await pam.page.locator(".notice", { hasText: "Olga muted your microphone" }).waitFor();
    await olga.page.locator('.tile[data-name="Pam"][data-muted]').waitFor();
    assert.match(await olga.page.locator("[data-action=microphone]").innerText(), /^\s*Mute/);
    await pam.close();
    await olga.close();
  });

  test("an operator takes and gives rights, warns, and asks who somebody is", async () => {
    const pam = await stage.enter("Pam");
    const olga = await stage.enter("Olga");
    const composer = (await pam.openPanel("chat")).locator("textarea");
    await composer.waitFor();
    await olga.act("Pam", "shutup");
    await pam.page.getByText("You may not write here.").waitFor();
    await olga.act("Pam", "unshutup");
    await composer.waitFor();

    await olga.act("Pam", "warn");
    await olga.page.fill("#dialog-message", "mind the step");
    await olga.page.click("[data-action=confirm]");
    await pam.page.locator(".notice", { hasText: "Olga: Mind the step." }).waitFor();
    await olga.act("Pam", "identify");
    await olga.page.locator(".notice", { hasText: /Pam connects from 127\.0\.0\.1/ }).waitFor();

    await olga.act("Pam", "op");
    await pam.openPanel("people");
    await pam.page.locator(".panel [data-action=lock]").waitFor();
    await olga.act("Pam", "unop");
    await pam.page.locator(".panel [data-action=lock]").waitFor({ state: "detached" });
    await pam.close();
    await olga.close();
  });

  test("messages are deleted for everybody: one, all of one, all", async () => {
    const pam = await stage.enter("Pam");
    const olga = await stage.enter("Olga");
    for (const text of ["first", "second"]) await pam.say(text);
    await olga.say("/me nods");
    await pam.hears("Olga nods");
    const heard = async () => (await (await pam.openPanel("chat")).locator("[data-message] .text").allTextContents()).map((text) => text.trim());
    const menuOf = async (/** @type {string} */ text) => (await olga.hears(text)).locator("menu-button");

    await olga.choose("delete", await menuOf("first"));
    await eventually(async () => assert.deepEqual((await heard()).map((text) => text.split(" ").at(-1)), ["second", "nods"]));
    await olga.choose("delete-all", await menuOf("second"));
    await eventually(async () => assert.equal((await heard()).length, 1));
    await olga.choose("clear-chat");
    await eventually(async () => assert.deepEqual(await heard(), []));

    // What came while nobody looked is counted, and marked where it begins.
    await pam.page.getByLabel("Close the chat").click();
    await olga.say("third");
    await pam.page.locator("[data-action=chat] .badge", { hasText: "1" }).waitFor();
    await pam.page.waitForFunction(() => document.title.startsWith("(1) "));
    await pam.openPanel("chat");
    await pam.page.locator("[data-unread]").waitFor();
    await pam.page.waitForFunction(() => !document.title.startsWith("("));
    await pam.close();
    await olga.close();
  });

  test("a file goes to another, and one that comes back is refused", async () => {
    const pam = await stage.enter("Pam", { script: USER_FILES });
    const olga = await stage.enter("Olga", { script: USER_FILES });
    const send = async (/** @type {Participant} */ from, to, name, text) => {
      await chooseFile(from, name, text);
      await from.act(to.name, "sendfile");
      return from.openPanel("chat");
    };
    const text = "watch ".repeat(50_000);
    const offered = await send(olga, pam, "rota.txt", text);
    const chat = await pam.openPanel("chat");
    await chat.getByRole("button", { name: "Accept" }).click();
    for (const panel of [chat, offered]) {
      await panel.locator('[data-transfer="rota.txt"]').getByText("complete").waitFor();
    }
    assert.deepEqual(await keptFiles(pam), [{ name: "rota.txt", text }]);

    await send(pam, olga, "joke.txt", "?");
    await offered.getByRole("button", { name: "Refuse" }).click();
    await chat.locator('[data-transfer="joke.txt"]').getByText("cancelled").waitFor();
    await pam.close();
    await olga.close();
  });

  test("the meeting goes on after the server was away, with all that was said", async () => {
    const pam = await stage.enter("Pam");
    const olga = await stage.join("Olga");
    await pam.sees("Olga", { size: null });
    await pam.say("Before the storm");
    await olga.hears("Before the storm");
    await stage.server.end("SIGTERM");
    for (const who of [olga, pam]) await who.page.locator("[data-banner=lost]").waitFor();
    await stage.server.run();
    for (const who of [olga, pam]) await who.page.locator("[data-banner=lost]").waitFor({ state: "detached" });
    await pam.sees("Olga", { size: null });
    await pam.hears("Before the storm");
    await olga.say("After it");
    await pam.hears("After it");
    await pam.close(AWAY);
    await olga.close(AWAY);
  });

  test("on a phone everything is in reach and nothing is wider than the screen", async () => {
    const olga = await stage.enter("Olga");
    const pam = await stage.enter("Pam", { viewport: PHONE });
    const { page } = pam;
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(await wide(), 0, "the meeting is wider than the phone");
    for (const panel of ["chat", "people"]) {
      await page.click(`[data-action=${panel}]`);
      await page.locator(`.panel[data-panel=${panel}]`).waitFor();
      assert.equal(await wide(), 0, `${panel} is wider than the phone`);
      await page.locator(".panel").getByRole("button", { name: "Close" }).first().click();
    }
    for (const item of ["settings", "shortcuts"]) {
      await pam.choose(item);
      await page.locator("dialog[open]").waitFor();
      assert.equal(await wide(), 0, `${item} is wider than the phone`);
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
    }
    await pam.say("From the road");
    await olga.hears("From the road");
    await pam.close();
    await olga.close();
  });

  test("whoever reads further up stays there, and goes back to the latest message by a click", async () => {
    const pam = await stage.enter("Pam");
    const crowd = await Crowd.gather(stage);
    await crowd.join("meeting", "Ann");
    for (let i = 1; i <= 30; i += 1) await crowd.tell("Ann", "chat", `Message ${i}`);
    const chat = await pam.openPanel("chat");
    const latest = chat.getByRole("button", { name: "Latest message" });
    await pam.hears("Message 30");
    assert.ok(!(await latest.isVisible()));
    const log = chat.getByRole("log");
    await log.evaluate((scroller) => scroller.scrollTo(0, 0));
    await latest.waitFor();
    await crowd.tell("Ann", "chat", "One more");
    await pam.hears("One more");
    assert.equal(await log.evaluate(({ scrollTop }) => scrollTop), 0);
    await latest.click();
    await latest.waitFor({ state: "hidden" });
    await eventually(async () => {
      const left = await log.evaluate((s) => s.scrollHeight - s.scrollTop - s.clientHeight);
      assert.ok(left < 2, `${left} pixels are below`);
    });
    await pam.close();
    await crowd.close();
  });

  test("groups that were visited are on the first page, until they are forgotten", async () => {
    const pam = await stage.enter("Pam");
    const { page } = pam;
    await page.goto(stage.server.url);
    const visited = page.getByRole("region", { name: /Your last visits/ });
    await visited.getByRole("link", { name: "Night Watch" }).click();
    await page.waitForURL(stage.server.group("meeting"));
    await page.goto(stage.server.url);
    await visited.getByRole("button", { name: "Forget these" }).click();
    await visited.waitFor({ state: "detached" });
    await page.reload();
    await page.locator('[data-group="meeting"]').waitFor();
    assert.equal(await visited.count(), 0);
    await pam.close();
  });
}
