/**
 * Revisions that jobs are reading. A compaction makes a revision unreadable for new requests at once, but takes away no version that a pinned
 * revision can see.
 */
export class Pins {
  readonly #revisions = new Set<{ readonly revision: number }>();
  #onRelease: (() => void) | undefined;

  /** Called after each release. */
  set onRelease(callback: () => void) {
    this.#onRelease = callback;
  }

  /** Returns what releases it again; releasing twice is harmless. */
  pin(revision: number): () => void {
    const pinned = { revision };
    this.#revisions.add(pinned);
    return () => {
      if (this.#revisions.delete(pinned)) this.#onRelease?.();
    };
  }

  get size(): number {
    return this.#revisions.size;
  }

  /** Infinity if nothing is pinned. */
  get lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { revision } of this.#revisions) lowest = Math.min(lowest, revision);
    return lowest;
  }
}
