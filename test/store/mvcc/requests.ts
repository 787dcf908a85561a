/** Requests with etcd's defaults, and answers in a form that tests can compare and people can read. */

import type { MvccError, OperationResult } from '../../../src/store/mvcc/types.ts';
import { decodeKeyValue } from '../../../src/wire/v3/key-value.ts';
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../src/wire/v3/kv-types.ts';

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1');
}

export const NO_BYTES = new Uint8Array(0);
/** All keys from the first one on. */
export const FROM_KEY = Uint8Array.of(0);

export function putRequest(key: string, value = '', more: Partial<PutRequest> = {}): PutRequest {
  return {
    key: bytes(key),
    value: bytes(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...more,
  };
}

export function rangeRequest(key: string, rangeEnd = '', more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: bytes(key),
    rangeEnd: bytes(rangeEnd),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...more,
  };
}

export function deleteRequest(key: string, rangeEnd = '', prevKv = false): DeleteRangeRequest {
  return { key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv };
}

export function txnRequest(
  compare: TxnRequest['compare'],
  success: readonly RequestOp[] = [],
  failure: readonly RequestOp[] = [],
): TxnRequest {
  return { compare, success, failure };
}

/** `a=1 c2 m3 v1 L7` */
export function shownKv(encoded: Uint8Array): string {
  const kv = decodeKeyValue(encoded);
  const lease = kv.lease === 0n ? '' : ` L${kv.lease}`;
  return `${text(kv.key)}=${text(kv.value)} c${kv.createRevision} m${kv.modRevision} v${kv.version}${lease}`;
}

export function shown(result: OperationResult | MvccError): unknown {
  switch (result.kind) {
    case 'error':
      return result.code;
    case 'range':
      return { ...result, kvs: result.kvs.map(shownKv) };
    case 'put':
      return { ...result, prevKv: result.prevKv && shownKv(result.prevKv) };
    case 'delete-range':
      return { ...result, prevKvs: result.prevKvs.map(shownKv) };
    case 'txn':
      return { ...result, responses: result.responses.map(shown) };
  }
}
