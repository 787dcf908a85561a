/**
 * Quorate and real etcd, of either line, in one cluster of three, each kind in the majority: a random v3 history through each member, each kind
 * leading by turns and leadership moved between them, leases renewed through every member meanwhile, watches on every member, members
 * killed and started again. Every answer has to be the right one, and every member has to have the same HashKV, leases and events.
 *
 * Short form: 90 operations in each of the three phases. QUORATE_FULL=1: 1,500.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { closeConnections } from '../store/mvcc/etcd-gateway.ts';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, isFullLength, type Program, underTest } from '../support/program.ts';
import { testRandom } from '../support/seeded-random.ts';
import { moveLeader } from './move-leader.ts';
import { EventLog } from './v3-events.ts';
import { callGateway } from './v3-gateway.ts';
import { V3History } from './v3-history.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const operationsPerPhase = isFullLength ? 1_500 : 90;
const flags = [
  // Snapshots between the kinds: v3-mixed-snapshots.test.ts.
  '--snapshot-count=1000000',
];
/** An id below those that the history draws. */
const renewedLease = 0x6000_0000_0000_0001n;
/** Long enough for a machine that is busy with other things, if it is renewed at every step. */
const renewedTtl = 600;
const shortTtl = 3;
const operationsAtATime = 30;

/** Renews through every member, each of which asks the leader, of whichever kind it is. */
async function renewThroughAll(members: readonly ClusterMember[]): Promise<void> {
  for (const { name, clientUrl } of members) {
    const answer = await callGateway(clientUrl, '/v3/lease/keepalive', { ID: String(renewedLease) });
    assert.equal(answer['TTL'], String(renewedTtl), name);
    const told = await callGateway(clientUrl, '/v3/lease/timetolive', { ID: String(renewedLease) });
    assert.equal(told['grantedTTL'], String(renewedTtl), name);
  }
}

async function mixed(t: TestContext, programs: readonly Program[]): Promise<void> {
  const random = testRandom(t);
  const cluster = await Cluster.start(t, { programs, flags });
  t.after(closeConnections);
  const { members } = cluster;
  const history = new V3History(members, 'one', random);
  await history.grant(renewedLease, renewedTtl);
  await history.put('a', 'renewed', renewedLease);

  let phase = 0;
  for (const kind of [...new Set(programs), programs[0]!]) {
    const leader = members.find(({ process }) => process.program === kind)!;
    await moveLeader(cluster, leader);
    t.diagnostic(`phase ${phase}: ${leader.name} (${kind.name}) leads`);
    await renewThroughAll(members);
    const events = await Promise.all(members.map((member) => EventLog.open(member, history.revision + 1)));
    for (let done = 0; done < operationsPerPhase; done += operationsAtATime) {
      await history.play(operationsAtATime);
      await renewThroughAll(members);
    }
    // A lease that nobody renews is ended by this kind of leader.
    await history.expire('c', shortTtl);
    await history.agree();

    const last = `the last of phase ${phase}`;
    await history.put('aa', last);
    const seen = await Promise.all(events.map((log) => log.until(history.revision)));
    for (const [at, log] of seen.entries())
      assert.deepEqual(log, seen[0], `events at ${members[at]!.name} and ${members[0]!.name}`);
    assert.ok(seen[0]!.length > operationsPerPhase / 4);

    // One member after the other is away for a while.
    const away = members[phase % members.length]!;
    await away.process.kill();
    await cluster.leader();
    await renewThroughAll(cluster.running());
    await away.process.start();
    closeConnections();
    await cluster.leader();
    await history.agree();
    phase++;
  }
  // What is on disk gives the same again, of each kind.
  for (const member of members) await member.process.kill();
  await Promise.all(members.map((member) => member.process.start()));
  closeConnections();
  await cluster.leader();
  await history.agree();
  await renewThroughAll(members);
  t.diagnostic(`revision ${history.revision}, ${history.compactions} compactions, ${history.hashes} hashes`);
}

const without35 = needs('quorate', etcd.command);
const with35 = needsEtcd35('quorate');

// Two at a time: most of the time goes by until leases end and leaders are elected.
describe('in one cluster', { concurrency: 2 }, () => {
  test('two etcd 3.4 and one Quorate', { skip: without35 }, (t) => mixed(t, [etcd, etcd, underTest]));

  test('one etcd 3.4 and two Quorate', { skip: without35 }, (t) => mixed(t, [etcd, underTest, underTest]));

  test('two etcd 3.5 and one Quorate', { skip: with35 }, (t) => mixed(t, [etcd35, etcd35, underTest]));

  test('one etcd 3.5 and two Quorate', { skip: with35 }, (t) => mixed(t, [etcd35, underTest, underTest]));
});
