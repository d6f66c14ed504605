/**
 * Stand-ins for what a browser has, for the tests beside this file.
 */

/** Remembers what it was told, and does it at once. */
export class FakePeerConnection extends EventTarget {
  localDescription = null;
  remoteDescription = null;
  iceConnectionState = "new";
  closed = false;
  candidates = [];
  transceivers = [];
  offers = 0;
  refuses = "";

  constructor(configuration) {
    super();
    this.configuration = configuration;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  async createOffer({ iceRestart = false } = {}) {
    this.offers += 1;
    return { type: "offer", sdp: `offer ${this.offers}${iceRestart ? " restart" : ""}` };
  }

  async createAnswer() {
    return { type: "answer", sdp: `answer to ${this.remoteDescription.sdp}` };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  async setRemoteDescription(description) {
    if (description.sdp === this.refuses) throw new Error(`refused: ${description.sdp}`);
    this.remoteDescription = description;
  }

  async addIceCandidate(candidate) {
    this.candidates.push(candidate.candidate);
  }

  addTransceiver(track, { direction, streams, sendEncodings }) {
    const sender = {
      track,
      async replaceTrack(next) {
        sender.track = next;
      },
      getParameters: () => ({ encodings: structuredClone(sendEncodings) }),
      async setParameters({ encodings }) {
        sendEncodings = encodings;
      },
    };
    const transceiver = { sender, direction, streams };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  close() {
    this.closed = true;
  }

  /** Pretends that ICE got this far. */
  reach(state) {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event("iceconnectionstatechange"));
  }

  find(candidate) {
    const event = new Event("icecandidate");
    event.candidate = { candidate, toJSON: () => ({ candidate }) };
    this.dispatchEvent(event);
  }

  receive(media) {
    const event = new Event("track");
    event.streams = [media];
    this.dispatchEvent(event);
  }
}

/** A captured stream with tracks of these kinds. */
export function fakeMedia(...kinds) {
  const tracks = kinds.map((kind, index) => ({ kind, id: `${kind} ${index}` }));
  return {
    getAudioTracks: () => tracks.filter(({ kind }) => kind === "audio"),
    getVideoTracks: () => tracks.filter(({ kind }) => kind === "video"),
  };
}

/** Lets everything happen that only waits for its turn. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));
