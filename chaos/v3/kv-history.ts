/** What all clients of the v3 store have seen in one round, and which keys they use: a few at a time, each left after some hundred requests. */

import { isWriting, type RecordedRequest } from './kv-request.ts';

/** Below this everything is written and watched. */
export const kvPrefix = 'chaos/';

const keysAtATime = 3;
const requestsPerKeySet = 1_500;
const faultsKept = 20;

export interface KeySet {
  readonly prefix: string;
  readonly keys: readonly string[];
}

export class KvHistory {
  readonly requests: RecordedRequest[] = [];
  /** Requests that may write and were answered. */
  acknowledgedWrites = 0;
  /** Requests without a definite answer, reads included. */
  unanswered = 0;
  /** The highest revision that was to be compacted, and the highest of which it was answered. */
  readonly compaction = { attempted: 0, acknowledged: 0 };
  /** What was found wrong while it went on. */
  readonly faults: string[] = [];
  #set: KeySet & { readonly number: number } = keySet(0);

  record(request: RecordedRequest): void {
    this.requests.push(request);
    if (request.answer !== undefined && isWriting(request.request)) this.acknowledgedWrites++;
  }

  keySet(): KeySet {
    const number = Math.floor(this.requests.length / requestsPerKeySet);
    if (number !== this.#set.number) this.#set = keySet(number);
    return this.#set;
  }

  fault(what: string): void {
    if (this.faults.length < faultsKept) this.faults.push(what);
  }
}

function keySet(number: number): KeySet & { readonly number: number } {
  const prefix = `${kvPrefix}${number}/`;
  return { number, prefix, keys: Array.from({ length: keysAtATime }, (_, at) => `${prefix}${at}`) };
}
