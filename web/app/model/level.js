/**
 * How loud our microphone is.
 */

/** Quieter than this is silence: about -50 dB of full scale. */
const QUIET = 0.003;

/** Louder than this is somebody speaking. */
const SPEAKING = 0.015;

/** Of whichever microphone is in use, if one is. */
export class OwnLevel {
  /** @type {{track: MediaStreamTrack, meter: LevelMeter} | null} */
  #metered = null;

  /**
   * Listens to this microphone from now on, or to none.
   * @param {MediaStreamTrack | null} track
   */
  follow(track) {
    if ((this.#metered?.track ?? null) === track) return;
    this.#metered?.meter.close();
    this.#metered = track ? { track, meter: new LevelMeter(track) } : null;
  }

  /** From 0 for silence to 100 for as loud as can be, in steps as the ear hears them. */
  get percent() {
    return this.#metered?.meter.percent ?? 0;
  }

  get isSpeaking() {
    return this.#metered?.meter.isSpeaking ?? false;
  }
}

class LevelMeter {
  #context;
  #analyser;
  #samples;

  /** @param {MediaStreamTrack} track */
  constructor(track) {
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
  }

  get percent() {
    const level = this.#rms();
    if (level <= QUIET) return 0;
    return Math.min(100, Math.round((100 * Math.log(level / QUIET)) / Math.log(0.5 / QUIET)));
  }

  get isSpeaking() {
    return this.#rms() > SPEAKING;
  }

  close() {
    this.#context.close();
  }

  #rms() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const sum = this.#samples.reduce((total, sample) => total + sample * sample, 0);
    return Math.sqrt(sum / this.#samples.length);
  }
}
