import assert from "node:assert/strict";
import { test } from "node:test";
import { FakePeerConnection, fakeMedia, settle } from "./fakes.test.js";
import { DownStream } from "./down-stream.js";
import { MAX_WAITING_CANDIDATES } from "./stream.js";
import { UpStream } from "./up-stream.js";

test("publishing offers all tracks and sends on what the browser finds", async () => {
  const { stream, pc, sent } = upStream();
  const media = fakeMedia("audio", "video");

  stream.setTrack("audio", media.getAudioTracks()[0]);
  await stream.setTrack("video", media.getVideoTracks()[0]);
  pc.find("host");

  assert.deepEqual(
    pc.transceivers.map(({ sender, direction }) => [sender.track.kind, direction]),
    [["audio", "sendonly"], ["video", "sendonly"]],
  );
  assert.deepEqual(sent[0], {
    type: "offer",
    id: "s1",
    source: "me",
    username: "Ann",
    label: "camera",
    sdp: "offer 1",
  });
  assert.deepEqual(sent.at(-1), { type: "ice", id: "s1", candidate: { candidate: "host" } });
});

test("a second wish to negotiate waits for the answer to the first", async () => {
  const { stream, sent } = upStream();
  const media = fakeMedia("audio", "video");
  await stream.setTrack("audio", media.getAudioTracks()[0]);
  await stream.setTrack("video", media.getVideoTracks()[0]);
  assert.deepEqual(offers(sent), ["offer 1"]);

  await stream.handleAnswer({ sdp: "answer" });
  assert.deepEqual(offers(sent), ["offer 1", "offer 2"]);

  await stream.handleAnswer({ sdp: "answer" });
  assert.deepEqual(offers(sent), ["offer 1", "offer 2"]);
});

test("a restart that waits is not forgotten over a plain offer that waits too", async () => {
  const { stream, sent } = upStream();
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);
  stream.handleRenegotiate();
  await stream.setTrack("video", fakeMedia("video").getVideoTracks()[0]);

  await stream.handleAnswer({ sdp: "answer" });

  assert.deepEqual(offers(sent), ["offer 1", "offer 2 restart"]);
});

test("another camera in place of one needs no negotiation, no camera does", async () => {
  const { stream, pc, sent } = upStream();
  const [first] = fakeMedia("video").getVideoTracks();
  const [second] = fakeMedia("video").getVideoTracks();
  await stream.setTrack("video", first);
  await stream.handleAnswer({ sdp: "answer" });

  await stream.setTrack("video", second);
  assert.equal(stream.track("video"), second);
  assert.deepEqual(offers(sent), ["offer 1"]);

  await stream.setTrack("video", null);
  assert.equal(stream.track("video"), null);
  assert.equal(pc.transceivers[0].direction, "inactive");
  assert.deepEqual(offers(sent), ["offer 1", "offer 2"]);

  await stream.handleAnswer({ sdp: "answer" });
  await stream.setTrack("video", first);
  assert.equal(pc.transceivers.length, 1);
  assert.equal(pc.transceivers[0].direction, "sendonly");
  assert.deepEqual(offers(sent), ["offer 1", "offer 2", "offer 3"]);
});

test("candidates of the server wait for its answer", async () => {
  const { stream, pc } = upStream();
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);
  stream.handleIce({ candidate: "early" });
  await settle();
  assert.deepEqual(pc.candidates, []);

  stream.handleAnswer({ sdp: "answer" });
  stream.handleIce({ candidate: "late" });
  await settle();
  assert.deepEqual(pc.candidates, ["early", "late"]);
});

test("candidates that nobody can use are not hoarded", async () => {
  const { stream, pc } = upStream();
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);
  for (let i = 0; i <= MAX_WAITING_CANDIDATES; i += 1) stream.handleIce({ candidate: `${i}` });

  await stream.handleAnswer({ sdp: "answer" });

  assert.equal(pc.candidates.length, MAX_WAITING_CANDIDATES);
});

test("the stream that is replaced is named in the first offer only", async () => {
  const { stream, sent } = upStream({ replace: "s0" });
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);
  await stream.handleAnswer({ sdp: "answer" });
  await stream.restartIce();

  const [first, second] = sent.filter(({ type }) => type === "offer");
  assert.equal(first.replace, "s0");
  assert.ok(!("replace" in second));
});

test("encodings that nobody watches are not sent, and are again at once", async () => {
  const { stream, pc } = upStream();
  const active = () => pc.transceivers[0].sender.getParameters().encodings.map((e) => e.active ?? true);
  // The server may be quicker than the browser.
  stream.handleEncodings([{ rid: "h", active: false }]);
  await stream.setTrack("video", fakeMedia("video").getVideoTracks()[0], [{ rid: "h" }, { rid: "l" }]);
  assert.deepEqual(active(), [false, true]);

  await stream.handleEncodings([{ rid: "l", active: false }]);
  assert.deepEqual(active(), [false, false]);
  await stream.handleEncodings([{ rid: "h", active: true }, { rid: "l", active: true }]);
  assert.deepEqual(active(), [true, true]);
});

test("what the server wants does not undo what we do not want", async () => {
  const { stream, pc } = upStream();
  const active = () => pc.transceivers[0].sender.getParameters().encodings.map((e) => e.active ?? true);
  await stream.setTrack("video", fakeMedia("video").getVideoTracks()[0], [{ rid: "h" }, { rid: "l" }]);
  await stream.pauseEncodings(["l"]);
  await stream.handleEncodings([{ rid: "h", active: false }, { rid: "l", active: true }]);
  assert.deepEqual(active(), [false, false]);
  await stream.pauseEncodings([]);
  assert.deepEqual(active(), [false, true]);
});

test("a picture in one encoding has no name, and stops as a whole", async () => {
  const { stream, pc } = upStream();
  await stream.setTrack("video", fakeMedia("video").getVideoTracks()[0], [{ maxBitrate: 1 }]);
  await stream.handleEncodings([{ rid: "h", active: false }]);
  assert.deepEqual(pc.transceivers[0].sender.getParameters().encodings, [{ maxBitrate: 1 }]);
  await stream.handleEncodings([{ rid: "", active: false }]);
  assert.deepEqual(pc.transceivers[0].sender.getParameters().encodings, [{ maxBitrate: 1, active: false }]);
});

test("a published stream that the server refuses ends and is closed", async () => {
  const { stream, pc, sent } = upStream();
  const reasons = record(stream, "ended", "reason");

  stream.handleAbort();
  stream.handleAbort();

  assert.deepEqual(reasons, ["aborted"]);
  assert.ok(pc.closed);
  assert.deepEqual(sent, [{ type: "close", id: "s1" }]);
});

test("an answer that the browser refuses ends the stream and is reported", async () => {
  const { stream, pc, sent } = upStream();
  const errors = record(stream, "error", "error");
  const reasons = record(stream, "ended", "reason");
  pc.refuses = "nonsense";
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);

  await stream.handleAnswer({ sdp: "nonsense" });

  assert.deepEqual(errors.map(String), ["Error: refused: nonsense"]);
  assert.deepEqual(reasons, ["closed"]);
  assert.deepEqual(sent.at(-1), { type: "close", id: "s1" });
});

test("a way that failed is sought anew, by us if we publish", async () => {
  const { pc, stream, sent } = upStream();
  await stream.setTrack("audio", fakeMedia("audio").getAudioTracks()[0]);
  await stream.handleAnswer({ sdp: "answer" });

  pc.reach("failed");
  await settle();

  assert.deepEqual(offers(sent), ["offer 1", "offer 2 restart"]);
});

test("a way that failed is sought anew, by the server if we receive", async () => {
  const { pc, sent } = downStream();
  pc.reach("failed");
  assert.deepEqual(sent, [{ type: "renegotiate", id: "s1" }]);
});

test("receiving answers each offer in turn and hands over what arrives", async () => {
  const { stream, pc, sent } = downStream();
  const media = fakeMedia("video");
  stream.on("negotiated", () => {});

  stream.handleIce({ candidate: "early" });
  stream.handleOffer("one");
  stream.handleOffer("two");
  pc.receive(media);
  await settle();

  assert.equal(stream.media, media);
  assert.deepEqual(pc.candidates, ["early"]);
  assert.deepEqual(sent, [
    { type: "answer", id: "s1", sdp: "answer to one" },
    { type: "answer", id: "s1", sdp: "answer to two" },
  ]);
});

test("an offer that the browser refuses is aborted and reported", async () => {
  const { stream, pc, sent } = downStream();
  const errors = record(stream, "error", "error");
  pc.refuses = "nonsense";

  await stream.handleOffer("nonsense");

  assert.equal(errors.length, 1);
  assert.deepEqual(sent, [{ type: "abort", id: "s1" }]);
});

test("nothing is sent for a stream that has ended", async () => {
  const { stream, sent } = downStream();
  stream.end("closed");

  stream.abort();
  stream.request(["audio"]);
  await stream.handleOffer("late");

  assert.deepEqual(sent, []);
});

test("one stream can be asked for otherwise than the rest", () => {
  const { stream, sent } = downStream();
  stream.request(["audio", "video-low"]);
  stream.request(null);
  assert.deepEqual(sent, [
    { type: "requestStream", id: "s1", request: ["audio", "video-low"] },
    { type: "requestStream", id: "s1", request: null },
  ]);
});

test("encodings are paused and sent again without negotiation", async () => {
  const { stream, pc, sent } = upStream();
  const [video] = fakeMedia("video").getVideoTracks();
  stream.setTrack("video", video, [{ rid: "h" }, { rid: "l" }]);
  await stream.pauseEncodings(["l"]);
  const active = () => pc.transceivers[0].sender.getParameters().encodings.map((e) => e.active);
  assert.deepEqual(active(), [true, false]);
  await stream.pauseEncodings([]);
  assert.deepEqual(active(), [true, true]);
  assert.equal(sent.filter(({ type }) => type === "offer").length, 1);
});

function upStream({ replace = "" } = {}) {
  const sent = [];
  const pc = new FakePeerConnection({});
  const wire = { send: (message) => sent.push(message), pc };
  const source = { id: "me", username: "Ann" };
  const stream = new UpStream("s1", "camera", fakeMedia(), source, replace, wire);
  return { stream, pc, sent };
}

function downStream() {
  const sent = [];
  const pc = new FakePeerConnection({});
  const wire = { send: (message) => sent.push(message), pc };
  const source = { id: "you", username: "Bob" };
  return { stream: new DownStream("s1", "camera", source, "l1", wire), pc, sent };
}

function offers(sent) {
  return sent.filter(({ type }) => type === "offer").map(({ sdp }) => sdp);
}

function record(stream, name, field) {
  const found = [];
  stream.on(name, (detail) => found.push(detail[field]));
  return found;
}
