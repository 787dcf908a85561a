/**
 * Quorate and real etcd, of either line, in one cluster in which members are away for longer than the log reaches back: each kind gets snapshots from
 * a leader of the other kind, as a member that comes back and as one that joins. Afterwards all hold the same, v2's tree and v3's HashKV and leases, and
 * go on the same, also when they begin again from what they have put on disk.
 *
 * Short form: 60 operations in each step. QUORATE_FULL=1: 600.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hashKv } from '../../chaos/v3/hash-kv.ts';
import { closeConnections } from '../store/mvcc/etcd-gateway.ts';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, isFullLength, isStandIn, type Program, underTest } from '../support/program.ts';
import { testRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { expectStatus } from '../support/v2-client.ts';
import { fillLog } from './fill-log.ts';
import { moveLeader } from './move-leader.ts';
import { callGateway } from './v3-gateway.ts';
import { V3History } from './v3-history.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const operations = isFullLength ? 600 : 60;
const flags = [
  '--snapshot-count=100',
  // Members that have only just come back do not hinder others from joining.
  '--strict-reconfig-check=false',
];
/** etcd keeps 5,000 entries behind a snapshot, whatever its count. */
const entriesBehindEtcd = 5_000 + 300;
const entriesBehindQuorate = 400;
/** An id below those that the history draws. */
const lease = 0x6000_0000_0000_0001n;
const installed = {
  quorate: 'installed a snapshot from the leader',
  etcd: /applied snapshot|finished applying incoming snapshot/,
};

async function writeTree({ client }: ClusterMember, round: string): Promise<void> {
  for (let i = 0; i < 4; i++) expectStatus(await client.put(`/${round}/${i}`, { value: `中 ${i}` }), 201);
  expectStatus(await client.put(`/${round}/lasting`, { value: 'long', ttl: '5000' }), 201);
  expectStatus(await client.put('/changed', { value: round }), round === 'begin' ? 201 : 200);
  expectStatus(await client.delete(`/${round}/0`), 200);
}

class Story {
  readonly cluster: Cluster;
  readonly history: V3History;
  readonly #t: TestContext;

  private constructor(t: TestContext, cluster: Cluster) {
    this.#t = t;
    this.cluster = cluster;
    this.history = new V3History(cluster.members, 'one', testRandom(t));
  }

  static async begin(t: TestContext, programs: readonly Program[]): Promise<Story> {
    const story = new Story(t, await Cluster.start(t, { programs, flags }));
    t.after(closeConnections);
    await story.history.grant(lease, 5_000);
    await story.history.put('a', 'leased', lease);
    await writeTree(story.cluster.members[0]!, 'begin');
    await story.history.play(operations);
    return story;
  }

  member(kind: Program, place = 0): ClusterMember {
    return this.cluster.members.filter(({ process }) => process.program === kind)[place]!;
  }

  /** Comes back after so much that the leader's log does not reach back, and holds the same then. */
  async comesBack(away: ClusterMember, leader: ClusterMember, round: string): Promise<void> {
    await moveLeader(this.cluster, leader);
    await away.process.kill();
    closeConnections();
    this.history.away.add(away.name);
    await this.history.play(operations);
    await writeTree(leader, round);
    await fillLog(leader, entriesBehind(leader));
    await this.history.play(operations);
    await away.process.start(60_000);
    await away.process.waitForLog(away.process.program === underTest ? installed.quorate : installed.etcd);
    this.history.away.delete(away.name);
    await this.cluster.leader();
    await this.agree(round);
    await this.history.play(operations);
    await this.history.expire('c', 3);
    await this.agree(round);
  }

  /** A new member begins with a snapshot. */
  async joins(kind: Program, leader: ClusterMember): Promise<void> {
    await moveLeader(this.cluster, leader);
    await fillLog(leader, entriesBehind(leader));
    const joined = await this.cluster.join(kind);
    await joined.process.waitForLog(kind === underTest ? installed.quorate : installed.etcd);
    await this.agree(`${kind.name} joined`);
  }

  async agree(round: string): Promise<void> {
    const { cluster, history } = this;
    await history.agree();
    await cluster.agreedTree();
    // Those that joined as well.
    const { revision } = history;
    await until(`one HashKV: ${round}`, async () => {
      const hashes = await Promise.all(cluster.members.map(({ clientUrl }) => hashKv(clientUrl, revision)));
      return hashes.every(({ hash }) => hash === hashes[0]!.hash);
    });
    for (const { name, clientUrl } of cluster.members) {
      const told = await callGateway(clientUrl, '/v3/lease/timetolive', { ID: String(lease), keys: true });
      assert.equal(told['grantedTTL'], '5000', name);
    }
    this.#t.diagnostic(`${round}: revision ${revision}, ${history.compactions} compactions so far`);
  }

  async restart(): Promise<void> {
    const { members } = this.cluster;
    for (const { process } of members) await process.kill();
    await Promise.all(members.map(({ process }) => process.start(60_000)));
    closeConnections();
    await this.cluster.leader();
    await this.agree('all started again');
  }
}

function entriesBehind(leader: ClusterMember): number {
  return leader.process.program === underTest ? entriesBehindQuorate : entriesBehindEtcd;
}

async function mixed(t: TestContext, other: Program): Promise<void> {
  const story = await Story.begin(t, [other, underTest, underTest]);
  await story.comesBack(story.member(underTest), story.member(other), 'a Quorate came back');
  await story.comesBack(story.member(other), story.member(underTest), 'an etcd came back');
  await story.restart();
  await story.joins(other, story.member(underTest));
  await story.joins(underTest, story.member(other));
  await story.restart();
  await story.history.play(operations);
  await story.agree('the end');
}

const standIn = isStandIn && 'etcd alone is one kind';

test('snapshots to and from etcd 3.4', { skip: standIn || needs('quorate', etcd.command) }, (t) =>
  mixed(t, etcd),
);

test('snapshots to and from etcd 3.5', { skip: standIn || needsEtcd35('quorate') }, (t) => mixed(t, etcd35));
