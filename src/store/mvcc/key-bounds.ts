/** Which keys a request means. */

import { compareBytes } from '../../ports/byte-order.ts';
import type { KeyRange } from '../../wire/v3/kv-types.ts';

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
