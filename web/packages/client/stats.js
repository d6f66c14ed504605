/**
 * What a stream is like at the moment, from the statistics of any browser.
 *
 * @import { Delivery } from "./protocol.js"
 *
 * @typedef {object} MediaStats One encoding that is sent, or one track that is received
 * @property {"audio" | "video"} kind
 * @property {string} rid Of the encoding; empty if it is the only one, or received
 * @property {string} codec Such as `VP8`; empty if the browser does not tell
 * @property {number} bitrate In bits per second, since the last sample
 * @property {number} width Zero for sound, and before the first picture
 * @property {number} height
 * @property {number} framesPerSecond
 * @property {number} lossPercent Since the last sample; of what is sent, as the server reports it
 * @property {number} jitterMs
 * @property {number} freezes Pauses in a received picture, all in all
 * @property {boolean} isActive Whether anything of it was sent or received since the last sample
 * @property {string} limitedBy Why less is sent than could be: `bandwidth`, `cpu`; or empty
 *
 * @typedef {object} StreamStats
 * @property {MediaStats[]} media
 * @property {number} roundTripMs To the server; zero if unknown
 * @property {string} path How it travels, such as `udp host`; empty if the browser does not tell
 *
 * @typedef {object} Counters
 * @property {number} time
 * @property {number} bytes
 * @property {number} packets
 * @property {number} lost
 * @property {number} frames
 *
 * @typedef {Record<string, any>} Report One entry of what `getStats` returns
 */

/** Compares one sample with the one before. One for each stream. */
export class StatsSampler {
  /** By the id of the browser's entry. @type {Map<string, Counters>} */
  #before = new Map();

  /**
   * @param {{getStats: () => Promise<RTCStatsReport | Map<string, Report>>}} pc
   * @returns {Promise<StreamStats>}
   */
  async sample(pc) {
    return this.digest(await pc.getStats());
  }

  /**
   * @param {RTCStatsReport | Map<string, Report>} report
   * @returns {StreamStats}
   */
  digest(report) {
    /** @type {Map<string, Report>} */
    const entries = new Map(/** @type {Iterable<[string, Report]>} */ (report.entries()));
    const streams = [...entries.values()].filter(
      ({ type }) => type === "inbound-rtp" || type === "outbound-rtp",
    );
    /** @type {Map<string, Counters>} */
    const counters = new Map();
    const media = streams.map((stream) => this.#media(stream, entries, counters));
    this.#before = counters;
    const pair = selectedPair(entries);
    const local = pair && entries.get(pair["localCandidateId"]);
    return {
      media,
      roundTripMs: Math.round((pair?.["currentRoundTripTime"] ?? 0) * 1000),
      path: local ? [local["protocol"], local["candidateType"]].filter(Boolean).join(" ") : "",
    };
  }

  /**
   * @param {Report} stream
   * @param {Map<string, Report>} entries
   * @param {Map<string, Counters>} counters
   * @returns {MediaStats}
   */
  #media(stream, entries, counters) {
    const isSent = stream["type"] === "outbound-rtp";
    const remote = isSent ? remoteOf(stream, entries) : stream;
    const now = {
      time: stream["timestamp"],
      bytes: stream[isSent ? "bytesSent" : "bytesReceived"] ?? 0,
      packets: stream[isSent ? "packetsSent" : "packetsReceived"] ?? 0,
      lost: remote?.["packetsLost"] ?? 0,
      frames: stream[isSent ? "framesEncoded" : "framesDecoded"] ?? 0,
    };
    counters.set(stream["id"], now);
    const before = this.#before.get(stream["id"]) ?? now;
    const seconds = Math.max(0, now.time - before.time) / 1000;
    const perSecond = (/** @type {number} */ count) => (seconds > 0 ? count / seconds : 0);
    const packets = Math.max(0, now.packets - before.packets);
    const lost = Math.max(0, now.lost - before.lost);
    // What was sent includes what was lost on the way; what was received does not.
    const expected = isSent ? packets : packets + lost;
    const codec = String(entries.get(stream["codecId"])?.["mimeType"] ?? "");
    const limit = stream["qualityLimitationReason"] ?? "none";
    return {
      kind: stream["kind"],
      rid: stream["rid"] ?? "",
      codec: codec.slice(codec.indexOf("/") + 1),
      bitrate: Math.round(perSecond(8 * Math.max(0, now.bytes - before.bytes))),
      width: stream["frameWidth"] ?? 0,
      height: stream["frameHeight"] ?? 0,
      framesPerSecond: Math.round(perSecond(Math.max(0, now.frames - before.frames))),
      lossPercent: expected > 0 ? Math.min(100, (100 * lost) / expected) : 0,
      jitterMs: Math.round((remote?.["jitter"] ?? 0) * 1000),
      freezes: stream["freezeCount"] ?? 0,
      isActive: packets > 0,
      limitedBy: isSent && limit !== "none" && limit !== "other" ? limit : "",
    };
  }
}

/**
 * What the server reports about something that is sent.
 * @param {Report} stream
 * @param {Map<string, Report>} entries
 */
function remoteOf(stream, entries) {
  const known = entries.get(stream["remoteId"]);
  if (known) return known;
  return [...entries.values()].find(
    ({ type, ssrc }) => type === "remote-inbound-rtp" && ssrc === stream["ssrc"],
  );
}

/** @param {Map<string, Report>} entries */
function selectedPair(entries) {
  const all = [...entries.values()];
  const transport = all.find(({ type }) => type === "transport");
  const named = transport && entries.get(transport["selectedCandidatePairId"]);
  // Firefox has no such entry, but marks the pair itself.
  return (
    named ??
    all.find(({ type, selected }) => type === "candidate-pair" && selected) ??
    all.find(({ type, nominated, state }) => {
      return type === "candidate-pair" && nominated && state === "succeeded";
    })
  );
}

/** Above this much loss, speech has gaps and pictures stand still (percent). */
const POOR_LOSS = 10;

/** Above this much loss, repair costs quality (percent). */
const FAIR_LOSS = 3;

/** Above this, people begin to talk at the same time (ITU-T G.114, there and back). */
const FAIR_ROUND_TRIP_MS = 300;

/**
 * Says in a word how good a stream is.
 * @param {StreamStats} stats
 * @param {Delivery} [delivery] What the server says of a stream that is received
 * @returns {{grade: "good" | "fair" | "poor", reason: "" | "loss" | "delay" | "bandwidth" | "cpu"}}
 */
export function judge({ media, roundTripMs }, delivery = { status: "full", reason: "" }) {
  const loss = Math.max(0, ...media.map(({ lossPercent }) => lossPercent));
  if (loss > POOR_LOSS) return { grade: "poor", reason: "loss" };
  // What is held back for other reasons than the line says nothing about the line.
  if (delivery.reason === "bandwidth" && delivery.status !== "full") {
    return { grade: delivery.status === "paused" ? "poor" : "fair", reason: "bandwidth" };
  }
  if (loss > FAIR_LOSS) return { grade: "fair", reason: "loss" };
  if (roundTripMs > FAIR_ROUND_TRIP_MS) return { grade: "fair", reason: "delay" };
  const limit = media.map(({ limitedBy }) => limitedBy).find((reason) => reason !== "");
  if (limit === "bandwidth" || limit === "cpu") return { grade: "fair", reason: limit };
  return { grade: "good", reason: "" };
}
