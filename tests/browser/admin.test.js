/**
 * Administration in a browser: groups, users, invitations, who is there, and passwords.
 *
 * @import { Participant } from "./participant.js"
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkAccessible } from "./axe.js";
import { isFirefox, launchBrowser } from "./browsers.js";
import { eventually } from "./eventually.js";
import { DESKTOP, LOOKS, PHONE } from "./looks.js";
import { MEETING, Server } from "./server.js";
import { setStage } from "./stage.js";

/** For pictures, which are of one browser. */
const inChromium = isFirefox ? () => {} : test;

const CONFIG = {
  writableGroups: true,
  users: { root: { password: "correct horse", permissions: "admin" } },
};
const GROUPS = {
  meeting: MEETING,
  lectures: {
    displayName: "Lectures",
    description: "Physics, on Mondays",
    public: true,
    "max-clients": 50,
    users: {
      Ann: { password: "first secret", permissions: "op" },
      Bob: { password: "bob's", permissions: "present" },
      Boss: { password: "boss's", permissions: "admin" },
    },
  },
  seminar: { displayName: "Seminar" },
};

/** What browsers report by themselves when the server refuses something. */
const REFUSALS = /status of (400|401|403|404|412)/;

const stage = setStage(launchBrowser, {
  serve: async () => {
    const server = await Server.start(GROUPS, [], { "config.json": CONFIG });
    await server.keepRecording("meeting", "2026-11-23-100000-Olga.webm", "film");
    return server;
  },
});

test("an administrator signs in, and nobody else does", async () => {
  const root = await arrive();
  await signIn(root.page, "root", "wrong");
  await root.page.locator("[data-problem]", { hasText: "no administrator's name" }).waitFor();
  await signIn(root.page, "root", "correct horse");
  const names = root.page.locator(".side-list [data-group]");
  await names.first().waitFor();
  assert.deepEqual(await names.allTextContents(), ["lectures", "meeting", "seminar"]);
  await root.page.fill("#search", "LECT");
  assert.deepEqual(await names.allTextContents(), ["lectures"]);

  await root.page.click("[data-action=sign-out]");
  await root.page.locator("sign-in").waitFor();
  await root.page.reload();
  await root.page.locator("sign-in").waitFor();
  await root.close(REFUSALS);
});

test("a group is made, set up, used and deleted", async () => {
  const root = await office();
  const { page } = root;
  await page.click(".side [data-at=new]");
  await page.fill("#new-name", "a/.b");
  await page.click("[data-action=make-group]");
  await page.locator("[data-problem]", { hasText: "begins with a dot" }).waitFor();
  await page.fill("#new-name", "lectures");
  await page.click("[data-action=make-group]");
  await page.locator("[data-problem]", { hasText: "exists already" }).waitFor();
  await page.fill("#new-name", "lectures/optics");
  await page.fill("#new-title", "Optics");
  await page.click("input[value=open]");
  await page.click("[data-action=make-group]");
  await page.locator('.side-list [data-group="lectures/optics"][aria-current]').waitFor();

  await page.fill('[name="description"]', "Light and lenses");
  await page.check('[name="public"]');
  await page.click("[data-action=save]");
  await page.locator(".said", { hasText: "It is in force" }).waitFor();
  const listed = await (await fetch(`${stage.server.url}/public-groups.json`)).json();
  const optics = listed.find(({ name }) => name === "lectures/optics");
  assert.deepEqual([optics.displayName, optics.description], ["Optics", "Light and lenses"]);

  const guest = await stage.join("Grace", { group: "lectures/optics" });
  await page.click("[data-tab=live]");
  await page.locator('tr[data-member="Grace"]').waitFor();
  await page.locator('tr[data-member="Grace"] [data-action=kick]').click();
  await page.click("dialog [data-action=yes]");
  await page.locator(".said", { hasText: "Grace was sent away" }).waitFor();
  await guest.page.locator(".join-form").waitFor();
  await guest.close();

  await page.click("[data-tab=settings]");
  await page.click("[data-action=delete-group]");
  await page.locator("dialog", { hasText: "lectures/optics" }).locator("button", { hasText: "Cancel" }).click();
  assert.equal(await page.locator('.side-list [data-group="lectures/optics"]').count(), 1);
  await page.click("[data-action=delete-group]");
  await page.click("dialog [data-action=yes]");
  await page.locator('.side-list [data-group="lectures/optics"]').waitFor({ state: "detached" });
  assert.equal((await fetch(`${stage.server.group("lectures/optics")}.status`)).status, 404);
  await root.close(REFUSALS);
});

test("what the server does not like is said at its place, and stays as it was typed", async () => {
  const root = await office("lectures");
  const { page } = root;
  await page.fill('[name="max-clients"]', "2.5");
  await page.click("[data-action=save]");
  await page.locator("[data-remark=max-clients]").waitFor();
  assert.equal(await page.locator('[name="max-clients"]').getAttribute("aria-invalid"), "true");
  assert.equal(await page.inputValue('[name="max-clients"]'), "2.5");
  await page.fill('[name="max-clients"]', "50");

  await page.click("[data-action=json]");
  const json = page.locator("#group-json");
  const text = await json.inputValue();
  await json.fill(text.replace('"displayName"', '"dispayName"'));
  await page.click("[data-action=save]");
  await page.locator("[data-problem]", { hasText: "does not know dispayName" }).waitFor();
  assert.match(await json.inputValue(), /dispayName/);
  await json.fill(text.replace("}", ""));
  await page.click("[data-action=json]");
  await page.locator("[data-problem]", { hasText: "This is not JSON" }).waitFor();
  await json.fill(text.replace("Mondays", "Tuesdays"));
  await page.click("[data-action=json]");
  assert.equal(await page.inputValue('[name="description"]'), "Physics, on Tuesdays");
  assert.equal(await page.inputValue('[name="displayName"]'), "Lectures");

  // To leave would lose that: somebody asks.
  await page.click("[data-tab=users]");
  await page.locator("dialog", { hasText: "Leave without saving" }).locator("button", { hasText: "Cancel" }).click();
  assert.equal(await page.inputValue('[name="description"]'), "Physics, on Tuesdays");
  await page.click("[data-tab=users]");
  await page.click("dialog [data-action=yes]");
  await page.locator("users-panel").waitFor();
  await root.close(REFUSALS);
});

test("two administrators change one group, and neither loses anything", async () => {
  const first = await office("seminar");
  const second = await office("seminar");
  await first.page.fill('[name="description"]', "The first one's");
  await first.page.fill('[name="contact"]', "first@example.org");

  await second.page.fill('[name="description"]', "The second one's");
  await second.page.check('[name="public"]');
  await second.page.click("[data-action=save]");
  await second.page.locator(".said", { hasText: "It is in force" }).waitFor();

  await first.page.click("[data-action=save]");
  await first.page.locator("[data-conflict]").waitFor();
  await first.page.click("[data-action=take-theirs]");
  await first.page.locator("[data-remark=description]", { hasText: "The second one's" }).waitFor();
  assert.equal(await first.page.inputValue('[name="description"]'), "The first one's");
  assert.equal(await first.page.isChecked('[name="public"]'), true);
  await first.page.click("[data-action=save]");
  await first.page.locator(".said", { hasText: "It is in force" }).waitFor();
  assert.deepEqual(await definition("seminar"), {
    displayName: "Seminar",
    description: "The first one's",
    contact: "first@example.org",
    public: true,
  });

  // Users are in the same file, and no reason to complain.
  await first.page.fill('[name="comment"]', "Mine");
  await second.page.click("[data-tab=users]");
  await addUser(second.page, "Zoe", "zoe's");
  await first.page.click("[data-action=save]");
  await first.page.locator(".said", { hasText: "It is in force" }).waitFor();
  assert.equal((await definition("seminar")).comment, "Mine");
  await first.close(REFUSALS);
  await second.close(REFUSALS);
});

test("users are added, changed and deleted, and it counts at once", async () => {
  const root = await office("seminar", "users");
  const { page } = root;
  await addUser(page, "Carol", "carol's");
  await joins("seminar", "Carol", "carol's");

  const carol = page.locator('[data-user="Carol"]');
  // The next thing is chosen while the page still reads what the last one came to.
  const users = "**/.groups/seminar/.users/";
  let letRead = () => {};
  const chosen = new Promise((resolve) => (letRead = () => resolve(undefined)));
  await page.route(users, (route) => chosen.then(() => route.continue()));
  const reading = page.waitForRequest((request) => request.url().endsWith("/.users/"));
  await carol.locator("[data-field=role]").selectOption("message");
  await reading;
  await carol.locator("[data-field=role]").selectOption("");
  letRead();
  await page.locator(".said", { hasText: "permissions of Carol were changed" }).waitFor();
  await page.unroute(users);
  await carol.locator("[data-field=permissions]").pressSequentially("message, caption");
  await carol.locator("[data-field=permissions]").press("Enter");
  await eventually(async () => {
    const { permissions } = await api("/.groups/seminar/.users/Carol");
    assert.deepEqual(permissions, ["message", "caption"]);
  });

  await carol.locator("[data-action=password]").click();
  await page.fill("#set-new", "another");
  await page.fill("#set-again", "an other");
  await page.click("[data-action=set-password]");
  await page.locator("dialog [role=alert]", { hasText: "not the same" }).waitFor();
  await page.fill("#set-again", "another");
  await page.click("[data-action=set-password]");
  await page.locator(".said", { hasText: "password of Carol was changed" }).waitFor();
  await isRefused("seminar", "Carol", "carol's");
  await joins("seminar", "Carol", "another");

  await page.click("[data-action=add-wildcard]");
  await page.locator('[data-user="*"]').waitFor();
  await joins("seminar", "Somebody", "whatever");

  await carol.locator("[data-action=delete]").click();
  await page.click("dialog [data-action=yes]");
  await carol.waitFor({ state: "detached" });
  await root.close(REFUSALS);
});

test("an invitation is made, lets somebody in, is ended and deleted", async () => {
  const root = await office("lectures", "tokens");
  const { page } = root;
  await page.fill("#token-user", "Guest");
  await page.click("[data-action=make-token]");
  const link = await page.locator("input.link").inputValue();
  assert.match(link, new RegExp(`^${stage.server.group("lectures")}\\?token=`));

  const guest = await stage.arrive("Guest", { url: link });
  await guest.page.locator("[data-invited]").waitFor();
  await guest.page.click("[data-action=join]");
  await guest.page.locator(".call[data-phase=call]").waitFor();
  await guest.close();

  const row = page.locator("[data-token]");
  await row.locator("[data-action=revoke]").click();
  await page.locator('[data-token][data-state="expired"]').waitFor();
  await row.locator("[data-action=delete]").click();
  await page.click("dialog [data-action=yes]");
  await row.waitFor({ state: "detached" });
  await root.close(REFUSALS);
});

test("a token of the server lets its bearer administer, and leaves the address", async () => {
  const root = await office();
  await root.page.click(".side [data-at=tokens]");
  await root.page.click("[data-action=make-token]");
  const link = await root.page.locator("input.link").inputValue();
  await root.close(REFUSALS);

  const bearer = await arrive(link);
  await bearer.page.locator(".side-list [data-group]").first().waitFor();
  assert.equal(new URL(bearer.page.url()).search, "");
  await bearer.close(REFUSALS);
});

test("recordings are listed and deleted, and not while they are being written", async () => {
  const root = await office("seminar", "recordings");
  const { page } = root;
  await page.locator("[data-empty]", { hasText: "Nothing has been recorded" }).waitFor();
  await stage.server.keepRecording("seminar", "1.webm", "x".repeat(1500));
  await stage.server.keepRecording("seminar", "<b>&amp;.webm", "first");
  await page.click("[data-tab=users]");
  await page.click("[data-tab=recordings]");
  const rows = page.locator("[data-recording]");
  await rows.nth(1).waitFor();
  assert.deepEqual((await rows.locator("strong").allTextContents()).sort(), ["1.webm", "<b>&amp;.webm"]);
  await page.locator('[data-recording="1.webm"]', { hasText: "1.5 kB" }).waitFor();

  // Somebody asks for the one that was listed, and it is another one by now.
  await stage.server.keepRecording("seminar", "1.webm", "it goes on");
  const remove = async () => {
    await page.getByRole("button", { name: "Delete 1.webm" }).click();
    await page.locator("dialog", { hasText: "Delete 1.webm?" }).locator("[data-action=yes]").click();
  };
  await remove();
  await page.locator("[data-problem]", { hasText: "Somebody else has changed this" }).waitFor();
  await page.locator('[data-recording="1.webm"]', { hasText: "10 bytes" }).waitFor();
  await remove();
  await page.locator(".said", { hasText: "1.webm was deleted" }).waitFor();
  assert.deepEqual(await rows.locator("strong").allTextContents(), ["<b>&amp;.webm"]);
  assert.deepEqual((await api("/.groups/seminar/.recordings/")).map(({ name }) => name), ["<b>&amp;.webm"]);
  assert.match(await page.locator("[data-action=recordings]").getAttribute("href"), /^\/recordings\/seminar\/$/);
  await root.close(REFUSALS);
});

test("an administrator of one group sees that group alone", async () => {
  const boss = await arrive();
  await signIn(boss.page, "Boss", "boss's", "lectures");
  await boss.page.locator("h2", { hasText: "lectures" }).waitFor();
  assert.equal(await boss.page.locator(".side").count(), 0);
  await boss.page.fill('[name="comment"]', "Seen by Boss");
  await boss.page.click("[data-action=save]");
  await boss.page.locator(".said", { hasText: "It is in force" }).waitFor();
  await boss.page.click("[data-tab=live]");
  await boss.page.getByText("Nobody is in this group.").waitFor();
  await boss.close(REFUSALS);

  const ann = await arrive();
  await signIn(ann.page, "Ann", "first secret", "lectures");
  await ann.page.locator("[data-problem]").waitFor();
  await ann.close(REFUSALS);
});

test("users change their own passwords", async () => {
  const url = `${stage.server.url}/change-password.html?group=lectures&username=Ann`;
  const ann = await arrive(url);
  const change = async (/** @type {string[]} */ ...[old, next, again]) => {
    await ann.page.fill("#password-old", old);
    await ann.page.fill("#password-new", next);
    await ann.page.fill("#password-again", again);
    await ann.page.click("[data-action=change-password]");
  };
  await change("first secret", "second secret", "secnod secret");
  await ann.page.locator("[role=alert]", { hasText: "not the same" }).waitFor();
  await change("wrong", "second secret", "second secret");
  await ann.page.locator("[role=alert]", { hasText: "old password is wrong" }).waitFor();
  await change("first secret", "second secret", "second secret");
  await ann.page.locator("[role=status]", { hasText: "was changed" }).waitFor();
  assert.equal(await ann.page.inputValue("#password-old"), "");
  await ann.close(REFUSALS);

  await isRefused("lectures", "Ann", "first secret");
  await joins("lectures", "Ann", "second secret");
});

test("the page speaks French", async () => {
  const root = await office();
  await root.page.selectOption("#language", "fr");
  await root.page.locator("h2", { hasText: "Vue d'ensemble" }).waitFor();
  assert.equal(await root.page.evaluate(() => document.documentElement.lang), "fr");
  await root.page.click("[data-action=sign-out]");
  await root.page.getByRole("button", { name: "Se connecter" }).waitFor();
  await root.close(REFUSALS);
});

test("everything can be reached without a mouse", async () => {
  const root = await arrive();
  const { keyboard } = root.page;
  await root.page.locator("#username:focus").waitFor();
  await keyboard.type("root");
  await keyboard.press("Tab");
  await keyboard.type("correct horse");
  await keyboard.press("Enter");
  const link = root.page.locator(".side-list [data-group=seminar]");
  await link.waitFor();
  await link.focus();
  await keyboard.press("Enter");
  await root.page.locator("h2:focus", { hasText: "seminar" }).waitFor();
  await root.page.locator('[name="displayName"]').focus();
  await keyboard.press("End");
  await keyboard.type(" of spring");
  await keyboard.press("Enter");
  await root.page.locator(".said", { hasText: "It is in force" }).waitFor();
  assert.equal((await definition("seminar")).displayName, "Seminar of spring");
  await root.close(REFUSALS);
});

test("two administrators change one user, and the second is told", async () => {
  const first = await office("lectures", "users");
  const second = await office("lectures", "users");
  const role = (/** @type {Participant} */ who) => who.page.locator('[data-user="Bob"] [data-field=role]');
  await role(first).selectOption("op");
  await first.page.locator(".said", { hasText: "permissions of Bob were changed" }).waitFor();
  await role(second).selectOption("message");
  await second.page.locator("[data-problem]", { hasText: "Somebody else has changed this" }).waitFor();
  await eventually(async () => assert.equal(await role(second).inputValue(), "op"));
  await role(second).selectOption("message");
  await second.page.locator(".said", { hasText: "permissions of Bob were changed" }).waitFor();
  assert.equal((await api("/.groups/lectures/.users/Bob")).permissions, "message");
  await first.close(REFUSALS);
  await second.close(REFUSALS);
});

for (const look of LOOKS) {
  test(`every view is accessible, ${look.viewport.width} wide and ${look.theme}`, async () => {
    const root = await arrive(`${stage.server.url}/admin/`, look);
    const { page } = root;
    await page.locator("#username").waitFor();
    await checkAccessible(page, "signing in");
    await signIn(page, "root", "wrong");
    await page.locator("[data-problem]").waitFor();
    await checkAccessible(page, "refused");
    await signIn(page, "root", "correct horse");
    await page.locator("live-panel .tiles").waitFor();
    await checkAccessible(page, "overview");
    for (const [hash, selector] of [
      ["at=tokens", "tokens-panel form"],
      ["at=new", "new-group form"],
      ["group=meeting&tab=settings", "settings-panel fieldset"],
      ["group=meeting&tab=users", "users-panel [data-user]"],
      ["group=meeting&tab=tokens", "tokens-panel form"],
      ["group=meeting&tab=live", "live-panel .quiet"],
      ["group=meeting&tab=recordings", "[data-recording]"],
    ]) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.locator(selector).first().waitFor();
      await checkAccessible(page, hash);
    }
    await page.evaluate(() => (location.hash = "group=meeting&tab=users"));
    await page.locator('[data-user="Olga"] [data-action=password]').click();
    await checkAccessible(page, "password");
    await page.keyboard.press("Escape");
    await page.evaluate(() => (location.hash = "group=meeting&tab=settings"));
    await page.click("[data-action=json]");
    await checkAccessible(page, "JSON");
    await page.goto(`${stage.server.url}/change-password.html`);
    await page.locator("#password-old").waitFor();
    await checkAccessible(page, "changing a password");
    await root.close(REFUSALS);
  });
}

inChromium("who is where, for the documentation", async (t) => {
  const directory =
    process.env.UPDATE_SCREENSHOTS === "1"
      ? fileURLToPath(new URL("../../docs/images/", import.meta.url))
      : await mkdtemp(path.join(os.tmpdir(), "galene-pictures-"));
  await mkdir(directory, { recursive: true });
  const guests = [];
  for (const name of ["Ada", "Grace"]) guests.push(await stage.join(name));
  await guests[0].sees("Grace", { size: null });

  const root = await office("", "", { viewport: { width: 1120, height: 640 }, theme: "light" });
  const { page } = root;
  const row = page.locator("tr[data-group=meeting]");
  await row.waitFor();
  assert.equal(await row.locator("td").first().textContent(), "2");
  for (const [name, hash, selector] of [
    ["admin-overview", "at=live", "tr[data-group=meeting]"],
    ["admin-group", "group=lectures&tab=settings", "settings-panel fieldset"],
    ["admin-users", "group=lectures&tab=users", "users-panel [data-user]"],
  ]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.locator(selector).first().waitFor();
    await page.screenshot({ path: path.join(directory, `${name}.png`) });
  }
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(() => (location.hash = "group=meeting&tab=live"));
  await page.locator("tr[data-member=Ada]").waitFor();
  await page.screenshot({ path: path.join(directory, "admin-phone.png") });
  t.diagnostic(`pictures are in ${directory}`);
  await root.close(REFUSALS);
  for (const guest of guests) await guest.close();
});

/**
 * Opens the administrator's page.
 * @param {string} [url]
 * @param {object} [look]
 */
function arrive(url = `${stage.server.url}/admin/`, look = { viewport: DESKTOP }) {
  return stage.arrive("root", { url, ...look });
}

/**
 * The page as the administrator of the server sees it, at one group.
 * @param {string} [group]
 * @param {string} [tab]
 * @param {object} [look]
 */
async function office(group = "", tab = "settings", look = { viewport: DESKTOP }) {
  const place = group === "" ? "" : `#${new URLSearchParams({ group, tab })}`;
  const root = await arrive(`${stage.server.url}/admin/${place}`, look);
  await signIn(root.page, "root", "correct horse");
  await root.page.locator(".office").waitFor();
  if (group !== "") await root.page.locator(`${tab}-panel .sheet`).waitFor();
  return root;
}

/** @param {import("../../web/node_modules/playwright-core/index.mjs").Page} page */
async function signIn(page, username, password, group = "") {
  await page.fill("#username", username);
  await page.fill("#password", password);
  await page.fill("#group", group);
  await page.click("[data-action=sign-in]");
}

/** @param {import("../../web/node_modules/playwright-core/index.mjs").Page} page */
async function addUser(page, name, password) {
  await page.fill("#new-user", name);
  await page.fill("#new-password", password);
  await page.click("[data-action=add-user]");
  await page.locator(`[data-user="${name}"]`).waitFor();
}

/** What the interface says, to the administrator of the server. */
async function api(place) {
  const headers = { Authorization: `Basic ${btoa("root:correct horse")}` };
  const response = await fetch(`${stage.server.url}/galene-api/v0${place}`, { headers });
  assert.equal(response.status, 200);
  return response.json();
}

const definition = (/** @type {string} */ group) => api(`/.groups/${group}`);

/** Somebody joins. */
async function joins(group, name, password) {
  const member = await stage.arrive(name, { group });
  await member.submit(password);
  await member.page.locator(".call[data-phase=call]").waitFor();
  await member.close();
}

/** Somebody is not let in. */
async function isRefused(group, name, password) {
  const stranger = await stage.arrive(name, { group });
  await stranger.submit(password);
  await stranger.page.locator("[data-problem]").waitFor();
  await stranger.close(REFUSALS);
}
