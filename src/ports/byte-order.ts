/** The order of keys, as every table has it and clients see it. */

/** Most keys differ in their first bytes, where a loop is faster than a call. */
const LOOP_BYTES = 64;

/** Bytewise order: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  const looped = Math.min(common, LOOP_BYTES);
  for (let i = 0; i < looped; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return looped < common ? Buffer.compare(a, b) : a.length - b.length;
}
