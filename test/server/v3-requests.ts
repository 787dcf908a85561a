/** v3 requests for tests, from texts. */
import type { MvccStore } from '../../src/store/mvcc/types.ts';
import { decodeKeyValue } from '../../src/wire/v3/key-value.ts';
import type { PutRequest, RangeRequest, V3Request } from '../../src/wire/v3/kv-types.ts';

const EMPTY = new Uint8Array(0);

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function putOf(key: string, value: string, more: Partial<PutRequest> = {}): V3Request {
  const request = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...more };
  return { kind: 'put', request: { key: bytesOf(key), value: bytesOf(value), ...request } };
}

export function rangeOf(key: string, more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: bytesOf(key),
    rangeEnd: EMPTY,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: true,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...more,
  };
}

/** The key's value now, undefined if there is none. */
export function textAt(kv: MvccStore, key: string): string | undefined {
  const result = kv.range(rangeOf(key));
  if (result.kind === 'error') throw new Error(result.code);
  const [row] = result.kvs;
  return row === undefined ? undefined : new TextDecoder().decode(decodeKeyValue(row).value);
}

/** HashKV of everything, at once. */
export function hashOf(kv: MvccStore): number {
  const job = kv.hashKv(0);
  if ('kind' in job) throw new Error(job.code);
  for (;;) {
    const result = job.run();
    if (result === undefined) continue;
    if ('kind' in result) throw new Error(result.code);
    return result.hash;
  }
}
