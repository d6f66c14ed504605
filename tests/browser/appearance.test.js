/**
 * How the pages look, to those who see them and to those who do not.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAccessible as check } from "./axe.js";
import { launchBrowser } from "./browsers.js";
import { LOOKS, PHONE } from "./looks.js";
import { setStage } from "./stage.js";

const stage = setStage(launchBrowser);

for (const look of LOOKS) {
  const { theme, viewport } = look;
  const name = `${viewport.width} wide and ${theme}`;

  test(`pages outside of a meeting are accessible, ${name}`, async () => {
    const visitor = await stage.arrive("Quinn", { url: stage.server.url, ...look });
    await visitor.page.locator("h2").waitFor();
    await check(visitor.page, "first page");

    await visitor.page.goto(stage.server.group("meeting"));
    await visitor.turnOnDevices();
    await check(visitor.page, "preparing");

    visitor.name = "Olga";
    await visitor.submit("wrong");
    await visitor.page.locator("[data-problem]").waitFor();
    await check(visitor.page, "refused");

    await visitor.page.goto(stage.server.group("nowhere"));
    await check(visitor.page, "not found");
    await visitor.close(/status of 404/);
  });

  test(`a meeting is accessible, ${name}`, async () => {
    const pam = await stage.join("Pam");
    const olga = await operator(look);
    await olga.sees("Pam");
    await check(olga.page, "meeting");

    await pam.say("See https://example.org/");
    await olga.hears("See https");
    await check(olga.page, "chat");
    if (viewport === PHONE) await olga.page.getByLabel("Close the chat").click();

    await olga.openPanel("people");
    await olga.page.locator('.person[data-name="Pam"] [aria-haspopup=menu]').click();
    await check(olga.page, "people with a menu");
    await olga.page.keyboard.press("Escape");
    if (viewport === PHONE) await olga.page.getByLabel("Close the list of people").click();

    for (const item of ["settings", "shortcuts", "lock", "invite"]) {
      await olga.page.getByRole("button", { name: "More" }).click();
      await olga.page.locator(`tool-bar [data-item=${item}]`).click();
      await olga.page.locator("dialog[open]").waitFor();
      await check(olga.page, item);
      await olga.page.keyboard.press("Escape");
      await olga.page.locator("dialog").waitFor({ state: "detached" });
    }
    await pam.close();
    await olga.close();
  });
}

test("a meeting can be held without a mouse", async () => {
  const pam = await stage.join("Pam");
  const olga = await operator({});
  const { keyboard } = olga.page;
  const focused = () => olga.page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

  await olga.page.locator("[data-action=microphone]").focus();
  await keyboard.press("End");
  assert.equal(await focused(), "Leave");
  await keyboard.press("Home");
  assert.equal(await focused(), "Mute");
  await keyboard.press("Enter");
  await pam.page.locator('.tile[data-name="Olga"][data-muted]').waitFor();

  await keyboard.press("p");
  await olga.page.locator(".panel[data-panel=people]").waitFor();
  await olga.page.locator('.person[data-name="Pam"] [aria-haspopup=menu]').focus();
  await keyboard.press("ArrowDown");
  assert.equal(await focused(), "Private message");
  await keyboard.press("m");
  assert.equal(await focused(), "Mute");
  await keyboard.press("Enter");
  await pam.page.locator(".notice", { hasText: "Olga muted your microphone" }).waitFor();
  assert.equal(
    await olga.page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
    "Actions for Pam",
  );

  await keyboard.press("c");
  await olga.page.locator(".panel[data-panel=chat] textarea").focus();
  await keyboard.type("m v p are letters here");
  await keyboard.press("Enter");
  await pam.hears("m v p are letters here");
  await pam.close();
  await olga.close();
});

/** @param {object} look */
async function operator(look) {
  const olga = await stage.join("Olga", look);
  return olga;
}
