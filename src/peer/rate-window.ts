/** Messages and bytes a second over the last 200 messages, as `/v2/stats/self` shows them; 0 after a second of silence. */

const WINDOW_LENGTH = 200;
const SILENCE_MS = 1000;

export class RateWindow {
  /** All messages ever recorded. */
  count = 0;
  readonly #timesMs = new Float64Array(WINDOW_LENGTH);
  readonly #sizes = new Float64Array(WINDOW_LENGTH);
  #length = 0;
  #next = 0;
  #bytes = 0;

  record(nowMs: number, bytes: number): void {
    this.count++;
    const at = this.#next;
    if (this.#length === WINDOW_LENGTH) this.#bytes -= this.#sizes[at]!;
    else this.#length++;
    this.#timesMs[at] = nowMs;
    this.#sizes[at] = bytes;
    this.#bytes += bytes;
    this.#next = (at + 1) % WINDOW_LENGTH;
  }

  /** Per second. One lone message makes no rate. */
  rates(nowMs: number): { readonly messages: number; readonly bytes: number } {
    const length = this.#length;
    if (length === 0) return { messages: 0, bytes: 0 };
    const newest = this.#timesMs[(this.#next + WINDOW_LENGTH - 1) % WINDOW_LENGTH]!;
    const oldest = this.#timesMs[(this.#next + WINDOW_LENGTH - length) % WINDOW_LENGTH]!;
    if (nowMs - newest > SILENCE_MS) {
      this.#length = 0;
      this.#bytes = 0;
      return { messages: 0, bytes: 0 };
    }
    const seconds = (newest - oldest) / 1000;
    if (seconds <= 0) return { messages: 0, bytes: 0 };
    return { messages: length / seconds, bytes: this.#bytes / seconds };
  }
}
