/** Bytes as the tables order and combine them. */

/** Bytewise order: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** A string of one character a byte: equal and ordered exactly as the bytes are, and cheap to hash and compare. */
export function byteText(bytes: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}

export function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = Buffer.allocUnsafe(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}
