/**
 * Quorate on what `snapshot restore` has made, of both lines' tools, from files that Quorate and both lines of etcd have saved: it holds the keys, leases and
 * HashKV that the file does, as a real etcd does that begins with a second copy.
 */

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hashKv } from '../../chaos/v3/hash-kv.ts';
import { closeConnections } from '../store/mvcc/etcd-gateway.ts';
import { Cluster } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { etcd, isStandIn, type Program, underTest } from '../support/program.ts';
import { runV3Tool, startRestored } from '../support/restored-member.ts';
import { testRandom } from '../support/seeded-random.ts';
import { callGateway } from './v3-gateway.ts';
import { V3History } from './v3-history.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const beside35 = (tool: string): string => join(dirname(etcd35.command), tool);
const lines = [
  { name: '3.4', etcd, save: 'etcdctl', restore: 'etcdctl', skip: needs('quorate', etcd.command, 'etcdctl') },
  {
    name: '3.5',
    etcd: etcd35,
    save: beside35('etcdctl'),
    restore: beside35('etcdutl'),
    skip: needsEtcd35('quorate', beside35('etcdutl')),
  },
] as const;
type Line = (typeof lines)[number];

const lease = 0x6000_0000_0000_0001n;

/** A file with some history in it; its last write is said to be at `revision`. */
async function saved(
  t: TestContext,
  program: Program,
  { save }: Line,
): Promise<{ readonly file: string; readonly revision: number }> {
  const cluster = await Cluster.start(t, { programs: [program] });
  const [member] = cluster.members;
  const history = new V3History(cluster.members, 'one', testRandom(t));
  await history.grant(lease, 5_000);
  await history.play(150);
  await history.put('a', 'leased', lease);
  await history.agree();
  const file = join(temporaryFolder('saved'), 'snapshot.db');
  await runV3Tool(save, `--endpoints=${member!.clientUrl}`, 'snapshot', 'save', file);
  await member!.process.kill();
  closeConnections();
  return { file, revision: history.revision };
}

/** A member of one that begins with the file; where its clients find it. */
async function restored(
  t: TestContext,
  program: Program,
  { restore }: Line,
  file: string,
  ...more: string[]
): Promise<string> {
  const { url, member } = await startRestored(t, program, restore, file, ...more);
  if (program === underTest && !isStandIn) await member.waitForLog("took over etcd's database");
  return url;
}

/** What a client sees of the store. */
async function seen(url: string): Promise<unknown> {
  const everything = { key: 'AA==', range_end: 'AA==' };
  const { header, kvs, count } = await callGateway(url, '/v3/kv/range', everything);
  const revision = Number((header as { revision: string }).revision);
  const { leases } = await callGateway(url, '/v3/lease/leases', {});
  const { keys, grantedTTL } = await callGateway(url, '/v3/lease/timetolive', {
    ID: String(lease),
    keys: true,
  });
  return {
    ...{ revision, kvs, count, keys, grantedTTL, hash: await hashKv(url, revision) },
    leases: (leases as { ID: string }[]).map(({ ID }) => ID).sort(),
  };
}

async function goesOn(url: string): Promise<void> {
  const body = { key: Buffer.from('later').toString('base64'), value: 'bGF0ZXI=' };
  const { header } = await callGateway(url, '/v3/kv/put', body);
  const { kvs } = await callGateway(url, '/v3/kv/range', { key: body.key });
  assert.deepEqual((kvs as object[]).length, 1);
  const { revision } = header as { revision: string };
  assert.equal((kvs as { mod_revision: string }[])[0]!.mod_revision, revision);
}

for (const line of lines) {
  for (const source of [underTest, etcd, etcd35]) {
    const skip = line.skip || (source === etcd35 && needsEtcd35());
    test(`saved from ${source.name}, restored by etcd ${line.name}'s tools`, { skip }, async (t) => {
      const { file, revision } = await saved(t, source, line);
      const url = await restored(t, underTest, line, file);
      const found = (await seen(url)) as { revision: number };
      assert.equal(found.revision, revision);
      assert.deepEqual(found, await seen(await restored(t, line.etcd, line, file)));
      await goesOn(url);
    });
  }
}

test('a restore that raises the revision, so that no watcher sees it go back', {
  skip: lines[1].skip,
}, async (t) => {
  const line = lines[1];
  const { file, revision } = await saved(t, underTest, line);
  const raise = ['--bump-revision=1000000', '--mark-compacted'];
  const urls = [
    await restored(t, underTest, line, file, ...raise),
    await restored(t, etcd35, line, file, ...raise),
  ] as const;
  const both = await Promise.all(urls.map(seen));
  assert.equal((both[0] as { revision: number }).revision, revision + 1_000_000);
  assert.deepEqual(both[0], both[1]);
  for (const url of urls) await goesOn(url);
  assert.deepEqual(await seen(urls[0]), await seen(urls[1]));
});
