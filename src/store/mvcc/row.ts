/**
 * What the tables hold for one version of a key: the KeyValue as etcd encodes it, alone or behind a header.
 *
 *     0a ...                                      the KeyValue itself
 *     kind | sub 4 | prevMain 7 | prevSub 4 | KeyValue
 *
 *     kind (bits)  1  the KeyValue is whole
 *                  2  its value is left out and stands in `revisions` (only in `current`)
 *                  4  the version before is indexed in `history` (history-index.ts; only in `revisions`)
 *
 * `sub` is the version's own sub revision, prevMain and prevSub (big-endian) are those of the version before it, 0 if there is none. The header is left
 * out of both tables where all of them are 0, and of `current` where sub is 0.
 *
 * `revisions` and `current` share the bytes of a version. A value of more than INLINE_VALUE_MAX bytes is written once only.
 */

import { DecodeError } from '../../wire/protobuf.ts';
import { withoutValue } from '../../wire/v3/key-value.ts';
import type { ByteSlab } from './byte-slab.ts';
import { readShortMain, readShortSub, writeShortRevision } from './composite-key.ts';
import { readUint32, writeUint32 } from './revision-key.ts';

/** Longer values are not repeated in `current`: reading one costs a second look-up, small beside its size. */
export const INLINE_VALUE_MAX = 512;

const HEADER_BYTES = 16;
const WHOLE = 1;
const VALUE_ELSEWHERE = 2;
const BEFORE_IS_INDEXED = 4;
/** Up to here a loop is faster than a call. */
const LOOP_BYTES = 48;
/** No field of a KeyValue begins so. */
const KIND_MAX = 7;

const NOTHING: Uint8Array = new Uint8Array(0);

const KEY = 0x0a;
const CREATE_REVISION = 0x10;
const MOD_REVISION = 0x18;
const VERSION = 0x20;
const VALUE = 0x2a;
const LEASE = 0x30;

/** The numbers of a version, read into the same object again and again. */
export class VersionHead {
  sub = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  lease = 0n;
  isValueElsewhere = false;
}

/** What a new version knows of itself and of the one before. */
export interface NewVersion {
  main: number;
  sub: number;
  createRevision: number;
  version: number;
  lease: bigint;
  /** 0: none. */
  prevMain: number;
  prevSub: number;
  isBeforeIndexed: boolean;
}

/** One to be filled in, again and again. */
export function blankVersion(): NewVersion {
  return {
    main: 0,
    sub: 0,
    createRevision: 0,
    version: 0,
    lease: 0n,
    prevMain: 0,
    prevSub: 0,
    isBeforeIndexed: false,
  };
}

/** Rows for both tables: the last version encoded. */
export interface EncodedVersion {
  current: Uint8Array;
  revision: Uint8Array;
}

/** The KeyValue in a row that holds it whole. */
export function keyValueIn(row: Uint8Array): Uint8Array {
  return row[0] === KEY ? row : row.subarray(HEADER_BYTES);
}

/** The KeyValue without its value in any row. */
export function valuelessIn(row: Uint8Array): Uint8Array {
  return isValueElsewhere(row) ? row.subarray(HEADER_BYTES) : withoutValue(keyValueIn(row));
}

export function isValueElsewhere(row: Uint8Array): boolean {
  const kind = row[0]!;
  return kind <= KIND_MAX && (kind & VALUE_ELSEWHERE) !== 0;
}

/** 0 if there is no version before. */
export function prevMainIn(row: Uint8Array): number {
  return row[0] === KEY ? 0 : readShortMain(row, 5);
}

export function prevSubIn(row: Uint8Array): number {
  return row[0] === KEY ? 0 : readShortSub(row, 5);
}

/** Whether the version before is indexed in `history`. */
export function isBeforeIndexed(row: Uint8Array): boolean {
  const kind = row[0]!;
  return kind <= KIND_MAX && (kind & BEFORE_IS_INDEXED) !== 0;
}

/** Reads all numbers of a row in one pass. */
export function readHead(row: Uint8Array, head: VersionHead): void {
  let at = 0;
  if (row[0] === KEY) {
    head.sub = 0;
    head.isValueElsewhere = false;
  } else {
    head.sub = readUint32(row, 1);
    head.isValueElsewhere = (row[0]! & VALUE_ELSEWHERE) !== 0;
    at = HEADER_BYTES;
  }
  head.createRevision = 0;
  head.modRevision = 0;
  head.version = 0;
  head.lease = 0n;
  const length = row.length;
  while (at < length) {
    const tag = row[at++];
    let number = 0;
    let scale = 1;
    const start = at;
    for (;;) {
      const byte = row[at++];
      if (byte === undefined) throw new DecodeError('a stored KeyValue ends early', at);
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    if (tag === KEY || tag === VALUE) at += number;
    else if (tag === CREATE_REVISION) head.createRevision = number;
    else if (tag === MOD_REVISION) head.modRevision = number;
    else if (tag === VERSION) head.version = number;
    else if (tag === LEASE) head.lease = readLease(row, start, at);
    else throw new DecodeError('unexpected field in a stored KeyValue', at);
  }
}

/** Encodes a version once and cuts out of it what each table needs. */
export function encodeVersion(
  slab: ByteSlab,
  key: Uint8Array,
  value: Uint8Array,
  version: Readonly<NewVersion>,
): EncodedVersion & { readonly kv: Uint8Array } {
  const encoded = { kv: NOTHING, current: NOTHING, revision: NOTHING };
  encodeVersionInto(slab, key, value, version, encoded);
  encoded.kv = keyValueIn(encoded.revision);
  return encoded;
}

/** The same without an object made: into `encoded`. */
export function encodeVersionInto(
  slab: ByteSlab,
  key: Uint8Array,
  value: Uint8Array,
  version: Readonly<NewVersion>,
  encoded: EncodedVersion,
): void {
  const { main, sub, createRevision, lease, prevMain } = version;
  const valueBytes = value.length === 0 ? 0 : 1 + varintLength(value.length) + value.length;
  const leaseBytes = lease === 0n ? 0 : 1 + leaseLength(lease);
  const header = prevMain === 0 && sub === 0 ? 0 : HEADER_BYTES;
  const numbers = varintLength(createRevision) + varintLength(main) + varintLength(version.version);
  const whole = slab.take(
    header + 1 + varintLength(key.length) + key.length + 3 + numbers + valueBytes + leaseBytes,
  );
  if (header > 0) writeHeader(whole, version);
  let at = header;
  whole[at++] = KEY;
  at = writeVarint(whole, at, key.length);
  copy(whole, at, key);
  at += key.length;
  whole[at++] = CREATE_REVISION;
  at = writeVarint(whole, at, createRevision);
  whole[at++] = MOD_REVISION;
  at = writeVarint(whole, at, main);
  whole[at++] = VERSION;
  at = writeVarint(whole, at, version.version);
  if (valueBytes > 0) {
    whole[at++] = VALUE;
    at = writeVarint(whole, at, value.length);
    copy(whole, at, value);
    at += value.length;
  }
  if (leaseBytes > 0) {
    whole[at++] = LEASE;
    writeLease(whole, at, lease);
  }
  encoded.revision = whole;
  if (value.length <= INLINE_VALUE_MAX) {
    encoded.current = sub === 0 ? keyValueIn(whole) : whole;
    return;
  }
  const head = withoutValue(keyValueIn(whole));
  const current = slab.take(HEADER_BYTES + head.length);
  writeHeader(current, version);
  current[0] = VALUE_ELSEWHERE;
  current.set(head, HEADER_BYTES);
  encoded.current = current;
}

/** What `revisions` holds for a deletion: a KeyValue of the key alone, as etcd has it, behind the header. */
export function encodeTombstone(
  slab: ByteSlab,
  key: Uint8Array,
  deletion: Readonly<Pick<NewVersion, 'sub' | 'prevMain' | 'prevSub' | 'isBeforeIndexed'>>,
): Uint8Array {
  const row = slab.take(HEADER_BYTES + 1 + varintLength(key.length) + key.length);
  writeHeader(row, deletion);
  row[HEADER_BYTES] = KEY;
  row.set(key, writeVarint(row, HEADER_BYTES + 1, key.length));
  return row;
}

function writeHeader(
  row: Uint8Array,
  version: Readonly<Pick<NewVersion, 'sub' | 'prevMain' | 'prevSub' | 'isBeforeIndexed'>>,
): void {
  row[0] = version.isBeforeIndexed ? WHOLE | BEFORE_IS_INDEXED : WHOLE;
  writeUint32(row, 1, version.sub);
  writeShortRevision(row, 5, version.prevMain, version.prevSub);
}

/** Short pieces are copied faster byte by byte than by a call. */
function copy(target: Uint8Array, at: number, source: Uint8Array): void {
  const length = source.length;
  if (length > LOOP_BYTES) {
    target.set(source, at);
    return;
  }
  for (let i = 0; i < length; i++) target[at + i] = source[i]!;
}

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let length = 5;
  for (let rest = Math.floor(value / 0x8_0000_0000); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeVarint(target: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest > 0x7fff_ffff) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

function leaseLength(lease: bigint): number {
  let length = 1;
  for (let rest = BigInt.asUintN(64, lease) >> 7n; rest > 0n; rest >>= 7n) length++;
  return length;
}

function writeLease(target: Uint8Array, from: number, lease: bigint): void {
  let at = from;
  let rest = BigInt.asUintN(64, lease);
  while (rest > 0x7fn) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at] = Number(rest);
}

function readLease(row: Uint8Array, start: number, end: number): bigint {
  let lease = 0n;
  for (let at = end - 1; at >= start; at--) lease = (lease << 7n) | BigInt(row[at]! & 0x7f);
  return BigInt.asIntN(64, lease);
}
