/** A histogram that costs a few comparisons to feed and nothing until it is read. Knows no metrics library. */
export class Histogram {
  /** Upper bounds of the buckets, rising; a value above the last counts in `count` alone. */
  readonly bounds: readonly number[];
  /** Values at or below the bound of the same position and above the one before: not cumulative. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count++;
    this.sum += value;
    const { bounds, counts } = this;
    for (let i = 0; i < bounds.length; i++) {
      if (value <= bounds[i]!) {
        counts[i]!++;
        return;
      }
    }
  }
}

/** `count` bounds, each twice the one before: 0.001, 0.002, 0.004, ... */
export function exponentialBounds(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((first * 2 ** i).toPrecision(12)));
}
