/**
 * Nothing lost: three processes under concurrent writers, a random member killed with SIGKILL and started again, round after
 * round; every third time it is the leader. A small --snapshot-count makes snapshots and log truncation take part.
 *
 * Short form: 5 rounds. QUORATE_FULL=1: 100 rounds. QUORATE_SEED repeats the choice of victims.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, shorterElections } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { isFullLength, underTest } from '../support/program.ts';
import { testRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { etcdIndexOf } from '../support/v2-client.ts';
import { WriteLedger } from '../support/write-ledger.ts';

const rounds = isFullLength ? 100 : 5;
const writerCount = 6;
const skip = needs('quorate');
const three = [underTest, underTest, underTest];

test(`${rounds} rounds of SIGKILL under ${writerCount} writers`, { skip }, async (t) => {
  const random = testRandom(t);
  const cluster = await Cluster.start(t, {
    programs: three,
    flags: ['--snapshot-count=50', ...shorterElections],
  });
  const ledger = new WriteLedger(cluster.members, random);
  ledger.start(writerCount);
  t.after(() => ledger.stop().catch(() => {}));
  let indexBefore = 0;
  for (let round = 0; round < rounds; round++) {
    await ledger.acknowledge(20 + random.below(100));
    const victim = round % 3 === 0 ? await cluster.leader() : random.pick(cluster.members);
    await victim.process.kill();
    await ledger.acknowledge(random.below(60));
    await victim.process.start();
    const read = await until('a quorum read', async () => {
      const answer = await victim.client.get('/v2/keys/?quorum=true');
      return answer.status === 200 && answer;
    });
    const index = etcdIndexOf(read);
    assert.ok(index > indexBefore, `round ${round}: index ${index} after ${indexBefore}`);
    indexBefore = index;
  }
  await ledger.acknowledge(50);
  await ledger.stop();
  const { index } = await cluster.agreedTree();
  for (const member of cluster.members) await ledger.verify(member.client);
  t.diagnostic(
    `${ledger.acknowledgedCount} acknowledged, ${ledger.unansweredCount} unanswered, X-Etcd-Index ${index}`,
  );

  // What is on disk alone gives the same tree: all are killed at once and start again.
  await Promise.all(cluster.members.map((member) => member.process.kill()));
  await Promise.all(cluster.members.map((member) => member.process.start()));
  await cluster.leader();
  await cluster.agreedTree();
  await ledger.verify(cluster.members[0]!.client);
});

test('a member that was away for longer than the log reaches back catches up by a snapshot', {
  skip,
}, async (t) => {
  const random = testRandom(t);
  const cluster = await Cluster.start(t, {
    programs: three,
    flags: ['--snapshot-count=50', ...shorterElections],
  });
  const leader = await cluster.leader();
  const absent = random.pick(cluster.members.filter((member) => member !== leader));
  await absent.process.kill();
  // The leader keeps 5,000 entries behind its last snapshot for the slow.
  const ledger = new WriteLedger(
    cluster.members.filter((member) => member !== absent),
    random,
  );
  ledger.start(16);
  t.after(() => ledger.stop().catch(() => {}));
  await ledger.acknowledge(6_000);
  await absent.process.start(60_000);
  await ledger.acknowledge(50);
  await ledger.stop();
  await cluster.agreedTree();
  assert.match(absent.process.runLog, /installed a snapshot|applied snapshot|applying snapshot/i);
  for (const member of cluster.members) await ledger.verify(member.client);

  // The snapshot it was sent is enough to start from.
  await absent.process.kill();
  await absent.process.start();
  await cluster.agreedTree();
  await ledger.verify(absent.client);
});
