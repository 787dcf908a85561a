/**
 * Which operations of a history have been linearized, in a form whose size does not grow with the history.
 *
 * Answered operations are numbered by the order of their answers (rank). The search may only linearize what was called before the first
 * answer still outstanding, so the set is always "all below `base`, and a few above it": those few overlap the answer of `base`, so there
 * are fewer of them than there were calls in flight at that moment. Unanswered operations are a plain bitset.
 *
 *     rank   0 1 2 3 4 5 6 7 8 9
 *            x x x x . . x . x .        base = 4, ahead = [8, 6] (descending: `base` moves at the end of the array)
 *
 * Invariants: every rank below base is in, base is not; ahead holds exactly the ranks above base that are in.
 */

export class LinearizedSet {
  readonly #ahead: number[] = [];
  readonly #unanswered: Int32Array;
  #base = 0;
  #unansweredCount = 0;

  constructor(unansweredCount: number) {
    this.#unanswered = new Int32Array((unansweredCount + 31) >>> 5);
  }

  /** The first answered operation, by order of answers, that is not in. */
  get base(): number {
    return this.#base;
  }

  /** Answered operations that are in. */
  get answeredCount(): number {
    return this.#base + this.#ahead.length;
  }

  add(rank: number): void {
    const ahead = this.#ahead;
    if (rank !== this.#base) {
      let at = ahead.length;
      ahead.push(rank);
      for (; at > 0 && ahead[at - 1]! < rank; at--) ahead[at] = ahead[at - 1]!;
      ahead[at] = rank;
      return;
    }
    this.#base++;
    while (ahead.length > 0 && ahead[ahead.length - 1] === this.#base) {
      ahead.pop();
      this.#base++;
    }
  }

  /** Undoes the last `add` that has not been undone. */
  remove(rank: number): void {
    const ahead = this.#ahead;
    if (rank > this.#base) {
      ahead.splice(ahead.indexOf(rank), 1);
      return;
    }
    for (let each = this.#base - 1; each > rank; each--) ahead.push(each);
    this.#base = rank;
  }

  hasUnanswered(at: number): boolean {
    return (this.#unanswered[at >>> 5]! & (1 << (at & 31))) !== 0;
  }

  addUnanswered(at: number): void {
    this.#unanswered[at >>> 5]! |= 1 << (at & 31);
    this.#unansweredCount++;
  }

  removeUnanswered(at: number): void {
    this.#unanswered[at >>> 5]! &= ~(1 << (at & 31));
    this.#unansweredCount--;
  }

  /** Writes the set as integers, equal sets alike and different ones differently; returns the end. */
  write(into: Int32Array, from: number): number {
    let at = from;
    into[at++] = this.#base;
    into[at++] = this.#ahead.length;
    for (const rank of this.#ahead) into[at++] = rank;
    // Few histories have many unanswered operations, and few of those take effect: words of zeros are left out at the end.
    if (this.#unansweredCount > 0) {
      let end = this.#unanswered.length;
      while (this.#unanswered[end - 1] === 0) end--;
      for (let word = 0; word < end; word++) into[at++] = this.#unanswered[word]!;
    }
    return at;
  }

  /** The most integers that `write` writes now. */
  get writtenSizeMax(): number {
    return 2 + this.#ahead.length + this.#unanswered.length;
  }
}
