/**
 * Somebody who has never seen the page comes by an invitation and finds their way by what is written
 * on it: visible names only.
 *
 * @import { Locator } from "../../web/node_modules/playwright-core/index.mjs"
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isFirefox, launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { setStage } from "./stage.js";

/**
 * What Firefox cannot do without a display, share a screen, or a driver cannot see of it, downloads; the
 * latter is in `manners.js`.
 */
const inChromium = isFirefox ? () => {} : test;

/** @type {Participant} */ let olga;
/** @type {Participant} */ let guest;
let link = "";

const stage = setStage(launchBrowser, { keepsPages: true });

test("an operator makes an invitation, with a link, a QR code and an end", async () => {
  olga = await stage.join("Olga");
  const { page } = olga;
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("Name of the guest").fill("Nobby Nobbs");
  await page.getByRole("button", { name: "Make an invitation" }).click();
  link = await page.getByLabel("Link for your guest").inputValue();
  assert.match(link, /\/group\/meeting\/\?token=./);
  await page.getByRole("img", { name: "QR code" }).waitFor();
  const invitation = page.getByRole("listitem").filter({ hasText: "Nobby Nobbs" });
  await invitation.getByText(/Valid until/).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
});

test("the guest comes in without a password, and the secret leaves the address bar", async () => {
  guest = await stage.arrive("Nobby", { url: link });
  const { page } = guest;
  await page.getByText("You were invited").waitFor();
  assert.equal(new URL(page.url()).search, "");
  await guest.turnOnDevices();
  // The invitation has a name, and the page says that this will do.
  await page.getByLabel("Your name").fill("");
  await page.getByRole("button", { name: "Join now" }).click();
  await page.getByRole("heading", { name: "Night Watch" }).waitFor();
  guest.name = "Nobby Nobbs";
  await olga.sees("Nobby Nobbs");
  await guest.sees("Olga");
});

inChromium("the guest presents, and stops", async () => {
  const { page } = guest;
  await page.getByRole("button", { name: "Share screen" }).click();
  await page.getByText("You are sharing your screen.").waitFor();
  await olga.sees("Nobby Nobbs", { kind: "screen", size: null });
  await page.getByRole("button", { name: "Stop sharing" }).click();
  await olga.tile("Nobby Nobbs", "screen").waitFor({ state: "detached" });
});

test("hands go up in order, and the operator takes one down", async () => {
  await guest.page.getByRole("button", { name: "Raise hand" }).click();
  await olga.tile("Nobby Nobbs").getByText("Hand raised").waitFor();
  await olga.page.getByRole("button", { name: "Raise hand" }).click();
  const people = await olga.openPanel("people");
  await people.locator('[data-name="Nobby Nobbs"]').getByText("Hand raised, number 1").waitFor();
  await people.locator('[data-name="Olga"]').getByText("Hand raised, number 2").waitFor();
  await choose(olga, people.getByRole("button", { name: "Actions for Nobby Nobbs" }), "Lower their hand");
  await guest.page.getByText("Olga lowered your hand.").waitFor();
  await olga.tile("Nobby Nobbs").getByText("Hand raised").waitFor({ state: "detached" });
  await olga.page.getByRole("button", { name: "Lower hand" }).click();

  await choose(guest, guest.page.getByRole("button", { name: "React" }), "👏");
  await olga.tile("Nobby Nobbs").getByText("👏").waitFor();
});

test("the guest becomes an operator, is told so, and moderates", async () => {
  const people = await olga.openPanel("people");
  await choose(olga, people.getByRole("button", { name: "Actions for Nobby Nobbs" }), "Make an operator");
  await guest.page.getByText("You are an operator now").waitFor();

  const colon = await stage.join("Colon");
  const mine = await guest.openPanel("people");
  const actions = mine.getByRole("button", { name: "Actions for Colon" });
  await choose(guest, actions, "Mute");
  await colon.page.getByText("Nobby Nobbs muted your microphone.").waitFor();
  await choose(guest, actions, "Remove…");
  await guest.page.getByLabel("What to tell Colon").fill("this is the night watch");
  await guest.page.getByRole("button", { name: "Remove", exact: true }).click();
  await colon.page.getByText("Nobby Nobbs removed you from the meeting").waitFor();
  await guest.tile("Colon").waitFor({ state: "detached" });
  await colon.close();

  await mine.getByRole("button", { name: "Lock", exact: true }).click();
  await guest.page.getByRole("dialog").getByRole("button", { name: "Lock" }).click();
  await olga.page.getByText("Locked", { exact: true }).waitFor();
  await mine.getByRole("button", { name: "Unlock" }).click();
  await olga.page.getByText("Locked", { exact: true }).waitFor({ state: "detached" });

  await choose(olga, people.getByRole("button", { name: "Actions for Nobby Nobbs" }), "No longer an operator");
  await guest.page.getByText("You are no longer an operator.").waitFor();
});

inChromium("a file goes from one to the other, and another one is refused", async () => {
  const { page } = olga;
  const send = async (/** @type {string} */ name, /** @type {Buffer} */ buffer) => {
    const people = await olga.openPanel("people");
    const chooser = page.waitForEvent("filechooser");
    await choose(olga, people.getByRole("button", { name: "Actions for Nobby Nobbs" }), "Send files…");
    await (await chooser).setFiles({ name, mimeType: "text/plain", buffer });
  };
  const bytes = Buffer.alloc(300_000, "watch ");
  await send("rota.txt", bytes);
  const chat = await guest.openPanel("chat");
  await chat.getByText("whoever sends it learns your network address").waitFor();
  const download = guest.page.waitForEvent("download");
  await chat.getByRole("button", { name: "Accept" }).click();
  const file = await download;
  assert.equal(file.suggestedFilename(), "rota.txt");
  assert.deepEqual(await readFile(await file.path()), bytes);
  await page.getByText("complete").waitFor();

  await send("joke.txt", Buffer.from("?"));
  await chat.getByRole("button", { name: "Refuse" }).click();
  await page.getByText("cancelled").waitFor();
});

test("commands are completed, explained and obeyed", async () => {
  const chat = await olga.openPanel("chat");
  const field = chat.getByRole("textbox", { name: "Message to everyone" });
  await field.fill("/wa");
  await chat.getByRole("option", { name: "/wall message" }).waitFor();
  await field.press("ArrowDown");
  await field.press("Enter");
  assert.equal(await field.inputValue(), "/wall ");
  await field.pressSequentially("all is well");
  await field.press("Enter");
  await guest.page.getByText("Olga: All is well.").waitFor();

  await field.fill("/frobnicate");
  await field.press("Enter");
  await olga.page.getByText("There is no command /frobnicate").waitFor();
  await field.fill('/msg "Nobby Nobbs" between us');
  await field.press("Enter");
  assert.match(await (await guest.hears("between us")).innerText(), /Private/);
  await field.fill("/help");
  await field.press("Enter");
  await chat.getByText("/kick user [message] – remove a user").waitFor();
});

test("the layout follows whoever watches, and small pictures are asked for small", async () => {
  const { page } = guest;
  const more = page.getByRole("button", { name: "More" });
  await choose(guest, more, "Layout: speaker", "menuitemradio");
  await page.locator('.tile[data-name="Olga"][data-stage]').waitFor();
  await choose(guest, more, "Layout: grid", "menuitemradio");
  await page.locator(".tile[data-stage]").waitFor({ state: "detached" });
  await choose(guest, guest.tile("Olga").getByRole("button", { name: "Actions for Olga" }), "Pin");
  await page.locator('.tile[data-name="Olga"][data-stage]').waitFor();
  await choose(guest, guest.tile("Olga").getByRole("button", { name: "Actions for Olga" }), "Statistics");
  await page.getByRole("rowheader", { name: /Picture VP8/ }).waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await choose(guest, more, "Layout: automatic", "menuitemradio");
});

test("the page can be installed, and loads little at first", async (t) => {
  const { page } = guest;
  const manifest = await page.evaluate(async () => {
    const link = document.querySelector("link[rel=manifest]");
    return (await fetch(/** @type {HTMLLinkElement} */ (link).href)).json();
  });
  assert.deepEqual([manifest.name, manifest.start_url], ["Galène", "/"]);
  const stranger = await stage.arrive("Colon");
  await stranger.page.getByRole("button", { name: "Join now" }).waitFor();
  const loaded = await stranger.page.evaluate(() => {
    const [page] = performance.getEntriesByType("navigation");
    const files = performance.getEntriesByType("resource").map(({ name }) => name);
    return { ms: Math.round(page.domInteractive), modules: files.filter((f) => f.endsWith(".js")).length };
  });
  t.diagnostic(`interactive after ${loaded.ms} ms, ${loaded.modules} modules`);
  assert.ok(loaded.modules <= 80, `${loaded.modules} modules`);
  await stranger.close();
});

test("the language changes at once, and stays on the next visit", async () => {
  const { page } = guest;
  await choose(guest, page.getByRole("button", { name: "More" }), "Devices and settings");
  await page.getByLabel("Language").selectOption({ label: "Français" });
  await page.getByRole("button", { name: "Terminé" }).click();
  await page.getByRole("button", { name: "Quitter" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "fr");
  await page.reload();
  await page.getByRole("button", { name: "Entrer" }).waitFor();
});

test("a revoked invitation leads nowhere, and says so", async () => {
  const { page } = olga;
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByRole("button", { name: "Revoke: Nobby Nobbs" }).click();
  await page.getByText("No longer valid.").waitFor();
  const late = await stage.arrive("Colon", { url: link });
  await late.page.getByRole("button", { name: "Join now" }).click();
  const problem = late.page.locator("[data-problem]");
  await problem.waitFor();
  assert.match(await problem.innerText(), /This invitation is no longer valid/);
  await late.close();
  await guest.close();
  await eventually(async () => assert.equal(await page.locator(".tile").count(), 1));
  await olga.close();
});

/**
 * Opens a menu and takes something from it.
 * @param {Participant} who
 * @param {Locator} button
 * @param {string} name
 * @param {"menuitem" | "menuitemradio"} [role]
 */
async function choose({ page }, button, name, role = "menuitem") {
  await button.click();
  await page.getByRole(role, { name, exact: true }).click();
}
