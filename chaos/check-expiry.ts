/**
 * What must hold of keys with a TTL:
 *
 *   - a lease ends its TTL after the member that took it did: between question and answer, give or take what its clock was off;
 *   - no key is gone before its last lease ends, give or take what that clock, or the clock of a member that may have led since, was off;
 *   - what is gone stays gone.
 *
 * That every key is gone in the end is asked of the tree, when the cluster has come to rest (expiring-keys.ts).
 */

import type { ClockHistory } from './clock-history.ts';
import type { KeyLife, Lease, Sighting } from './key-life.ts';

/** The clocks of one machine are one clock; this is for its rounding and for small corrections. */
const toleranceMs = 100;

export function checkExpiry(lives: Iterable<KeyLife>, clocks: ClockHistory): string[] {
  const faults: string[] = [];
  for (const life of lives) {
    for (const lease of life.leases) faults.push(...leaseEndsItsTtlLater(life.key, lease, clocks));
    for (const sighting of life.sightings) faults.push(...isNotGoneEarly(life, sighting, clocks));
    faults.push(...staysGone(life));
  }
  return faults;
}

/** The earliest end of what the key has after this many leases: the last that was done, unless a later one may have been done. */
export function earliestEndMs(leases: readonly Lease[], clocks: ClockHistory): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (let at = leases.length - 1; at >= 0; at--) {
    const { member, calledAtMs, answeredAtMs, ttlSeconds } = leases[at]!;
    const { behind } = clocks.offsets(calledAtMs, answeredAtMs ?? Number.POSITIVE_INFINITY, member);
    earliest = Math.min(earliest, calledAtMs + (ttlSeconds + behind) * 1000);
    if (answeredAtMs !== undefined) break;
  }
  return earliest;
}

function* leaseEndsItsTtlLater(key: string, lease: Lease, clocks: ClockHistory): Generator<string> {
  const { member, ttlSeconds, calledAtMs, answeredAtMs, expiresAtMs } = lease;
  if (answeredAtMs === undefined || expiresAtMs === undefined) return;
  const { behind, ahead } = clocks.offsets(calledAtMs, answeredAtMs, member);
  const early = calledAtMs + (ttlSeconds + behind) * 1000 - toleranceMs - expiresAtMs;
  const late = expiresAtMs - (answeredAtMs + (ttlSeconds + ahead) * 1000 + toleranceMs);
  if (early > 0)
    yield `${key}: ${member} gave ${ttlSeconds} s, but it is to expire ${early.toFixed()} ms earlier`;
  if (late > 0)
    yield `${key}: ${member} gave ${ttlSeconds} s, but it is to expire ${late.toFixed()} ms later`;
}

function* isNotGoneEarly(
  { key, leases }: KeyLife,
  sighting: Sighting,
  clocks: ClockHistory,
): Generator<string> {
  if (sighting.isThere) return;
  const known = leases.slice(0, sighting.leaseCount);
  const begun = known[0]?.calledAtMs ?? 0;
  // Whoever led since the key was made may have asked for its end.
  const { ahead } = clocks.offsets(begun, sighting.answeredAtMs);
  const early = earliestEndMs(known, clocks) - ahead * 1000 - toleranceMs - sighting.answeredAtMs;
  if (early > 0) yield `${key} was gone at least ${early.toFixed()} ms early (${sighting.how})`;
}

function* staysGone({ key, sightings }: KeyLife): Generator<string> {
  const gone = sightings
    .filter(({ isThere }) => !isThere)
    .reduce((least, { answeredAtMs }) => Math.min(least, answeredAtMs), Number.POSITIVE_INFINITY);
  const back = sightings.find(({ isThere, calledAtMs }) => isThere && calledAtMs > gone);
  if (back !== undefined) yield `${key} was gone, and there again (${back.how})`;
}
