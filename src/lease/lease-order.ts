/**
 * Leases in the order in which they run out. Sorted are numbers, not records: a hundred thousand leases are sorted when a member begins to lead
 * and when a client lists them, and a comparison function would hold the event loop for as long as all the rest.
 */
import type { Lease } from './types.ts';

/** Ids of leases that end first first; those that end together in the order given. */
export function idsByExpiry(
  leases: Iterable<Lease & { readonly expiresAtMs: number }>,
  count: number,
): bigint[] {
  const { leases: sorted } = sortBy(leases, count, (lease) => lease.expiresAtMs);
  return sorted.map((lease) => lease.id);
}

/** Leases with the milliseconds that are left of them according to the last checkpoint, ascending; equal ones in the order given. */
export function remainingByExpiry<T extends Lease>(
  leases: Iterable<T>,
  count: number,
): { readonly leases: T[]; readonly remainingMs: Float64Array } {
  const { leases: sorted, keys } = sortBy(leases, count, (lease) => (lease.remainingTtl || lease.ttl) * 1000);
  return { leases: sorted, remainingMs: keys };
}

function sortBy<T>(
  leases: Iterable<T>,
  count: number,
  keyOf: (lease: T) => number,
): { leases: T[]; keys: Float64Array } {
  const keys = new Float64Array(count);
  const unsorted: T[] = [];
  for (const lease of leases) {
    keys[unsorted.length] = keyOf(lease);
    unsorted.push(lease);
  }
  const sortedKeys = keys.slice().sort();
  // At the place of the first lease with a key: how many with it have been placed.
  const placed = new Uint32Array(count);
  const sorted = unsorted.slice();
  for (let i = 0; i < count; i += 1) {
    const first = lowerBound(sortedKeys, keys[i]!);
    sorted[first + placed[first]!] = unsorted[i]!;
    placed[first]! += 1;
  }
  return { leases: sorted, keys: sortedKeys };
}

function lowerBound(sorted: Float64Array, key: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
