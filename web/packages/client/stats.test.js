import assert from "node:assert/strict";
import { test } from "node:test";
import { cameraEncodings, unusedEncodings } from "./simulcast.js";
import { judge, StatsSampler } from "./stats.js";

test("two samples of what is received give rates, loss and size, as Chromium tells them", () => {
  const sampler = new StatsSampler();
  const at = (time, bytes, packets, lost, frames) =>
    new Map([
      ["c", { type: "codec", id: "c", mimeType: "video/VP8" }],
      ["t", { type: "transport", id: "t", selectedCandidatePairId: "p" }],
      ["p", { type: "candidate-pair", id: "p", currentRoundTripTime: 0.04, localCandidateId: "l" }],
      ["l", { type: "local-candidate", id: "l", protocol: "udp", candidateType: "host" }],
      ["v", {
        type: "inbound-rtp", id: "v", kind: "video", codecId: "c", timestamp: time, jitter: 0.012,
        bytesReceived: bytes, packetsReceived: packets, packetsLost: lost, framesDecoded: frames,
        frameWidth: 640, frameHeight: 360, freezeCount: 1,
      }],
    ]);
  const [first] = sampler.digest(at(1000, 1000, 10, 0, 3)).media;
  assert.deepEqual([first.bitrate, first.lossPercent], [0, 0]);
  const second = sampler.digest(at(3000, 126_000, 100, 10, 63));
  assert.deepEqual(second, {
    media: [{
      kind: "video", rid: "", codec: "VP8", bitrate: 500_000, width: 640, height: 360,
      framesPerSecond: 30, lossPercent: 10, jitterMs: 12, freezes: 1, isActive: true, limitedBy: "",
    }],
    roundTripMs: 40,
    path: "udp host",
  });
});

test("encodings that are sent are told apart, with what the server reports, as Firefox tells them", () => {
  const sampler = new StatsSampler();
  const at = (time, high, low) =>
    new Map([
      ["p", { type: "candidate-pair", id: "p", selected: true, currentRoundTripTime: 0.4 }],
      ["h", {
        type: "outbound-rtp", id: "h", kind: "video", rid: "h", ssrc: 1, timestamp: time,
        bytesSent: high * 1000, packetsSent: high, qualityLimitationReason: "bandwidth",
      }],
      ["l", {
        type: "outbound-rtp", id: "l", kind: "video", rid: "l", ssrc: 2, timestamp: time,
        bytesSent: low * 1000, packetsSent: low,
      }],
      ["r", { type: "remote-inbound-rtp", id: "r", ssrc: 1, packetsLost: high / 10, jitter: 0.02 }],
    ]);
  sampler.digest(at(0, 0, 0));
  const stats = sampler.digest(at(1000, 100, 0));
  const seen = stats.media.map((m) => [m.rid, m.bitrate, m.lossPercent, m.isActive, m.limitedBy]);
  assert.deepEqual(seen, [["h", 800_000, 10, true, "bandwidth"], ["l", 0, 0, false, ""]]);
  assert.equal(stats.roundTripMs, 400);
});

test("a browser that tells nothing is no fault", () => {
  assert.deepEqual(new StatsSampler().digest(new Map()), { media: [], roundTripMs: 0, path: "" });
});

test("a stream is judged by what hurts most", () => {
  const with_ = (lossPercent, roundTripMs, limitedBy = "") =>
    judge({ media: [{ lossPercent, limitedBy }], roundTripMs, path: "" });
  assert.deepEqual(with_(0, 50), { grade: "good", reason: "" });
  assert.deepEqual(with_(5, 500), { grade: "fair", reason: "loss" });
  assert.deepEqual(with_(20, 50), { grade: "poor", reason: "loss" });
  assert.deepEqual(with_(0, 500), { grade: "fair", reason: "delay" });
  assert.deepEqual(with_(0, 50, "cpu"), { grade: "fair", reason: "cpu" });
});

test("a camera is sent once, in two or in three sizes, as far as that is worth it", () => {
  const rids = (limits, isSimulcast) => cameraEncodings(limits, isSimulcast).map(({ rid }) => rid);
  assert.deepEqual(rids({ height: 360, bitrate: 700_000 }, false), [undefined]);
  assert.deepEqual(rids({ height: 180, bitrate: 150_000 }, true), [undefined]);
  assert.deepEqual(rids({ height: 360, bitrate: 700_000 }, true), ["h", "l"]);
  const best = cameraEncodings({ height: 720, bitrate: 2_000_000 }, true);
  assert.deepEqual(best.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [undefined, 2, 4]);
  assert.deepEqual(unusedEncodings(best, 1), ["m", "l"]);
  assert.deepEqual(unusedEncodings(best, 2), []);
});

test("a picture that the line keeps the server from sending is judged by that", () => {
  const stats = { media: [], roundTripMs: 20, path: "" };
  const grade = (status, reason) => judge(stats, { status, reason });
  assert.deepEqual(grade("reduced", "bandwidth"), { grade: "fair", reason: "bandwidth" });
  assert.deepEqual(grade("paused", "bandwidth"), { grade: "poor", reason: "bandwidth" });
  assert.deepEqual(grade("paused", "last-n"), { grade: "good", reason: "" });
  assert.deepEqual(grade("full", ""), { grade: "good", reason: "" });
});
