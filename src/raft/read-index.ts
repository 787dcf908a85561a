/**
 * Linearizable reads without log writes (thesis 6.4): a leader notes its commit index, makes sure with one round of heartbeats
 * that it still leads, and lets the reads that asked before the round be served at that index.
 *
 * All requests of one turn share a round; rounds are numbered, and a member that confirms round n confirms all before it. So a
 * member's confirmations are one number, and the confirmed round is what a majority of those numbers has reached, exactly as
 * the commit index is.
 */
import type { MemberId } from './types.ts';

export interface ReadRequest {
  /** Who asked: this member or one that forwarded to it. */
  readonly from: MemberId;
  readonly context: Uint8Array;
}

export interface ReadRound {
  readonly round: number;
  /** Commit index at the start of the round. */
  readonly index: number;
  readonly requests: readonly ReadRequest[];
}

const CONTEXT_BYTES = 8;

export class ReadIndexQueue {
  #waiting: ReadRequest[] = [];
  #rounds: ReadRound[] = [];
  /** Number of the round started last. Never goes back, so that answers of a former leadership confirm nothing. */
  #lastRound = 0;

  get lastRound(): number {
    return this.#lastRound;
  }

  /** Requests wait for a round to start. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Rounds wait for confirmation. */
  get hasRounds(): boolean {
    return this.#rounds.length > 0;
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
  }

  /** Starts a round for everything that waits. */
  start(commit: number): void {
    this.#rounds.push({ round: ++this.#lastRound, index: commit, requests: this.#waiting });
    this.#waiting = [];
  }

  /** The rounds up to `round`, which a majority confirmed. */
  takeConfirmed(round: number): readonly ReadRound[] {
    let count = 0;
    while (count < this.#rounds.length && this.#rounds[count]!.round <= round) count++;
    return count === 0 ? [] : this.#rounds.splice(0, count);
  }

  /** The leadership ended: whoever asked will ask again. */
  clear(): void {
    this.#waiting = [];
    this.#rounds = [];
  }
}

/** The heartbeat context of a round: its number, 8 bytes big endian. */
export function encodeRound(round: number): Uint8Array {
  const bytes = new Uint8Array(CONTEXT_BYTES);
  let rest = round;
  for (let i = CONTEXT_BYTES - 1; rest > 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** 0 for a context that is none of ours. */
export function decodeRound(context: Uint8Array): number {
  if (context.length !== CONTEXT_BYTES) return 0;
  let round = 0;
  for (const byte of context) round = round * 256 + byte;
  return round;
}
