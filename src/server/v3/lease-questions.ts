/**
 * What members ask their leader about leases, in etcd's paths and messages, so that members of either kind answer each other:
 *
 *   POST /leases           LeaseKeepAliveRequest { 1 ID }                         LeaseKeepAliveResponse { 2 ID, 3 TTL }
 *   POST /leases/internal  LeaseInternalRequest { 1 { 1 ID, 2 keys } }            LeaseInternalResponse { 1 { 1 header, 2 ID, 3 TTL, 4 grantedTTL, 5 keys } }
 *
 * 404: there is no such lease. Any other status but 200: ask again. Between members that both are Quorate many renewals go with one question:
 *
 *   POST /leases/several   { 1 ID ... }                                           { 1 TTL ... }, in the same order
 *
 * 404: the member knows no such question. A TTL of 0: there is no such lease; ASK_ALONE: its answer takes time, which the others need not wait for.
 */
import { BYTES, Reader, tagOf, VARINT, Writer } from '../../wire/protobuf.ts';
import type { LeaseTimes } from '../v3-contract.ts';

export const RENEW_PATH = '/leases';
export const TIMES_PATH = '/leases/internal';
export const RENEW_SEVERAL_PATH = '/leases/several';
export const ASK_ALONE = -1;
/** One question to the leader. */
export const QUESTION_TIMEOUT_MS = 2_000;
export const PROTOBUF = 'application/protobuf';
const NO_BYTES = new Uint8Array(0);

export function encodeRenew(id: bigint): Uint8Array {
  return new Writer(32).tag(1, VARINT).varintBig(BigInt.asUintN(64, id)).finish();
}

/** Throws DecodeError. */
export function decodeRenew(bytes: Uint8Array): bigint {
  return decodeId(new Reader(bytes)).id;
}

export function encodeRenewed(id: bigint, ttl: number): Uint8Array {
  return new Writer(32).tag(2, VARINT).varintBig(BigInt.asUintN(64, id)).tag(3, VARINT).varint(ttl).finish();
}

/** The TTL in seconds. Throws DecodeError. */
export function decodeRenewed(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  let ttl = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(3, VARINT)) ttl = reader.varintSigned();
    else reader.skip(tag);
  }
  return ttl;
}

export function encodeRenewSeveral(ids: readonly bigint[]): Uint8Array {
  const writer = new Writer(16 + ids.length * 12);
  for (const id of ids) writer.tag(1, VARINT).varintBig(BigInt.asUintN(64, id));
  return writer.finish();
}

/** Throws DecodeError. */
export function decodeRenewSeveral(bytes: Uint8Array): bigint[] {
  const reader = new Reader(bytes);
  const ids: bigint[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) ids.push(reader.varintBigSigned());
    else reader.skip(tag);
  }
  return ids;
}

export function encodeRenewedSeveral(ttls: readonly number[]): Uint8Array {
  const writer = new Writer(16 + ttls.length * 4);
  for (const ttl of ttls) writer.tag(1, VARINT).varint(ttl);
  return writer.finish();
}

/** Throws DecodeError. */
export function decodeRenewedSeveral(bytes: Uint8Array): number[] {
  const reader = new Reader(bytes);
  const ttls: number[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) ttls.push(reader.varintSigned());
    else reader.skip(tag);
  }
  return ttls;
}

export function encodeTimesQuestion(id: bigint, withKeys: boolean): Uint8Array {
  const writer = new Writer(32).tag(1, BYTES);
  const mark = writer.begin();
  writer.tag(1, VARINT).varintBig(BigInt.asUintN(64, id));
  if (withKeys) writer.tag(2, VARINT).bool(true);
  return writer.end(mark).finish();
}

/** Throws DecodeError. */
export function decodeTimesQuestion(bytes: Uint8Array): { readonly id: bigint; readonly withKeys: boolean } {
  const reader = new Reader(bytes);
  let question = { id: 0n, withKeys: false };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, BYTES)) question = decodeId(new Reader(reader.bytes()));
    else reader.skip(tag);
  }
  return question;
}

export function encodeTimes(id: bigint, { ttl, grantedTtl, keys }: LeaseTimes): Uint8Array {
  const writer = new Writer(256).tag(1, BYTES);
  const mark = writer.begin();
  // The header stays empty, but it has to be there: an etcd member that gets an answer without one ends with a panic.
  writer.tag(1, BYTES).bytes(NO_BYTES);
  writer.tag(2, VARINT).varintBig(BigInt.asUintN(64, id));
  writer.tag(3, VARINT).varintBig(BigInt.asUintN(64, BigInt(ttl)));
  writer.tag(4, VARINT).varint(grantedTtl);
  for (const key of keys) writer.tag(5, BYTES).bytes(key);
  return writer.end(mark).finish();
}

/** Throws DecodeError. */
export function decodeTimes(bytes: Uint8Array): LeaseTimes {
  const reader = new Reader(bytes);
  let ttl = 0;
  let grantedTtl = 0;
  const keys: Uint8Array[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag !== tagOf(1, BYTES)) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    while (!reader.done) {
      const inner = reader.tag();
      if (inner === tagOf(3, VARINT)) ttl = reader.varintSigned();
      else if (inner === tagOf(4, VARINT)) grantedTtl = reader.varintSigned();
      else if (inner === tagOf(5, BYTES)) keys.push(reader.bytes());
      else reader.skip(inner);
    }
    reader.leave(outer);
  }
  return { ttl, grantedTtl, keys };
}

function decodeId(reader: Reader): { readonly id: bigint; readonly withKeys: boolean } {
  let id = 0n;
  let withKeys = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) id = reader.varintBigSigned();
    else if (tag === tagOf(2, VARINT)) withKeys = reader.bool();
    else reader.skip(tag);
  }
  return { id, withKeys };
}
