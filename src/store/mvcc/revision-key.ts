/**
 * Keys of the table `revisions`, as etcd's bucket "key" has them: their order is the order in which changes were made.
 *
 *     main (8 bytes, big-endian) '_' sub (8 bytes, big-endian) ['t' if the change deleted the key]
 *
 * `main` is the revision that clients see; `sub` counts the changes of one revision from 0. Both are safe integers.
 */

export const REVISION_KEY_BYTES = 17;
const SEPARATOR = 0x5f;
const TOMBSTONE_MARK = 0x74;

/** Writes the 17 bytes at `at`. */
export function writeRevisionKey(target: Uint8Array, at: number, main: number, sub: number): void {
  writeUint64(target, at, main);
  target[at + 8] = SEPARATOR;
  writeUint64(target, at + 9, sub);
}

export function revisionKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(REVISION_KEY_BYTES);
  writeRevisionKey(key, 0, main, sub);
  return key;
}

export function writeTombstoneKey(target: Uint8Array, at: number, main: number, sub: number): void {
  writeRevisionKey(target, at, main, sub);
  target[at + REVISION_KEY_BYTES] = TOMBSTONE_MARK;
}

export function isTombstoneKey(key: Uint8Array): boolean {
  return key.length > REVISION_KEY_BYTES;
}

export function mainOf(key: Uint8Array): number {
  return readUint64(key, 0);
}

export function subOf(key: Uint8Array): number {
  return readUint64(key, 9);
}

/** The smallest key behind this one that could be there. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

export function writeUint64(target: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  writeUint32(target, at, high);
  writeUint32(target, at + 4, value % 0x1_0000_0000);
}

export function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4);
}

export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
