/**
 * What this member's own disk holds, and what waits for it (asynchronous storage writes, thesis 10.2.1).
 *
 * Writes are handed out as numbered batches and become durable in that order. Entry i of the log in memory is durable once
 * a batch that holds it is durable AND no later batch in flight replaces the log from i or before: on the disk the entry may be
 * gone meanwhile, even if a still later batch brings the very same one back. So each batch in flight remembers up to where the
 * log it left behind is still the log in memory (`validTo`); cutting the log at f lowers every `validTo` to f - 1, and a late
 * report of an overwritten batch acknowledges nothing that was overwritten.
 *
 * Held actions (messages and the candidate's own vote) are released when the batch that holds everything unsaved at the
 * moment they were made is durable. What has meanwhile fallen behind the current term is dropped: it would answer a question
 * that nobody who counts is asking any more, and so no acknowledgement can outlive the entries it speaks of.
 *
 * Invariants: durableIndex <= handedOutTo <= log.lastIndex; sequences of held actions never decrease.
 */
import { invariant } from './invariant.ts';
import type { RaftLog } from './raft-log.ts';
import type { HardState, MemberId, Message, PersistBatch, Snapshot } from './types.ts';

interface BatchInFlight {
  readonly sequence: number;
  validTo: number;
}

/** Something that may happen only after a write: a message leaves, or (`message` undefined) the own vote counts. */
export interface Held {
  readonly sequence: number;
  readonly term: number;
  readonly message: Message | undefined;
}

export class WriteQueue {
  /** Entries of the log in memory up to here are on this member's disk to stay. */
  durableIndex: number;
  #handedOutTo: number;
  #lastSequence = 0;
  /** The last batch that carried more than a commit index. */
  #lastSyncSequence = 0;
  #durableSequence = 0;
  #hardState: HardState;
  #snapshot: Snapshot | undefined;
  #inFlight: BatchInFlight[] = [];
  #held: Held[] = [];

  /** `lastIndex`: all of the initial log is durable. */
  constructor(hardState: HardState, lastIndex: number) {
    this.#hardState = hardState;
    this.durableIndex = lastIndex;
    this.#handedOutTo = lastIndex;
  }

  /** True if term, vote, entries or a snapshot wait to be handed out: what must be synced. */
  needsSync(log: RaftLog, term: number, vote: MemberId): boolean {
    return (
      this.#handedOutTo < log.lastIndex ||
      term !== this.#hardState.term ||
      vote !== this.#hardState.vote ||
      this.#snapshot !== undefined
    );
  }

  needsWrite(log: RaftLog, term: number, vote: MemberId): boolean {
    return log.commit !== this.#hardState.commit || this.needsSync(log, term, vote);
  }

  /** True while a received snapshot was not handed out. */
  get hasSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  /** The next batch, or undefined if there is nothing to write. */
  take(log: RaftLog, term: number, vote: MemberId): PersistBatch | undefined {
    const mustSync = this.needsSync(log, term, vote);
    const commit = log.commit;
    const previous = this.#hardState;
    const hardStateChanged = commit !== previous.commit || term !== previous.term || vote !== previous.vote;
    if (!mustSync && !hardStateChanged) return undefined;
    const lastIndex = log.lastIndex;
    const sequence = ++this.#lastSequence;
    const batch: PersistBatch = {
      sequence,
      hardState: hardStateChanged ? { term, vote, commit } : undefined,
      entries: this.#handedOutTo < lastIndex ? log.slice(this.#handedOutTo + 1, lastIndex) : [],
      snapshot: this.#snapshot,
      mustSync,
    };
    if (hardStateChanged) this.#hardState = { term, vote, commit };
    this.#snapshot = undefined;
    this.#handedOutTo = lastIndex;
    if (mustSync) this.#lastSyncSequence = sequence;
    this.#inFlight.push({ sequence, validTo: lastIndex });
    return batch;
  }

  /** The log in memory was cut: entries from `index` on will be others. */
  truncatedFrom(index: number): void {
    const validTo = index - 1;
    if (this.#handedOutTo > validTo) this.#handedOutTo = validTo;
    if (this.durableIndex > validTo) this.durableIndex = validTo;
    for (const batch of this.#inFlight) if (batch.validTo > validTo) batch.validTo = validTo;
  }

  /** A snapshot replaces the log. Nothing of it is durable before the batch that carries the snapshot. */
  restored(snapshot: Snapshot): void {
    this.truncatedFrom(1);
    this.#snapshot = snapshot;
    this.#handedOutTo = snapshot.metadata.index;
  }

  /** Batches up to `sequence` are durable. Returns what they held back, in order; the caller drops what is of an old term. */
  persisted(sequence: number): readonly Held[] {
    invariant(sequence > this.#durableSequence, 'a batch reported durable twice');
    invariant(sequence <= this.#lastSequence, 'a batch reported durable that was never handed out');
    this.#durableSequence = sequence;
    let done = 0;
    for (const batch of this.#inFlight) {
      if (batch.sequence > sequence) break;
      if (batch.validTo > this.durableIndex) this.durableIndex = batch.validTo;
      done++;
    }
    this.#inFlight.splice(0, done);
    let released = 0;
    while (released < this.#held.length && this.#held[released]!.sequence <= sequence) released++;
    return this.#held.splice(0, released);
  }

  /**
   * Holds `message` (or the own vote) until everything unsaved now is durable. False if all is durable: the caller acts at
   * once.
   */
  hold(message: Message | undefined, log: RaftLog, term: number, vote: MemberId): boolean {
    const sequence = this.needsSync(log, term, vote) ? this.#lastSequence + 1 : this.#lastSyncSequence;
    if (sequence <= this.#durableSequence) return false;
    const last = this.#held.at(-1);
    const held: Held = { sequence, term, message };
    if (last !== undefined && last.sequence === sequence && supersedes(message, last.message)) {
      this.#held[this.#held.length - 1] = held;
    } else {
      this.#held.push(held);
    }
    return true;
  }
}

/** An acknowledgement of more of the same log says all that the one before it would have said. */
function supersedes(message: Message | undefined, earlier: Message | undefined): boolean {
  return (
    message?.type === 'append-response' &&
    earlier?.type === 'append-response' &&
    !message.reject &&
    !earlier.reject &&
    message.to === earlier.to &&
    message.term === earlier.term &&
    message.index >= earlier.index
  );
}
