/**
 * Rows of the table `lease`, as etcd has them in its bucket of that name:
 *
 *   key    8 bytes, big endian: the id
 *   value  leasepb.Lease: 1 ID int64 | 2 TTL int64, seconds | 3 RemainingTTL int64, seconds
 *
 * Ids are signed 64-bit numbers, as the protocol has them.
 */
import { Reader, tagOf, VARINT, Writer } from '../wire/protobuf.ts';
import type { Lease } from './types.ts';

const ID = tagOf(1, VARINT);
const TTL = tagOf(2, VARINT);
const REMAINING_TTL = tagOf(3, VARINT);

/** Key and value are handed to a backend that keeps them: a slab of their own would be kept alive by each. */
const ROW_BYTES_MAX = 33;

export function leaseRowKey(id: bigint): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigInt64(0, id);
  return key;
}

export function encodeLeaseRow(lease: Lease): Uint8Array {
  const writer = new Writer(ROW_BYTES_MAX);
  if (lease.id !== 0n) writer.tag(1, VARINT).varintBig(lease.id);
  if (lease.ttl !== 0) writer.tag(2, VARINT).varint(lease.ttl);
  if (lease.remainingTtl !== 0) writer.tag(3, VARINT).varint(lease.remainingTtl);
  return writer.finish();
}

/** Throws a DecodeError for what is no leasepb.Lease. */
export function decodeLeaseRow(bytes: Uint8Array): Lease {
  const reader = new Reader(bytes);
  let id = 0n;
  let ttl = 0;
  let remainingTtl = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ID) id = reader.varintBigSigned();
    else if (tag === TTL) ttl = reader.varintSigned();
    else if (tag === REMAINING_TTL) remainingTtl = reader.varintSigned();
    else reader.skip(tag);
  }
  return { id, ttl, remainingTtl };
}
