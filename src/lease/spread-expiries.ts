/**
 * When a member begins to lead, all leases start with what was left of them, in whole seconds: thousands may then end in the same instant,
 * and their revocations would crowd out everything else. As etcd does, a pile is stretched so that no more than three quarters of the rate at
 * which leases are revoked end in any second. Nothing ends earlier than it should.
 */

/** Leases per second that etcd revokes. */
export const REVOKE_RATE = 1000;
/** Leases per second in a pile: fewer than can be revoked, so that others have room. */
const PILE_RATE = (3 * REVOKE_RATE) / 4;
const PILE_WINDOW_MS = 1000;

/**
 * Milliseconds at which leases end that have `sorted` milliseconds left, ascending; written in place. Below REVOKE_RATE leases nothing
 * changes. The n-th of a pile, beyond what a second takes, ends n / PILE_RATE seconds after the pile's first; a pile ends with the first lease
 * that has more time than that anyway.
 */
export function spreadExpiries(sorted: Float64Array): void {
  if (sorted.length < REVOKE_RATE) return;
  let pileStart = sorted[0]!;
  let pileEnd = pileStart + PILE_WINDOW_MS;
  let inPile = 0;
  for (let i = 0; i < sorted.length; i += 1) {
    const expiry = sorted[i]!;
    if (expiry > pileEnd) {
      pileStart = expiry;
      pileEnd = pileStart + PILE_WINDOW_MS;
      inPile = 1;
      continue;
    }
    inPile += 1;
    if (inPile <= PILE_RATE) continue;
    pileEnd = Math.max(expiry, pileStart + (inPile * 1000) / PILE_RATE);
    sorted[i] = pileEnd;
  }
}
