/**
 * HashKV and every answer equal between a real etcd, of either line, and Quorate after the same history of puts, deletions, transactions, leases
 * and compactions, through their gateways.
 *
 * Short form: 600 operations. QUORATE_FULL=1: 10,000. ETCD_REFERENCE names the etcd 3.4, ETCD_REFERENCE_35 the etcd 3.5.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { closeConnections } from '../store/mvcc/etcd-gateway.ts';
import { Cluster } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, isFullLength, type Program, underTest } from '../support/program.ts';
import { testRandom } from '../support/seeded-random.ts';
import { V3History } from './v3-history.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const operations = isFullLength ? 10_000 : 600;

async function sameHistory(t: TestContext, reference: Program): Promise<void> {
  // Two clusters of one: each has a history, and revisions, of its own.
  const clusters = [
    await Cluster.start(t, { programs: [reference] }),
    await Cluster.start(t, { programs: [underTest] }),
  ];
  t.after(closeConnections);
  const servers = clusters.map(({ members: [member] }) => ({
    name: member!.process.program.name,
    clientUrl: member!.clientUrl,
  }));
  const history = new V3History(servers, 'all', testRandom(t));
  await history.play(operations);
  t.diagnostic(`revision ${history.revision}, ${history.compactions} compactions, ${history.hashes} hashes`);
  assert.ok(history.compactions > 5 && history.hashes > 10);
}

test(`${operations} operations on etcd 3.4 and on Quorate`, { skip: needs('quorate', etcd.command) }, (t) =>
  sameHistory(t, etcd),
);

test(`${operations} operations on etcd 3.5 and on Quorate`, { skip: needsEtcd35('quorate') }, (t) =>
  sameHistory(t, etcd35),
);
