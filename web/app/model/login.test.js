import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { credentialsFor, LoginError, takeToken } from "./login.js";

const real = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = real;
});

test("a token is taken out of the address", () => {
  const shown = [];
  const history = { replaceState: (_state, _title, url) => shown.push(url) };
  const location = { search: "?token=a%2Db&x=1", pathname: "/group/night/", hash: "#x" };
  assert.equal(takeToken(location, history), "a-b");
  assert.deepEqual(shown, ["/group/night/#x"]);
  assert.equal(takeToken({ search: "", pathname: "/", hash: "" }, history), "");
  assert.equal(shown.length, 1);
});

test("an invitation counts instead of a password, and may bring a name of its own", async () => {
  const wish = { group: "night", username: "", password: "p", token: "t" };
  assert.deepEqual(await credentialsFor(null, wish, PLACE), { group: "night", token: "t" });
  const named = await credentialsFor(null, { ...wish, username: "Ann" }, PLACE);
  assert.deepEqual(named, { group: "night", token: "t", username: "Ann" });
});

test("another server vouches, leaves it to this one, or refuses", async () => {
  const status = { name: "night", authServer: "https://auth.example/" };
  const wish = { group: "night", username: "Ann", password: "p", token: "" };
  const asked = [];
  const answer = (code, type, text) => {
    globalThis.fetch = async (url, { body }) => {
      asked.push([url, JSON.parse(body)]);
      const headers = new Headers({ "Content-Type": type });
      return { status: code, ok: code < 300, headers, text: async () => text };
    };
    return credentialsFor(status, wish, PLACE);
  };
  assert.deepEqual(await answer(200, "application/jwt; charset=utf-8", "x.y.z"), {
    group: "night",
    username: "Ann",
    token: "x.y.z",
  });
  const question = { location: "https://a.example/group/night/", username: "Ann", password: "p" };
  assert.deepEqual(asked, [["https://auth.example/", question]]);
  assert.equal((await answer(204, "", "")).password, "p");
  await assert.rejects(answer(401, "text/plain", "no"), LoginError);
  await assert.rejects(answer(200, "text/html", "<p>"), LoginError);
});

const PLACE = { origin: "https://a.example", pathname: "/group/night/" };
