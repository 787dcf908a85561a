/**
 * Keys of the tables `history` and `lease-keys`: a user's key, which may hold any bytes, combined with a number without losing the order.
 *
 *     history     escaped user key | 00 | main (7 bytes) | sub (4 bytes), big-endian
 *     lease-keys  lease (8 bytes, big-endian) | user key
 *
 *     escaped: each zero byte of the key is followed by ff
 *
 * Invariants: entries are ordered by user key, then by revision. `main` is below 2^53, so the byte behind the key's end is at most
 * 1f and is never taken for an escape.
 */

import { readUint32, writeUint32 } from './revision-key.ts';

const REVISION_BYTES = 11;
const ESCAPE = 0xff;
/** Above the first byte of every revision, below ESCAPE. */
const BEHIND_REVISIONS = 0x20;

/** The history entry of `key` at a revision. */
export function historyKey(key: Uint8Array, main: number, sub: number): Uint8Array {
  const zeros = zerosIn(key);
  const composite = new Uint8Array(key.length + zeros + 1 + REVISION_BYTES);
  const at = writeEscaped(composite, key, zeros);
  writeShortRevision(composite, at + 1, main, sub);
  return composite;
}

/** Below all history entries of `key`, behind those of every smaller key. */
export function historyStart(key: Uint8Array): Uint8Array {
  const zeros = zerosIn(key);
  const composite = new Uint8Array(key.length + zeros + 1);
  writeEscaped(composite, key, zeros);
  return composite;
}

/** Behind all history entries of `key`, below those of every larger key. */
export function historyEnd(key: Uint8Array): Uint8Array {
  const zeros = zerosIn(key);
  const composite = new Uint8Array(key.length + zeros + 2);
  const at = writeEscaped(composite, key, zeros);
  composite[at + 1] = BEHIND_REVISIONS;
  return composite;
}

/** The user key of a history entry; a view where it holds no zero byte. */
export function userKeyOf(composite: Uint8Array): Uint8Array {
  const end = composite.length - REVISION_BYTES - 1;
  const first = composite.indexOf(0);
  if (first === end) return composite.subarray(0, end);
  const key = new Uint8Array(end);
  let length = 0;
  for (let at = 0; at < end; at++) {
    const byte = composite[at]!;
    key[length++] = byte;
    if (byte === 0) at++;
  }
  return key.subarray(0, length);
}

/** Whether the entry is one of `key`: `start` is `historyStart(key)`. */
export function isHistoryOf(composite: Uint8Array, start: Uint8Array): boolean {
  if (composite.length !== start.length + REVISION_BYTES) return false;
  for (let at = 0; at < start.length; at++) if (composite[at] !== start[at]) return false;
  return true;
}

export function historyMain(composite: Uint8Array): number {
  return readShortMain(composite, composite.length - REVISION_BYTES);
}

export function historySub(composite: Uint8Array): number {
  return readUint32(composite, composite.length - 4);
}

/** A revision in 11 bytes at `at`. */
export function writeShortRevision(target: Uint8Array, at: number, main: number, sub: number): void {
  const high = Math.floor(main / 0x1_0000_0000);
  target[at] = high >>> 16;
  target[at + 1] = high >>> 8;
  target[at + 2] = high;
  writeUint32(target, at + 3, main % 0x1_0000_0000);
  writeUint32(target, at + 7, sub);
}

export function readShortMain(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  return high * 0x1_0000_0000 + readUint32(bytes, at + 3);
}

export function readShortSub(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 7);
}

/** The entry that says that `key` hangs on `lease`. */
export function leaseKey(lease: bigint, key: Uint8Array): Uint8Array {
  const composite = new Uint8Array(8 + key.length);
  writeLease(composite, lease);
  composite.set(key, 8);
  return composite;
}

/** Start and end of a lease's entries. */
export function leaseBounds(lease: bigint): {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
} {
  const start = new Uint8Array(8);
  writeLease(start, lease);
  const next = BigInt.asUintN(64, lease + 1n);
  if (next === 0n) return { start, end: undefined };
  const end = new Uint8Array(8);
  writeLease(end, next);
  return { start, end };
}

export function keyOfLeaseKey(composite: Uint8Array): Uint8Array {
  return composite.subarray(8);
}

function writeLease(target: Uint8Array, lease: bigint): void {
  writeUint32(target, 0, Number(BigInt.asUintN(32, lease >> 32n)));
  writeUint32(target, 4, Number(BigInt.asUintN(32, lease)));
}

function zerosIn(key: Uint8Array): number {
  let zeros = 0;
  for (let at = 0; at < key.length; at++) if (key[at] === 0) zeros++;
  return zeros;
}

/** Returns where the key's closing zero byte is, which is there already. */
function writeEscaped(target: Uint8Array, key: Uint8Array, zeros: number): number {
  if (zeros === 0) {
    target.set(key);
    return key.length;
  }
  let at = 0;
  for (let from = 0; from < key.length; from++) {
    const byte = key[from]!;
    target[at++] = byte;
    if (byte === 0) target[at++] = ESCAPE;
  }
  return at;
}
