/** A histogram of durations that costs a few comparisons to feed and nothing until it is read. */
export class DurationHistogram {
  /** Upper bounds of the buckets in seconds, rising; values above the last count in `count` alone. */
  readonly bounds: readonly number[];
  /** Values at or below the bound of the same position and above the one before. */
  readonly counts: number[];
  count = 0;
  sumSeconds = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(seconds: number): void {
    this.count++;
    this.sumSeconds += seconds;
    const { bounds, counts } = this;
    for (let i = 0; i < bounds.length; i++) {
      if (seconds <= (bounds[i] as number)) {
        counts[i] = (counts[i] as number) + 1;
        return;
      }
    }
  }
}

/** `count` bounds, each twice the one before: 0.001, 0.002, 0.004, ... */
export function exponentialBounds(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((first * 2 ** i).toPrecision(12)));
}
