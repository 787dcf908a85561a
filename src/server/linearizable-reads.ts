/**
 * Reads that must see every write acknowledged before they began (thesis 6.4): all that arrive in one turn share one
 * read index, are served once it is applied, and never touch the log or the disk.
 *
 *   waiting  --takeContext-->  asked  --confirmed-->  confirmed at index  --applied-->  served
 */
export interface PendingRead {
  readonly startedMs: number;
  /** Called when the store is fresh enough. */
  serve(): void;
  fail(): void;
}

interface AskedBatch {
  readonly number: bigint;
  readonly askedMs: number;
  readonly reads: PendingRead[];
}

interface ConfirmedBatch {
  readonly index: number;
  readonly reads: PendingRead[];
}

export class LinearizableReads {
  #waiting: PendingRead[] = [];
  /** In order of asking; a confirmation of a later batch confirms the earlier ones, too. */
  #asked: AskedBatch[] = [];
  /** In order of index. */
  #confirmed: ConfirmedBatch[] = [];
  readonly #nextNumber: () => bigint;

  /**
   * `nextNumber` numbers the questions: growing, and never again what this or another member used before. The answer to a
   * question of an earlier life of this member, which may come late, would else confirm too old an index.
   */
  constructor(nextNumber: () => bigint) {
    this.#nextNumber = nextNumber;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(read: PendingRead): void {
    this.#waiting.push(read);
  }

  /** The context to ask raft with for all waiting reads; the caller asks at once. */
  takeContext(nowMs: number): Uint8Array {
    const batch = { number: this.#nextNumber(), askedMs: nowMs, reads: this.#waiting };
    this.#waiting = [];
    this.#asked.push(batch);
    const context = new Uint8Array(8);
    new DataView(context.buffer).setBigUint64(0, batch.number);
    return context;
  }

  /** Raft answered: all batches asked up to this context may be served once `index` is applied. */
  confirm(context: Uint8Array, index: number): void {
    if (context.length !== 8) return;
    const number = new DataView(context.buffer, context.byteOffset).getBigUint64(0);
    // Not every answer is one to a question that is still open.
    if (!this.#asked.some((batch) => batch.number === number)) return;
    let count = 0;
    while (count < this.#asked.length && this.#asked[count]!.number <= number) count++;
    if (count === 0) return;
    const reads = this.#asked.splice(0, count).flatMap((batch) => batch.reads);
    this.#confirmed.push({ index, reads });
  }

  /** Serves what `appliedIndex` satisfies. */
  applied(appliedIndex: number): void {
    while (this.#confirmed.length > 0 && this.#confirmed[0]!.index <= appliedIndex) {
      for (const read of this.#confirmed.shift()!.reads) read.serve();
    }
  }

  /** Batches asked at or before `askedMs` wait again: the question or its answer was lost, or there was no leader. */
  askAgain(askedMs: number): void {
    let count = 0;
    while (count < this.#asked.length && this.#asked[count]!.askedMs <= askedMs) count++;
    if (count === 0) return;
    const reads = this.#asked.splice(0, count).flatMap((batch) => batch.reads);
    this.#waiting = [...reads, ...this.#waiting];
  }

  /** Fails those that began at or before `startedMs`. */
  failStartedBefore(startedMs: number): void {
    const overdue: PendingRead[] = [];
    const keep = (read: PendingRead): boolean => {
      if (read.startedMs > startedMs) return true;
      overdue.push(read);
      return false;
    };
    this.#waiting = this.#waiting.filter(keep);
    this.#asked = this.#asked
      .map((batch) => ({ ...batch, reads: batch.reads.filter(keep) }))
      .filter((batch) => batch.reads.length > 0);
    this.#confirmed = this.#confirmed
      .map((batch) => ({ ...batch, reads: batch.reads.filter(keep) }))
      .filter((batch) => batch.reads.length > 0);
    for (const read of overdue) read.fail();
  }
}
