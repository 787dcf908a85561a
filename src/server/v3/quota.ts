/**
 * How much the backend may hold (`--quota-backend-bytes`). Live bytes count, so that what was deleted and compacted makes room at once. When a write
 * would not fit, this member raises the alarm NOSPACE through the log: every member then refuses what adds data, while reads, deletes, compactions and
 * revokes go on. When live bytes have fallen well below the quota again, the member that complained takes its alarm back.
 */
import type { V3Request } from '../../wire/v3/kv-types.ts';

/** What `--quota-backend-bytes` 0 stands for, as in etcd: 2 GiB. */
export const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3;
/** etcd's flat estimate of what a key or a lease costs beside its bytes. */
const KEY_OVERHEAD_BYTES = 256;
const LEASE_BYTES = 64 + 1024;
/** The alarm ends only below this part of the quota, so that it does not flicker. */
const CLEAR_RATIO = 0.9;

export class Quota {
  /** Bytes; Infinity: there is no quota. */
  readonly limitBytes: number;
  readonly #liveBytes: () => number;

  /** `configured`: the flag's value; 0 means the default, below 0 none. */
  constructor(configured: number, liveBytes: () => number) {
    this.limitBytes =
      configured < 0 ? Number.POSITIVE_INFINITY : configured === 0 ? DEFAULT_QUOTA_BYTES : configured;
    this.#liveBytes = liveBytes;
  }

  fits(request: V3Request): boolean {
    const cost = costOf(request);
    return cost === 0 || this.#liveBytes() + cost < this.limitBytes;
  }

  get hasRoomAgain(): boolean {
    return this.#liveBytes() < this.limitBytes * CLEAR_RATIO;
  }
}

function costOf(request: V3Request): number {
  switch (request.kind) {
    case 'put':
      return putCost(request.request);
    case 'txn':
      return Math.max(sum(request.request.success), sum(request.request.failure));
    case 'lease-grant':
      return LEASE_BYTES;
    default:
      return 0;
  }
}

function putCost({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): number {
  return KEY_OVERHEAD_BYTES + key.length + value.length;
}

function sum(operations: Extract<V3Request, { kind: 'txn' }>['request']['success']): number {
  let bytes = 0;
  for (const each of operations) if (each.kind === 'put') bytes += putCost(each.request);
  return bytes;
}
