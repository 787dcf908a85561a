/** Which keys a request means. */

import type { KeyRange } from '../../wire/v3/kv-types.ts';

/** Most keys differ in their first bytes, where a loop is faster than a call. */
const LOOP_BYTES = 64;

/** Keys from `start` on and below `end`; undefined: no bound. */
export interface KeyBounds {
  readonly start: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
}

/** The bounds of a request's range; undefined if it means the one key. */
export function boundsOf(range: KeyRange): KeyBounds | undefined {
  const { key, rangeEnd } = range;
  if (rangeEnd.length === 0) return undefined;
  const start = key.length === 0 ? undefined : key;
  const end = rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : rangeEnd;
  return { start, end };
}

/** No key can be within. */
export function isEmptyBounds(bounds: KeyBounds): boolean {
  if (bounds.end === undefined) return false;
  return bounds.start === undefined ? bounds.end.length === 0 : compareBytes(bounds.start, bounds.end) >= 0;
}

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
