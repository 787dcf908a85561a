/**
 * The log in memory: all entries after the compacted prefix, whether durable or not (write-queue.ts knows which are).
 *
 *      base                  applied   handedOut   commit        lastIndex
 *   ...  | firstIndex ...       |          |          |              |
 *
 * Invariants: base <= commit <= lastIndex, applied <= handedOut <= commit (just after a snapshot was received applied < base
 * until the caller reports it applied). Entries up to commit never change.
 */
import { InvariantError, invariant } from './invariant.ts';
import type { Entry } from './types.ts';

/** Charged for an entry besides its data wherever bytes are bounded: about what its encoding adds. */
export const ENTRY_OVERHEAD_BYTES = 16;

export class RaftLog {
  #entries: Entry[];
  /** Position in #entries of the first live one; those before it are compacted and dropped when they are the half. */
  #head = 0;
  #baseIndex: number;
  #baseTerm: number;
  /** Known to be on a quorum. */
  commit: number;
  /** Handed to the caller for applying. */
  handedOut: number;
  /** Reported as applied. */
  applied: number;

  constructor(baseIndex: number, baseTerm: number, entries: readonly Entry[]) {
    this.#baseIndex = baseIndex;
    this.#baseTerm = baseTerm;
    this.#entries = entries.slice();
    this.commit = baseIndex;
    this.handedOut = baseIndex;
    this.applied = baseIndex;
    let term = baseTerm;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.index !== baseIndex + 1 + i) {
        throw new InvariantError(`log has entry ${entry.index} where ${baseIndex + 1 + i} belongs`);
      }
      if (entry.term < term) throw new InvariantError(`term decreases at entry ${entry.index}`);
      term = entry.term;
    }
  }

  get firstIndex(): number {
    return this.#baseIndex + 1;
  }

  /** Index of the last entry that is compacted away; its term is still known. */
  get baseIndex(): number {
    return this.#baseIndex;
  }

  get lastIndex(): number {
    return this.#baseIndex + this.#entries.length - this.#head;
  }

  get lastTerm(): number {
    return this.#entries.length > this.#head ? this.#entries[this.#entries.length - 1]!.term : this.#baseTerm;
  }

  /** Undefined for what is compacted away or not there yet. */
  termAt(index: number): number | undefined {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex) return undefined;
    return this.#entries[this.#head + index - this.#baseIndex - 1]?.term;
  }

  /** The entry at an index from firstIndex to lastIndex. */
  at(index: number): Entry {
    invariant(index > this.#baseIndex, 'compacted entry asked for');
    const entry = this.#entries[this.#head + index - this.#baseIndex - 1];
    invariant(entry !== undefined, 'entry beyond the end of the log asked for');
    return entry;
  }

  /** Entries `from` to `to`, both included; empty if from > to. */
  slice(from: number, to: number): Entry[] {
    invariant(from > this.#baseIndex && to <= this.lastIndex, 'slice outside of the log');
    const shift = this.#head - this.#baseIndex - 1;
    return this.#entries.slice(shift + from, shift + to + 1);
  }

  /** The last index up to which entries from `from` fit in `maxBytes`; at least `from`. */
  fitting(from: number, to: number, maxBytes: number): number {
    let bytes = 0;
    for (let index = from; index <= to; index++) {
      bytes += this.at(index).data.length + ENTRY_OVERHEAD_BYTES;
      if (bytes > maxBytes && index > from) return index - 1;
    }
    return to;
  }

  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, 'append leaves a gap');
    this.#entries.push(entry);
  }

  /** Forgets entries from `index` on. */
  truncateFrom(index: number): void {
    invariant(
      index > this.commit,
      'a committed entry conflicts with the leader: the log was corrupted or lost',
    );
    this.#entries.length = this.#head + index - this.#baseIndex - 1;
  }

  /** Never goes back. */
  commitTo(index: number): boolean {
    if (index <= this.commit) return false;
    if (index > this.lastIndex) {
      throw new InvariantError(
        `commit index ${index} is beyond the last entry ${this.lastIndex}: the log was corrupted, truncated or lost`,
      );
    }
    this.commit = index;
    return true;
  }

  /** The next committed entries, at most `maxBytes` of them but at least one if there is any. */
  takeCommitted(maxBytes: number): Entry[] {
    if (this.handedOut >= this.commit) return [];
    const from = this.handedOut + 1;
    const to = this.fitting(from, this.commit, maxBytes);
    this.handedOut = to;
    return this.slice(from, to);
  }

  appliedTo(index: number): void {
    invariant(index >= this.applied, 'applied index goes back');
    invariant(index <= this.handedOut, 'applied index is beyond what was handed out');
    this.applied = index;
  }

  /** Thesis 3.6.1: a later last term wins; within one term the longer log. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.lastTerm;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  /**
   * The largest index up to `index` whose term is at most `term`: the furthest point at which this log can agree with one
   * that has `term` at `index`. What is compacted or missing may agree and stops the search.
   */
  lastPossibleMatch(index: number, term: number): number {
    for (let candidate = index; candidate > 0; candidate--) {
      const candidateTerm = this.termAt(candidate);
      if (candidateTerm === undefined || candidateTerm <= term) return candidate;
    }
    return 0;
  }

  hasConfChange(from: number, to: number): boolean {
    for (let index = Math.max(from, this.firstIndex); index <= to; index++) {
      if (this.at(index).type !== 'normal') return true;
    }
    return false;
  }

  /**
   * The last conf change before the last one, 0 if there is none. It is committed: a leader appends a conf change only when it
   * has applied all before it. After a crash in the middle of a write this may be the only trace of that commit index, and a
   * member that did not heed it would be two configurations behind, where majorities need not overlap.
   */
  confChangesSettledTo(): number {
    let later = false;
    for (let index = this.lastIndex; index > this.#baseIndex; index--) {
      if (this.at(index).type === 'normal') continue;
      if (later) return index;
      later = true;
    }
    return 0;
  }

  /** Starts anew behind a snapshot received from the leader. */
  restore(index: number, term: number): void {
    this.#entries = [];
    this.#head = 0;
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.commit = index;
    this.handedOut = index;
  }

  /** Forgets entries up to `index`, which must be applied. */
  compactTo(index: number): void {
    if (index <= this.#baseIndex) return;
    invariant(index <= this.applied, 'compaction beyond what is applied');
    const term = this.at(index).term;
    this.#head += index - this.#baseIndex;
    this.#baseIndex = index;
    this.#baseTerm = term;
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
