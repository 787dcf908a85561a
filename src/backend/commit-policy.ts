/** When writes in memory are committed, and when commits are late. */
export interface CommitPolicy {
  /** etcd's --backend-batch-interval: the oldest uncommitted write is at most about this old when its commit begins. */
  readonly intervalMs: number;
  /** etcd's --backend-batch-limit: this many uncommitted writes are committed without waiting for the interval. */
  readonly operationsMax: number;
  /** The same for bytes of keys and values. */
  readonly bytesMax: number;
  /** Writes in memory, those of the commit under way included: from here on commits are late and writers should wait. */
  readonly operationsBehind: number;
  readonly bytesBehind: number;
}

export const defaultCommitPolicy: CommitPolicy = {
  intervalMs: 100,
  operationsMax: 10_000,
  bytesMax: 16 * 1024 * 1024,
  operationsBehind: 200_000,
  bytesBehind: 64 * 1024 * 1024,
};
