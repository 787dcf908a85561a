/**
 * The life of one key with a TTL as its only writer and the watchers have seen it. A key is created once and never again, so that it
 * can expire at most once; in between its writer may prolong it.
 *
 * Every time is `performance.now()`.
 */

/** A request that gives the key a new TTL: its creation, or a refresh; of a lease's keys its grant, or a keep-alive. */
export interface Lease {
  readonly member: string;
  readonly ttlSeconds: number;
  readonly calledAtMs: number;
  /** Undefined: whether it was done is not known, and it may be done later yet. */
  readonly answeredAtMs: number | undefined;
  /** When the key expires, as the answer tells it, on this process's clock. */
  readonly expiresAtMs: number | undefined;
}

/** A quorum read, a refresh that was refused, or an event: the key was, or was not, there at some time in between. */
export interface Sighting {
  readonly isThere: boolean;
  readonly calledAtMs: number;
  readonly answeredAtMs: number;
  /** Of the last lease asked for before. */
  readonly leaseCount: number;
  readonly how: string;
}

export interface GrowingLife extends KeyLife {
  readonly leases: Lease[];
  readonly sightings: Sighting[];
}

export interface KeyLife {
  readonly key: string;
  readonly leases: readonly Lease[];
  readonly sightings: readonly Sighting[];
}
