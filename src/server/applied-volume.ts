/**
 * How much the applied entries of the log hold: what is kept of them in memory is bounded by bytes as well as by number, since an entry may be anything from a
 * hundred bytes to megabytes.
 *
 *     marks   [ (index, bytes up to it) ... ]   one for about every MARK_BYTES
 */
import type { Entry } from '../raft/types.ts';

const MARK_BYTES = 1024 * 1024;

interface Mark {
  readonly index: number;
  readonly bytes: number;
}

export class AppliedVolume {
  #bytes = 0;
  #marks: Mark[] = [];
  #nextMark = MARK_BYTES;

  /** Of all entries counted so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** They were applied now. */
  add(entries: readonly Entry[]): void {
    for (const { index, data } of entries) {
      this.#bytes += data.length;
      if (this.#bytes < this.#nextMark) continue;
      this.#marks.push({ index, bytes: this.#bytes });
      this.#nextMark = this.#bytes + MARK_BYTES;
    }
  }

  /** An index above which the entries hold at most so many bytes; 0 if all together hold no more. Marks below are forgotten. */
  indexBefore(bytes: number): number {
    const from = this.#bytes - bytes;
    if (from <= 0) return 0;
    const first = this.#marks.findIndex((mark) => mark.bytes >= from);
    this.#marks = first < 0 ? this.#marks.slice(-1) : this.#marks.slice(first);
    return this.#marks[0]?.index ?? 0;
  }
}
