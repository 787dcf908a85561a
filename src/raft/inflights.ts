/**
 * The window of append messages that are on their way to one replicating follower: a ring of (last index, bytes).
 * Invariants: last indexes grow from head to tail; `#bytes` is the sum over the window.
 */
import { invariant } from './invariant.ts';

export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #lastIndexes: number[] = [];
  readonly #sizes: number[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** No further message may go. The byte limit may be passed by the last message let in. */
  get full(): boolean {
    return this.#count >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  add(lastIndex: number, bytes: number): void {
    invariant(!this.full, 'append sent into a full inflight window');
    let slot = this.#head + this.#count;
    if (slot >= this.#maxMessages) slot -= this.#maxMessages;
    this.#lastIndexes[slot] = lastIndex;
    this.#sizes[slot] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Everything up to `index` arrived. */
  freeTo(index: number): void {
    while (this.#count > 0 && this.#lastIndexes[this.#head]! <= index) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#head = this.#head + 1 === this.#maxMessages ? 0 : this.#head + 1;
      this.#count--;
    }
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }
}
