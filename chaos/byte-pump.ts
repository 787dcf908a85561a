/**
 * Moves the bytes of one socket to another as a link allows: late, slowly, or not for now.
 *
 * Invariants: bytes keep their order; no more than `heldBytesMax` wait here (then the sender's window closes, as behind a slow line).
 */

import type { Socket } from 'node:net';
import type { SeededRandom } from '../test/support/seeded-random.ts';
import type { Link } from './link.ts';

const heldBytesMax = 256 * 1024;

interface Parcel {
  /** Undefined: the sender has ended. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

export class BytePump {
  readonly #link: Link;
  readonly #isForAppends: boolean;
  readonly #random: SeededRandom;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #held: Parcel[] = [];
  readonly #forget: () => void;
  #heldBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param isForAppends the leader's appends, and nothing else, come this way */
  constructor(link: Link, source: Socket, sink: Socket, random: SeededRandom, isForAppends = false) {
    this.#link = link;
    this.#isForAppends = isForAppends;
    this.#random = random;
    this.#source = source;
    this.#sink = sink;
    source.on('data', (bytes: Buffer) => this.take(bytes));
    source.on('end', () => this.#hold(undefined));
    source.on('close', () => this.#hold(undefined));
    sink.on('close', () => this.#stop());
    sink.on('drain', () => this.#deliver());
    this.#forget = link.onChange(() => this.#deliver());
    this.#deliver();
  }

  take(bytes: Buffer): void {
    this.#hold(bytes);
  }

  #hold(bytes: Buffer | undefined): void {
    const { jitterMs, bytesPerSecond, appendDelayMs } = this.#link.state;
    const delayMs = this.#link.state.delayMs + (this.#isForAppends ? appendDelayMs : 0);
    const length = bytes?.length ?? 0;
    const jitter = jitterMs > 0 ? this.#random.below(jitterMs) : 0;
    const ready = Math.max(this.#lastDueMs, performance.now() + delayMs + jitter);
    this.#lastDueMs = ready + (length / bytesPerSecond) * 1000;
    this.#held.push({ bytes, dueMs: this.#lastDueMs });
    this.#heldBytes += length;
    this.#deliver();
    if (this.#heldBytes > heldBytesMax) this.#source.pause();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    const { mode } = this.#link.state;
    if (mode === 'refused') {
      this.#source.destroy();
      this.#sink.destroy();
      return;
    }
    while (mode === 'open' && this.#held.length > 0 && !this.#sink.writableNeedDrain) {
      const { bytes, dueMs } = this.#held[0]!;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        break;
      }
      this.#held.shift();
      if (bytes === undefined) this.#sink.end();
      else {
        this.#heldBytes -= bytes.length;
        this.#sink.write(bytes);
      }
    }
    if (this.#heldBytes <= heldBytesMax && this.#source.isPaused()) this.#source.resume();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#forget();
    this.#source.destroy();
  }
}
