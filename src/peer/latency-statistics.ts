/**
 * How long sending appends to one follower takes, as `/v2/stats/leader` shows it: running mean and standard deviation over
 * all successful sends since the peer was added, so nothing grows with their number.
 */

/** What the minimum shows before the first success, as in etcd. */
const MINIMUM_BEFORE_SUCCESS_MS = 2 ** 63;

export class LatencyStatistics {
  currentMs = 0;
  averageMs = 0;
  minimumMs = MINIMUM_BEFORE_SUCCESS_MS;
  maximumMs = 0;
  successCount = 0;
  failCount = 0;
  // Sum of squared distances from the mean (Welford): the difference of two large sums would lose the small ones.
  #squaredDistances = 0;

  get standardDeviationMs(): number {
    return this.successCount === 0 ? 0 : Math.sqrt(this.#squaredDistances / this.successCount);
  }

  /** `count` appends went out together, each having taken `durationMs`. */
  succeed(durationMs: number, count = 1): void {
    this.currentMs = durationMs;
    if (durationMs < this.minimumMs) this.minimumMs = durationMs;
    if (durationMs > this.maximumMs) this.maximumMs = durationMs;
    const total = this.successCount + count;
    const distance = durationMs - this.averageMs;
    this.averageMs += (distance * count) / total;
    this.#squaredDistances += (distance * distance * count * this.successCount) / total;
    this.successCount = total;
  }

  fail(): void {
    this.failCount++;
  }
}
