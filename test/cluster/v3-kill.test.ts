/**
 * Nothing lost, nothing twice, of the v3 store: three processes under puts, deletions, transactions, ranges, leases and watches; in each round
 * one is killed with SIGKILL and started again, every third time the leader, every tenth time all three at once. What the clients were
 * answered and what the watches told is held against the one history that the revisions give (chaos/v3/check-kv-history.ts): watches resume
 * by revision and may miss and repeat nothing; leases' keys are never gone early, and gone in the end; the members' HashKV is one.
 *
 * Short form: 5 rounds. QUORATE_FULL=1: 100 rounds. QUORATE_SEED repeats the choice of victims.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockHistory } from '../../chaos/clock-history.ts';
import { KvWorkload } from '../../chaos/v3/kv-workload.ts';
import { Cluster, shorterElections } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { isFullLength, isStandIn, underTest } from '../support/program.ts';
import { seededRandom, testRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';

const rounds = isFullLength ? 100 : 5;
const skip = needs('quorate');
/** Until so many more writes are acknowledged; of a machine that is busy with other things, too. */
const progressBoundMs = 300_000;

test(`${rounds} rounds of SIGKILL under puts, transactions, leases and watches`, { skip }, async (t) => {
  const random = testRandom(t);
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
    flags: ['--snapshot-count=200', ...shorterElections],
  });
  const workload = new KvWorkload({
    random: seededRandom(random.seed + 1),
    members: () => cluster.members,
    clocks: new ClockHistory(),
    areLeasesExact: !isStandIn,
    launchStopped: () => {},
  });
  t.after(() => workload.end());
  const acknowledge = (count: number): Promise<unknown> => {
    const wanted = workload.acknowledgedWrites + count;
    const isReached = (): boolean => workload.faults.length > 0 || workload.acknowledgedWrites >= wanted;
    return until(`${count} more writes acknowledged`, isReached, progressBoundMs);
  };

  await workload.begin();
  let kills = 0;
  for (let round = 0; round < rounds && workload.faults.length === 0; round++) {
    await acknowledge(10 + random.below(60));
    const victims =
      round % 10 === 4
        ? cluster.members
        : [round % 3 === 0 ? await cluster.leader() : random.pick(cluster.members)];
    await Promise.all(victims.map((victim) => victim.process.kill()));
    kills += victims.length;
    // With a majority alive, writes go on.
    if (victims.length === 1) await acknowledge(random.below(30));
    await Promise.all(victims.map((victim) => victim.process.start()));
  }
  await acknowledge(50);
  await workload.stop();
  assert.deepEqual(await workload.check(), []);
  const figures = workload.figures();
  t.diagnostic(`${kills} kills, ${JSON.stringify(figures)}`);
  for (const what of ['v3 puts', 'v3 transactions', 'v3 events watched', 'leases granted'])
    assert.ok(figures[what]! > 0, `${what}: ${figures[what]}`);

  // What is on disk alone gives the same again: all are killed at once and start again.
  const hashes = await workload.hashes();
  await Promise.all(cluster.members.map((member) => member.process.kill()));
  await Promise.all(cluster.members.map((member) => member.process.start()));
  await cluster.leader();
  assert.deepEqual(await workload.hashes(), hashes);
  assert.deepEqual(new Set(hashes).size, 1);
});
