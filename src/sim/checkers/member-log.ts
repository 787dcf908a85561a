/**
 * One member's log as the observations tell it: the terms of its entries behind a snapshot.
 *
 *    snapshot (base)  |  terms[0] terms[1] ...  |  lastIndex
 */
import type { MemberId } from '../../raft/types.ts';
import type { EntryDigest } from '../observation.ts';

export class MemberLog {
  /** Index and term of the last entry that the snapshot stands for; 0 and 0 for none. */
  baseIndex: number;
  baseTerm: number;
  #terms: number[] = [];

  constructor(baseIndex: number, baseTerm: number, entries: readonly EntryDigest[] = []) {
    this.baseIndex = baseIndex;
    this.baseTerm = baseTerm;
    this.replaceFrom(entries);
  }

  get lastIndex(): number {
    return this.baseIndex + this.#terms.length;
  }

  /** Undefined below the snapshot and beyond the end. */
  termAt(index: number): number | undefined {
    return index === this.baseIndex ? this.baseTerm : this.#terms[index - this.baseIndex - 1];
  }

  /** True if the entry is there, or may be below the snapshot. */
  holds(index: number, term: number): boolean {
    return index < this.baseIndex || this.termAt(index) === term;
  }

  /** The entries take the place of all from the first one's index on. False if that would leave a gap. */
  replaceFrom(entries: readonly EntryDigest[]): boolean {
    for (const { index, term } of entries) {
      const at = index - this.baseIndex - 1;
      // Below the snapshot only their going away matters: what followed them is gone, too.
      if (at < 0) {
        this.#terms.length = 0;
        continue;
      }
      if (at > this.#terms.length) return false;
      this.#terms.length = at;
      this.#terms.push(term);
    }
    return true;
  }

  /** A snapshot from the leader takes the place of everything. */
  restore(index: number, term: number): void {
    this.baseIndex = index;
    this.baseTerm = term;
    this.#terms = [];
  }
}

export function idText(id: MemberId): string {
  return id.toString(16);
}
