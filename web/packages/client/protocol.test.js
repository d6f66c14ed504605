import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { decodeStatus, ProtocolError } from "./fields.js";
import { decode, encode, MAX_MESSAGE_BYTES } from "./protocol.js";

test("what the server left out is put back", () => {
  assert.deepEqual(decode('{"type":"joined","kind":"fail","group":"g","value":"no"}'), {
    type: "joined",
    kind: "fail",
    group: "g",
    username: "",
    permissions: [],
    status: null,
    data: {},
    rtcConfiguration: null,
    error: "",
    value: "no",
  });
  const said = decode('{"type":"chat","value":"hi","time":"2026-01-02T03:04:05+01:00"}');
  assert.equal(said.time.toISOString(), "2026-01-02T02:04:05.000Z");
  assert.deepEqual([said.dest, said.privileged, said.noecho], ["", false, false]);
});

test("what the server says of encodings, speakers and streams is read", () => {
  assert.deepEqual(decode('{"type":"handshake","version":["2"]}').features, []);
  const used = '{"type":"encodings","id":"s","encodings":[{"rid":"h","active":false},{"active":true}]}';
  assert.deepEqual(decode(used).encodings, [
    { rid: "h", active: false },
    { rid: "", active: true },
  ]);
  const { status, reason } = decode('{"type":"streamstatus","id":"s","status":"full"}');
  assert.deepEqual([status, reason], ["full", ""]);
});

test("a type that is not known is passed over, what breaks the rules is not", () => {
  assert.equal(decode('{"type":"later"}'), null);
  const broken = [
    "",
    "[]",
    "null",
    '{"type":7}',
    '{"type":"handshake","version":"2"}',
    '{"type":"handshake","version":[2]}',
    '{"type":"joined","kind":"maybe"}',
    '{"type":"joined","kind":"join","rtcConfiguration":{"iceServers":["stun:"]}}',
    '{"type":"joined","kind":"join","status":{"name":7}}',
    '{"type":"user","kind":"add"}',
    '{"type":"user","kind":"add","id":"a","data":[]}',
    '{"type":"chat","time":"soon"}',
    '{"type":"chat","privileged":"yes"}',
    '{"type":"offer","sdp":"x"}',
    '{"type":"ice","id":"s"}',
    '{"type":"ice","id":"s","candidate":{}}',
    '{"type":"close","id":""}',
    '{"type":"encodings","id":"s","encodings":{}}',
    '{"type":"encodings","id":"s","encodings":[{"rid":"h","active":"no"}]}',
    '{"type":"speakers","speakers":[{"id":"s","source":"a"}]}',
    '{"type":"streamstatus","id":"s","status":"asleep"}',
  ];
  for (const text of broken) assert.throws(() => decode(text), ProtocolError, text);
});

test("a status is checked before it is believed", () => {
  assert.equal(decodeStatus({ name: "g", clientCount: 3 }).clientCount, 3);
  assert.throws(() => decodeStatus({ name: "g", location: 7 }), ProtocolError);
  assert.throws(() => decodeStatus({ name: "g", clientCount: "3" }), ProtocolError);
  assert.throws(() => decodeStatus([]), ProtocolError);
});

test("messages that the server would refuse are not sent", () => {
  assert.throws(() => encode({ type: "close", id: "" }), ProtocolError);
  const words = { type: "chat", kind: "", source: "a", username: "A" };
  assert.throws(() => encode({ ...words, value: "x".repeat(MAX_MESSAGE_BYTES) }), ProtocolError);
  assert.throws(() => encode({ ...words, value: "€".repeat(350_000) }), ProtocolError);
  assert.ok(encode({ ...words, value: "€".repeat(349_000) }));
});

const FIXTURES = new URL("../../../tests/fixtures/protocol/", import.meta.url);

test("every message of the server in the fixtures is understood", async () => {
  const fixtures = await readFixtures("server/");
  assert.ok(fixtures.length > 0);
  for (const [name, text] of fixtures) {
    const wire = JSON.parse(text);
    const message = decode(text);
    assert.ok(message, name);
    // Reading adds what is empty and changes nothing else.
    for (const [field, value] of Object.entries(wire)) {
      if (field === "time") assert.equal(message.time.getTime(), Date.parse(value), name);
      else if (field in message) assertHolds(message[field], value, `${name}: ${field}`);
    }
  }
});

test("every message to the server in the fixtures is written as it stands there", async () => {
  const fixtures = await readFixtures("client/");
  assert.ok(fixtures.length > 0);
  for (const [name, text] of fixtures) {
    const wire = JSON.parse(text);
    assert.deepEqual(JSON.parse(encode(wire)), wire, name);
  }
});

/** Checks that what was read has all that was on the wire; what was left out there is empty. */
function assertHolds(read, wire, name) {
  if (typeof wire !== "object" || wire === null) return assert.deepEqual(read, wire, name);
  assert.equal(Array.isArray(read), Array.isArray(wire), name);
  for (const [key, value] of Object.entries(wire)) assertHolds(read[key], value, `${name}.${key}`);
}

async function readFixtures(folder) {
  const names = await readdir(new URL(folder, FIXTURES), { recursive: true });
  const files = names.filter((name) => name.endsWith(".json")).sort();
  return Promise.all(
    files.map(async (name) => [name, await readFile(new URL(folder + name, FIXTURES), "utf8")]),
  );
}
