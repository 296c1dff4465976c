// Runs in the audio thread: what the microphone gives, as chunks for the page to send.

const CHUNK_S = 0.1;

class Microphone extends AudioWorkletProcessor {
  #chunk = this.#empty();
  #length = 0; // samples
  #energy = 0;

  /** Takes 128 samples of one channel in [-1, 1]; none while nothing is connected. */
  process([[samples = []]]) {
    for (const sample of samples) {
      const limited = Math.max(-1, Math.min(1, sample));
      this.#energy += limited * limited;
      this.#chunk[this.#length++] = Math.round(limited * 32767);
      if (this.#length === this.#chunk.length) this.#post();
    }
    return true;
  }

  /** Gives the page 16-bit samples at the context's rate, and their level (RMS, 0 to 1). */
  #post() {
    const { buffer } = this.#chunk;
    this.port.postMessage({ buffer, level: Math.sqrt(this.#energy / this.#length) }, [buffer]);
    this.#chunk = this.#empty();
    this.#length = this.#energy = 0;
  }

  #empty() {
    return new Int16Array(Math.round(sampleRate * CHUNK_S));
  }
}

registerProcessor("microphone", Microphone);
