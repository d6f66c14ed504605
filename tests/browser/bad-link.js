/**
 * A bad link between one browser and the server: a proxy for UDP that loses, delays and holds back.
 *
 * The page is made to believe that the server is where the proxy is, at another port of the same address,
 * and tells the server nothing of where it is itself. So all media of this page goes through the proxy, and nobody else's does.
 *
 * @import { BrowserContext } from "../../web/node_modules/playwright-core/index.mjs"
 */
import dgram from "node:dgram";

/**
 * What a link does in each direction.
 * @typedef {object} LinkProfile
 * @property {number} [loss] The share of datagrams that is lost
 * @property {number} [delayMs]
 * @property {number} [bitsPerSecond] What does not fit waits
 */

/** So many bytes wait for a link that is full, and no more. */
const QUEUE_BYTES = 32_000;

/** What a kernel may hold for us while Node.js does something else: a second of 8 Mbit/s. */
const SOCKET_BYTES = 1_000_000;

export class BadLink {
  /** @type {LinkProfile} */ #profile = {};
  #random;
  /** Who listens in place of which address of the server. @type {Map<string, Promise<number>>} */
  #listeners = new Map();
  /** @type {Set<dgram.Socket>} */ #sockets = new Set();
  #isClosed = false;
  /** How many datagrams and bytes went towards the page, and how many of the datagrams were dropped. */
  counts = { offered: 0, bytes: 0, dropped: 0 };
  /** How many RTP packets the page sent, by payload type (RFC 3550 §5.1). @type {Map<number, number>} */
  sent = new Map();

  /** @param {number} seed The same datagrams are lost with the same seed, if they come in the same order */
  constructor(seed) {
    this.#random = randomNumbers(seed);
  }

  /**
   * Changes the link from now on.
   * @param {LinkProfile} profile
   */
  set(profile) {
    this.#profile = profile;
  }

  /**
   * Lets all pages of a context use this link.
   * @param {BrowserContext} context
   */
  async use(context) {
    await context.exposeFunction("throughBadLink", (/** @type {string} */ host, /** @type {number} */ port) =>
      this.#listen(host, port),
    );
    await context.addInitScript(leadThroughBadLink);
  }

  close() {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }

  /**
   * Listens in place of the server, and returns the port.
   * @param {string} host
   * @param {number} port
   */
  #listen(host, port) {
    const key = `${host} ${port}`;
    const listening = this.#listeners.get(key) ?? this.#open(host, port);
    this.#listeners.set(key, listening);
    return listening;
  }

  /**
   * @param {string} host
   * @param {number} port
   * @returns {Promise<number>}
   */
  async #open(host, port) {
    const front = await this.#bind(host);
    const up = this.#direction();
    const down = this.#direction();
    /** Each peer has an address of its own towards the server. @type {Map<string, Promise<dgram.Socket>>} */
    const backs = new Map();
    front.on("message", async (datagram, peer) => {
      const key = `${peer.address} ${peer.port}`;
      let opening = backs.get(key);
      if (!opening) {
        opening = this.#bind(undefined);
        backs.set(key, opening);
        const back = await opening;
        back.on("message", (answer) => {
          this.counts.offered += 1;
          this.counts.bytes += answer.length;
          const isTaken = down(answer.length, () => this.#send(front, answer, peer.port, peer.address));
          if (!isTaken) this.counts.dropped += 1;
        });
      }
      const back = await opening;
      this.#note(datagram);
      up(datagram.length, () => this.#send(back, datagram, port, host));
    });
    return front.address().port;
  }

  /**
   * @param {string | undefined} host
   * @returns {Promise<dgram.Socket>}
   */
  #bind(host) {
    const socket = dgram.createSocket({ type: "udp4" });
    this.#sockets.add(socket);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, host, () => {
        socket.setRecvBufferSize(SOCKET_BYTES);
        resolve(socket);
      });
    });
  }

  /**
   * @param {dgram.Socket} socket
   * @param {Buffer} datagram
   * @param {number} port
   * @param {string} host
   */
  #send(socket, datagram, port, host) {
    if (!this.#isClosed) socket.send(datagram, port, host);
  }

  /** @param {Buffer} datagram Something that the page sent */
  #note([first = 0, second = 0]) {
    // STUN and DTLS begin otherwise (RFC 7983 §7), and RTCP goes on otherwise (RFC 5761 §4).
    if (first < 128 || first > 191 || (second >= 192 && second <= 223)) return;
    const payloadType = second & 0x7f;
    this.sent.set(payloadType, (this.sent.get(payloadType) ?? 0) + 1);
  }

  /** Returns what takes the datagrams of one direction: it says whether one got through. */
  #direction() {
    let free = 0;
    return (/** @type {number} */ bytes, /** @type {() => void} */ deliver) => {
      const { loss = 0, delayMs = 0, bitsPerSecond } = this.#profile;
      if (this.#random() < loss) return false;
      let waitMs = 0;
      if (bitsPerSecond !== undefined) {
        const now = performance.now();
        free = Math.max(free, now);
        const queued = ((free - now) * bitsPerSecond) / 8000;
        if (queued + bytes > QUEUE_BYTES) return false;
        free += (bytes * 8000) / bitsPerSecond;
        waitMs = free - now;
      }
      const afterMs = delayMs + waitMs;
      if (afterMs < 1) deliver();
      else setTimeout(deliver, afterMs);
      return true;
    };
  }
}

/**
 * Numbers between 0 and 1 (mulberry32).
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs in the page. */
function leadThroughBadLink() {
  const CANDIDATE = /^(a=)?candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ /i;
  /** Returns a line of SDP with the proxy in place of the server, or `null` if that cannot be. */
  const rewrite = async (/** @type {string} */ line) => {
    const found = CANDIDATE.exec(line);
    if (!found) return null;
    const [, , host, port] = found;
    const proxy = await window.throughBadLink(host, Number(port));
    return line.replace(` ${host} ${port} typ `, ` ${host} ${proxy} typ `);
  };
  const rewriteAll = async (/** @type {string} */ sdp) => {
    const lines = await Promise.all(
      sdp.split("\r\n").map((line) => (line.startsWith("a=candidate:") ? rewrite(line) : line)),
    );
    return lines.filter((line) => line !== null).join("\r\n");
  };
  const peer = RTCPeerConnection.prototype;
  const { setRemoteDescription, addIceCandidate } = peer;
  peer.setRemoteDescription = async function (description) {
    const sdp = await rewriteAll(description.sdp);
    return setRemoteDescription.call(this, { type: description.type, sdp });
  };
  peer.addIceCandidate = async function (candidate) {
    const text = candidate?.candidate;
    if (!text) return addIceCandidate.call(this, candidate);
    const rewritten = await rewrite(text);
    if (rewritten === null) return;
    return addIceCandidate.call(this, { ...toInit(candidate), candidate: rewritten });
  };
  const toInit = (/** @type {any} */ candidate) => {
    const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
    return { sdpMid, sdpMLineIndex, ...(usernameFragment ? { usernameFragment } : {}) };
  };
  // The server is to learn where the page is from what comes out of the proxy, and from nothing else.
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    if (typeof data !== "string") return send.call(this, data);
    const message = JSON.parse(data);
    if (message.type === "ice") return;
    if (typeof message.sdp === "string") {
      const lines = message.sdp.split("\r\n");
      message.sdp = lines.filter((line) => !line.startsWith("a=candidate:")).join("\r\n");
    }
    send.call(this, JSON.stringify(message));
  };
}
