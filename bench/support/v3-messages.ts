/** Requests of the v3 API for benchmarks: 8-byte keys, 256-byte values unless told. */

import { create, toBinary } from '@bufbuild/protobuf';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from '../../src/wire/generated/etcdserverpb/kv_pb.ts';

const value = Buffer.alloc(256, 'v');

export function keyOf(number: number): Buffer {
  return Buffer.from(number.toString(36).padStart(8, '0'));
}

export function putMessage(number: number): Uint8Array {
  return toBinary(PutRequestSchema, create(PutRequestSchema, { key: keyOf(number), value }));
}

export function rangeMessage(number: number, serializable: boolean): Uint8Array {
  return toBinary(RangeRequestSchema, create(RangeRequestSchema, { key: keyOf(number), serializable }));
}

/** The first `limit` rows from a key on. */
export function rowsMessage(number: number, limit: number): Uint8Array {
  const request = { key: keyOf(number), rangeEnd: Uint8Array.of(0), limit: BigInt(limit) };
  return toBinary(RangeRequestSchema, create(RangeRequestSchema, request));
}

/** If the key exists, put it and read it. */
export function txnMessage(number: number): Uint8Array {
  const key = keyOf(number);
  return toBinary(
    TxnRequestSchema,
    create(TxnRequestSchema, {
      compare: [
        {
          result: Compare_CompareResult.GREATER,
          target: Compare_CompareTarget.CREATE,
          key,
          targetUnion: { case: 'createRevision', value: 0n },
        },
      ],
      success: [
        { request: { case: 'requestPut', value: { key, value } } },
        { request: { case: 'requestRange', value: { key } } },
      ],
      failure: [{ request: { case: 'requestPut', value: { key, value } } }],
    }),
  );
}

/** Puts keys [from, to) in one transaction: 128 at most. */
export function manyPutsMessage(from: number, to: number): Uint8Array {
  const success = Array.from({ length: to - from }, (_, i) => ({
    request: { case: 'requestPut' as const, value: { key: keyOf(from + i), value } },
  }));
  return toBinary(TxnRequestSchema, create(TxnRequestSchema, { success }));
}
