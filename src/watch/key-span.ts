/**
 * The keys of a watch as text of one char per byte: strings compare as the bytes do, and a Map finds them. What is watched in the same way (keys,
 * filters, prev_kv) gets the same events and is one group.
 */
import type { WatchRequest } from './types.ts';

export interface KeySpan {
  readonly start: string;
  /** undefined: no end. Of a single key: unused. */
  readonly end: string | undefined;
  readonly isSingleKey: boolean;
}

/** Flags of a group. */
export const PREV_KV = 1;
export const NO_PUT = 2;
export const NO_DELETE = 4;

export function spanOf({ key, rangeEnd }: WatchRequest): KeySpan {
  const start = keyText(key);
  if (rangeEnd.length === 0) return { start, end: undefined, isSingleKey: true };
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return { start, end: isOpen ? undefined : keyText(rangeEnd), isSingleKey: false };
}

export function flagsOf({ prevKv, noPut, noDelete }: WatchRequest): number {
  return (prevKv ? PREV_KV : 0) | (noPut ? NO_PUT : 0) | (noDelete ? NO_DELETE : 0);
}

export function keyText(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}
