/**
 * mvccpb.KeyValue: a key at one revision, as it is stored, sent and hashed. HashKV is computed over these bytes, so they are exactly what
 * etcd writes: fields in the order of their numbers, zeros and empty values left out.
 *
 *   0a len key | 10 create_revision | 18 mod_revision | 20 version | 2a len value | 30 lease
 *
 * Peeks rely on that order and read no further than they must. All bytes handed out are views.
 */
import { BYTES, DecodeError, Reader, tagOf, VARINT, Writer } from '../protobuf.ts';

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  /** 0n: none. */
  readonly lease: bigint;
}

const KEY = tagOf(1, BYTES);
const CREATE_REVISION = tagOf(2, VARINT);
const MOD_REVISION = tagOf(3, VARINT);
const VERSION = tagOf(4, VARINT);
const VALUE = tagOf(5, BYTES);
const LEASE = tagOf(6, VARINT);

const EMPTY: Uint8Array = new Uint8Array(0);
/** Slabs that many key values share; what was handed out of them is never written again. */
const slab = new Writer();

/** The encoded key value. It shares an allocation with its neighbours: who keeps few of them for long should copy. */
export function encodeKeyValue(
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): Uint8Array {
  const writer = slab;
  if (key.length > 0) writer.varint32(KEY).bytes(key);
  if (createRevision !== 0) writer.varint32(CREATE_REVISION).varint(createRevision);
  if (modRevision !== 0) writer.varint32(MOD_REVISION).varint(modRevision);
  if (version !== 0) writer.varint32(VERSION).varint(version);
  if (value.length > 0) writer.varint32(VALUE).bytes(value);
  if (lease !== 0n) writer.varint32(LEASE).varintBig(lease);
  return writer.finish();
}

/** Throws DecodeError on malformed bytes. Accepts any order of fields. */
export function decodeKeyValue(bytes: Uint8Array): KeyValue {
  const reader = new Reader(bytes);
  let key = EMPTY;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let value = EMPTY;
  let lease = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === KEY) key = reader.bytes();
    else if (tag === CREATE_REVISION) createRevision = reader.varintSigned();
    else if (tag === MOD_REVISION) modRevision = reader.varintSigned();
    else if (tag === VERSION) version = reader.varintSigned();
    else if (tag === VALUE) value = reader.bytes();
    else if (tag === LEASE) lease = reader.varintBigSigned();
    else reader.skip(tag);
  }
  return { key, createRevision, modRevision, version, value, lease };
}

export function peekKey(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== KEY) return EMPTY;
  const length = varintAt(bytes, 1);
  const start = afterVarint(bytes, 1);
  return bytes.subarray(start, start + length);
}

export function peekCreateRevision(bytes: Uint8Array): number {
  return numberBehind(bytes, CREATE_REVISION);
}

export function peekModRevision(bytes: Uint8Array): number {
  return numberBehind(bytes, MOD_REVISION);
}

export function peekVersion(bytes: Uint8Array): number {
  return numberBehind(bytes, VERSION);
}

export function peekValue(bytes: Uint8Array): Uint8Array {
  const at = find(bytes, VALUE);
  if (bytes[at] !== VALUE) return EMPTY;
  const start = afterVarint(bytes, at + 1);
  return bytes.subarray(start, start + varintAt(bytes, at + 1));
}

export function peekLease(bytes: Uint8Array): bigint {
  const at = find(bytes, LEASE);
  return at === bytes.length ? 0n : new Reader(bytes, at + 1).varintBigSigned();
}

/** The same key value with an empty value (keys_only); the bytes themselves if it has none. */
export function withoutValue(bytes: Uint8Array): Uint8Array {
  const at = find(bytes, VALUE);
  if (bytes[at] !== VALUE) return bytes;
  const end = afterVarint(bytes, at + 1) + varintAt(bytes, at + 1);
  if (end === bytes.length) return bytes.subarray(0, at);
  return slab.raw(bytes.subarray(0, at)).raw(bytes.subarray(end)).finish();
}

/** Where the field with this tag begins, or the first one behind its place, or the end. */
function find(bytes: Uint8Array, wanted: number): number {
  const length = bytes.length;
  let at = 0;
  while (at < length) {
    const tag = bytes[at]!;
    if (tag >= wanted) {
      if (tag > LEASE) throw new DecodeError('unexpected field in a KeyValue', at);
      return at;
    }
    const next = afterVarint(bytes, at + 1);
    at = (tag & 7) === BYTES ? next + varintAt(bytes, at + 1) : next;
  }
  if (at > length) throw new DecodeError('a KeyValue ends early', length);
  return length;
}

function numberBehind(bytes: Uint8Array, tag: number): number {
  const at = find(bytes, tag);
  return bytes[at] === tag ? varintAt(bytes, at + 1) : 0;
}

function afterVarint(bytes: Uint8Array, at: number): number {
  let position = at;
  while (bytes[position]! > 0x7f) position++;
  return position + 1;
}

function varintAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let scale = 1;
  for (let position = at; ; position++) {
    const byte = bytes[position];
    if (byte === undefined) throw new DecodeError('truncated varint', position);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}
