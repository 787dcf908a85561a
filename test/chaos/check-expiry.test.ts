/** What the chaos run holds keys with a TTL to: small lives with one thing wrong each, and what a clock explains. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkExpiry } from '../../chaos/check-expiry.ts';
import { ClockHistory } from '../../chaos/clock-history.ts';
import type { KeyLife, Lease, Sighting } from '../../chaos/key-life.ts';

/** Made at 1000 for 2 s by m0, prolonged at 2000 for 3 s by m1: ends at 5000. */
const made: Lease = {
  member: 'm0',
  ttlSeconds: 2,
  calledAtMs: 1_000,
  answeredAtMs: 1_010,
  expiresAtMs: 3_005,
};
const prolonged: Lease = {
  member: 'm1',
  ttlSeconds: 3,
  calledAtMs: 2_000,
  answeredAtMs: 2_010,
  expiresAtMs: 5_005,
};
const maybe: Lease = { ...prolonged, ttlSeconds: 1, answeredAtMs: undefined, expiresAtMs: undefined };

function seen(isThere: boolean, atMs: number, leaseCount = 2): Sighting {
  return { isThere, calledAtMs: atMs - 5, answeredAtMs: atMs, leaseCount, how: 'a look' };
}

const clean: KeyLife = {
  key: '/ttl/a',
  leases: [made, prolonged],
  sightings: [seen(true, 1_500, 1), seen(true, 4_900), seen(false, 5_200)],
};

/** A change of m1's clock, and back again two seconds later. */
function clock(offsetSeconds: number, fromMs: number): ClockHistory {
  const clocks = new ClockHistory();
  clocks.note('m1', offsetSeconds, fromMs);
  clocks.note('m1', 0, fromMs + 2_000);
  return clocks;
}

const cases: readonly (readonly [
  name: string,
  change: Partial<KeyLife>,
  clocks: ClockHistory,
  fault: RegExp | undefined,
])[] = [
  ['a key that lives as long as it should', {}, new ClockHistory(), undefined],
  ['gone early', { sightings: [seen(false, 4_500)] }, new ClockHistory(), /gone at least 400 ms early/],
  [
    'gone as if it had not been prolonged',
    { sightings: [seen(false, 3_500)] },
    new ClockHistory(),
    /gone at least 1400 ms early/,
  ],
  [
    'gone before it was prolonged, by what was known then',
    { sightings: [seen(false, 2_500, 1)] },
    new ClockHistory(),
    /gone at least 400 ms early/,
  ],
  [
    'a shorter TTL that may have been set, or not',
    { leases: [made, maybe], sightings: [seen(false, 3_000)] },
    new ClockHistory(),
    undefined,
  ],
  [
    'gone before any TTL that may have been set',
    { leases: [made, maybe], sightings: [seen(false, 2_500)] },
    new ClockHistory(),
    /gone at least 400 ms early/,
  ],
  [
    'gone early, when a member that was ahead may have led',
    { sightings: [seen(false, 3_500)] },
    clock(5, 2_500),
    undefined,
  ],
  [
    'gone earlier than a clock ahead explains',
    { leases: [{ ...prolonged, ttlSeconds: 9, expiresAtMs: 11_005 }], sightings: [seen(false, 4_000, 1)] },
    clock(5, 2_500),
    /gone at least 1900 ms early/,
  ],
  [
    'gone early, when a clock was ahead long before',
    { sightings: [seen(false, 3_500)] },
    clock(5, -20_000),
    /early/,
  ],
  [
    'a TTL given by a member that was behind',
    { leases: [made, { ...prolonged, expiresAtMs: 2_005 }], sightings: [seen(false, 3_500)] },
    clock(-3_600, 0),
    undefined,
  ],
  [
    'a clock behind of another member than the one that gave the TTL',
    { leases: [{ ...made, ttlSeconds: 4, expiresAtMs: 5_005 }], sightings: [seen(false, 3_500, 1)] },
    clock(-5, 0),
    /gone at least 1400 ms early/,
  ],
  [
    'an end before its TTL',
    { leases: [{ ...made, expiresAtMs: 2_000 }] },
    new ClockHistory(),
    /to expire 900 ms earlier/,
  ],
  [
    'an end long after its TTL',
    { leases: [{ ...made, expiresAtMs: 4_000 }] },
    new ClockHistory(),
    /to expire 890 ms later/,
  ],
  [
    'an end long after its TTL, of a clock ahead',
    { leases: [made, { ...prolonged, expiresAtMs: 10_000 }] },
    clock(5, 1_000),
    undefined,
  ],
  [
    'gone, and there again',
    { sightings: [seen(false, 5_200), seen(true, 5_300)] },
    new ClockHistory(),
    /gone, and there again/,
  ],
];

for (const [name, change, clocks, fault] of cases) {
  test(name, () => {
    const found = checkExpiry([{ ...clean, ...change }], clocks);
    if (fault === undefined) assert.deepEqual(found, []);
    else assert.match(found.join('\n'), fault);
  });
}
