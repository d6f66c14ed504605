import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, AdminError, changePassword, EMPTY_USER, WILDCARD_USER } from "./admin.js";

test("who asks is said in each request, whatever letters the password has", async () => {
  const { admin, asked } = start([json(["a"])]);
  assert.deepEqual(await admin.groups(), ["a"]);
  const [{ url, headers, credentials }] = asked;
  assert.equal(url, "https://example.org/galene-api/v0/.groups/");
  assert.equal(Buffer.from(headers.Authorization.slice(6), "base64").toString(), "root:pässwörd");
  assert.equal(credentials, "omit");
});

test("what is changed is what was read, or somebody is told", async () => {
  const { admin, asked } = start([json({ public: true }, '"1"'), status(204), status(412)]);
  const { value, etag } = await admin.group("a/b c");
  await admin.updateGroup("a/b c", { ...value, public: false }, etag);
  assert.equal(asked[1].url, "https://example.org/galene-api/v0/.groups/a/b%20c");
  assert.deepEqual([asked[1].method, asked[1].headers["If-Match"], asked[1].body], [
    "PUT", '"1"', '{"public":false}',
  ]);
  await assert.rejects(admin.createGroup("new", {}), (error) => {
    assert.ok(error instanceof AdminError);
    assert.equal(error.status, 412);
    return true;
  });
  assert.equal(asked[2].headers["If-None-Match"], "*");
});

test("users with and without a name have places of their own", async () => {
  const { admin, asked } = start([status(201), status(201), status(204), status(204), status(204)]);
  await admin.createUser("g", "Ann/Lee", "present");
  await admin.createUser("g", WILDCARD_USER, ["present", "message"]);
  await admin.setPassword("g", EMPTY_USER, "secret");
  await admin.allowAnyPassword("g", WILDCARD_USER);
  await admin.deleteUser("g", "Ann", '"3"');
  assert.deepEqual(asked.map(({ method, path }) => `${method} ${path}`), [
    "PUT .groups/g/.users/Ann%2FLee",
    "PUT .groups/g/.wildcard-user",
    "POST .groups/g/.empty-user/.password",
    "PUT .groups/g/.wildcard-user/.password",
    "DELETE .groups/g/.users/Ann",
  ]);
  assert.deepEqual([asked[2].headers["Content-Type"], asked[2].body], ["text/plain", "secret"]);
  assert.equal(asked[4].headers["If-Match"], '"3"');
});

test("a new token is known by where it is", async () => {
  const created = { ...status(201), headers: new Headers({ Location: "abc-1" }) };
  const { admin, asked } = start([created]);
  assert.equal(await admin.createToken("", { permissions: ["admin"] }), "abc-1");
  assert.equal(asked[0].path, ".groups/.tokens/");
});

test("recordings are listed, and deleted as they were listed", async () => {
  const listed = { name: "1 a/b.webm", size: 10, modified: "2026-11-23T10:00:00Z", etag: '"10-1"' };
  const growing = { name: "2.webm", size: 0, etag: '"0-2"' };
  const { admin, asked } = start([json([listed, growing]), status(204), json([{ name: "3.webm" }])]);
  const [first, second] = await admin.recordings("a/b");
  assert.deepEqual(first, { ...listed, modified: new Date("2026-11-23T10:00:00Z") });
  assert.deepEqual(second, { ...growing, modified: null });
  await admin.deleteRecording("a/b", first.name, first.etag);
  assert.deepEqual([asked[0].path, asked[1].path, asked[1].method, asked[1].headers["If-Match"]], [
    ".groups/a/b/.recordings/", ".groups/a/b/.recordings/1%20a%2Fb.webm", "DELETE", '"10-1"',
  ]);
  await assert.rejects(admin.recordings("a"), /size of recording/);
});

test("a token is replaced only as it was read", async () => {
  const { admin, asked } = start([status(204)]);
  await admin.updateToken("g", "t/1", { permissions: ["present"] }, '"7"');
  assert.equal(asked[0].path, ".groups/g/.tokens/t%2F1");
  assert.deepEqual([asked[0].method, asked[0].headers["If-Match"]], ["PUT", '"7"']);
});

test("members can be seen, and let go with a word", async () => {
  const { admin, asked } = start([json([{ id: "c/1" }, 7]), status(204), status(204)]);
  assert.deepEqual(await admin.clients("a/b"), [{ id: "c/1" }]);
  await admin.kick("a/b", "c/1", "Good night & thanks");
  await admin.kick("a/b", "c2");
  assert.deepEqual(asked.map(({ path }) => path), [
    ".groups/a/b/.clients/",
    ".groups/a/b/.clients/c%2F1?message=Good%20night%20%26%20thanks",
    ".groups/a/b/.clients/c2",
  ]);
});

test("a name that would lead to something else is refused before anybody is asked", async () => {
  const { admin, asked } = start([]);
  for (const name of ["..", ".", ""]) {
    for (const request of [
      () => admin.kick("night", name),
      () => admin.token("night", name),
      () => admin.deleteToken("", name, '"1"'),
      () => admin.deleteRecording("night", name, '"1"'),
      () => admin.deleteUser("night", name || "..", '"1"'),
      () => admin.setPassword("night", name || ".", "secret"),
      () => admin.deleteGroup(`night/${name}`, '"1"'),
      () => admin.users(`${name}/night`),
    ]) {
      await assert.rejects(request(), { name: "AdminError", status: 400, message: /cannot be/ }, `${request} ${name}`);
    }
  }
  await assert.rejects(admin.deleteGroup("night/.users/Ann", '"1"'), { status: 400 });
  assert.deepEqual(asked, []);
});

test("names of dots that lead nowhere else are names", async () => {
  const { admin, asked } = start([status(204), status(204), status(204), status(204)]);
  await admin.kick("night", "...");
  await admin.kick("night", "%2e%2E");
  await admin.kick("night", "../a\\..");
  await admin.deleteUser("night", ".hidden", '"1"');
  assert.deepEqual(asked.map(({ path }) => path), [
    ".groups/night/.clients/...",
    ".groups/night/.clients/%252e%252E",
    ".groups/night/.clients/..%2Fa%5C..",
    ".groups/night/.users/.hidden",
  ]);
});

test("one's own password is changed with the old one", async () => {
  const { fetcher, asked } = start([status(401)]);
  const change = { group: "g", username: "Ann", oldPassword: "old", newPassword: "new" };
  const changing = changePassword("https://example.org/", change, fetcher);
  await assert.rejects(changing, { status: 401, message: "go away" });
  assert.equal(asked[0].headers.Authorization, `Basic ${btoa("Ann:old")}`);
  assert.equal(asked[0].body, "new");
});

test("a server that is not there is no answer of its own", async () => {
  const admin = new Admin("https://example.org/", { token: "t" }, async () => {
    throw new TypeError("offline");
  });
  await assert.rejects(admin.stats(), { status: 0 });
});

function start(responses) {
  const asked = [];
  const fetcher = async (url, init) => {
    asked.push({ url: url.href, path: url.href.split("/v0/")[1], ...init });
    return responses.shift();
  };
  const credentials = { username: "root", password: "pässwörd" };
  return { admin: new Admin("https://example.org/group/x/", credentials, fetcher), fetcher, asked };
}

function json(value, etag = "") {
  return { ok: true, status: 200, headers: new Headers({ ETag: etag }), json: async () => value };
}

function status(code) {
  const headers = new Headers({ "Content-Type": "text/plain; charset=utf-8" });
  return { ok: code < 300, status: code, headers, text: async () => "go away\n" };
}
