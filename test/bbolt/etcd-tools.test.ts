/**
 * Backups by etcd's own tools: etcdctl saves, inspects and restores Quorate's file, and a real etcd that starts from it holds the same. Beside a real
 * etcd 3.5 in one cluster, file and Hash are the same as its own.
 *
 * ETCD_REFERENCE_35 names an etcd of the 3.5 line; its etcdctl and etcdutl lie beside it.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AlarmAction, AlarmType, Etcd3 } from 'etcd3';
import { startMember } from '../api/gateway/support/members.ts';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { etcd, type Program, underTest } from '../support/program.ts';
import { runV3Tool, startRestored } from '../support/restored-member.ts';
import { until } from '../support/until.ts';
import { readBbolt } from './read-bbolt.ts';

interface Tools {
  readonly program: Program;
  readonly ctl: string;
  /** Of snapshot status and snapshot restore. */
  readonly offline: string;
}

const path35 = process.env['ETCD_REFERENCE_35'];
const beside35 = (tool: string): string => join(dirname(path35 ?? ''), tool);
const tools34: Tools = { program: { ...etcd, extraFlags: [] }, ctl: 'etcdctl', offline: 'etcdctl' };
const tools35: Tools = {
  program: { name: 'etcd 3.5', command: path35 ?? '', extraFlags: [] },
  ctl: beside35('etcdctl'),
  offline: beside35('etcdutl'),
};
const skip34 = needs('quorate', etcd.command, 'etcdctl');
const skip35 =
  path35 === undefined
    ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5'
    : needs('quorate', path35, tools35.ctl, tools35.offline);

function clientOf(t: TestContext, url: string): Etcd3 {
  const client = new Etcd3({ hosts: url });
  t.after(() => client.close());
  return client;
}

/** Many small rows, rows of several pages, old versions, deletions, a compaction, a lease with keys. */
async function writeHistory(client: Etcd3): Promise<void> {
  for (let i = 0; i < 150; i++) await client.put(`keys/${i % 70}`).value(`${i}`.repeat(1 + (i % 50)));
  await client.delete().prefix('keys/2');
  await client.put('large').value(Buffer.alloc(300_000, 'large'));
  await client.put('page').value(Buffer.alloc(4000, 'page'));
  await client.leaseClient.leaseGrant({ ID: '7587', TTL: 3600 });
  await client.leaseClient.leaseGrant({ ID: '9000000000000000000', TTL: 60_000 });
  await client.put('leased').value('while it lives').lease('7587');
  const { header } = await client.put('last').value('before the compaction');
  await client.kv.compact({ revision: Number(header.revision) - 60, physical: true });
  await client
    .if('last', 'Version', '==', 1)
    .then(client.put('one').value('1'), client.put('two').value('2'), client.delete().key('page'))
    .commit();
  // Of a member that does not exist, so that nobody takes it back.
  await client.maintenance.alarm({
    action: AlarmAction.Activate,
    memberID: '4660',
    alarm: AlarmType.Nospace,
  });
}

/** All rows but the place in the log. */
function rowsOf(file: string): string[] {
  const rows: string[] = [];
  for (const [bucket, all] of readBbolt(readFileSync(file)).buckets) {
    rows.push(bucket);
    for (const { key, value } of all)
      rows.push([bucket, key, value].map((each) => Buffer.from(each).toString('latin1')).join(' '));
  }
  return rows.filter((row) => !/^meta (?:consistent_index|term) /.test(row));
}

interface Seen {
  readonly revision: string;
  readonly keys: readonly object[];
  readonly leases: readonly string[];
  readonly hashKv: string;
}

/** What a client can see of the store. */
async function seen(t: TestContext, url: string): Promise<Seen> {
  const client = clientOf(t, url);
  const { header, kvs } = await client.getAll().exec();
  const { leases } = await client.leaseClient.leaseLeases();
  const hashes = await runV3Tool('etcdctl', `--endpoints=${url}`, 'endpoint', 'hashkv', '-w', 'json');
  return {
    revision: header.revision,
    keys: kvs.map((kv) => ({ ...kv, key: kv.key.toString(), value: kv.value.toString() })),
    leases: leases.map(({ ID }) => ID).sort(),
    hashKv: String(JSON.parse(hashes)[0].HashKV.hash),
  };
}

for (const { tools, skip, name } of [
  { tools: tools34, skip: skip34, name: '3.4' },
  { tools: tools35, skip: skip35, name: '3.5' },
]) {
  test(`saved, inspected and restored by etcd ${name}'s tools`, { skip }, async (t) => {
    const cluster = await Cluster.start(t, { programs: [underTest] });
    const [member] = cluster.members as [ClusterMember];
    await writeHistory(clientOf(t, member.clientUrl));
    const file = join(temporaryFolder('saved'), 'snapshot.db');
    await runV3Tool(tools.ctl, `--endpoints=${member.clientUrl}`, 'snapshot', 'save', file);

    const before = await seen(t, member.clientUrl);
    const status = JSON.parse(await runV3Tool(tools.offline, 'snapshot', 'status', file, '-w', 'json'));
    const content = readBbolt(readFileSync(file));
    const rows = [...content.buckets.values()].reduce((sum, bucket) => sum + bucket.length, 0);
    assert.equal(String(status.revision), before.revision);
    assert.deepEqual([status.totalKey, status.totalSize], [rows, content.pages * content.pageBytes]);

    assert.equal(before.leases.length, 2);
    assert.ok(before.keys.length > 60);
    const restored = await startRestored(t, tools.program, tools.offline, file);
    assert.deepEqual(await seen(t, restored.url), before);
  });
}

test('beside a real etcd 3.5 in one cluster: the same Hash, the same hash of the file', {
  skip: skip35,
}, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, tools35.program, underTest] });
  const clients = cluster.members.map(({ clientUrl }) => clientOf(t, clientUrl));
  await writeHistory(clients[0]!);
  // Once all members have published themselves and the version is decided, only clients change what is hashed.
  await until('all members know of each other and of the version', async () => {
    const answers = await Promise.all(cluster.members.map((each) => each.client.get('/version')));
    const lists = await Promise.all(clients.map((client) => client.cluster.memberList({})));
    return (
      answers.every(({ text }) => !text.includes('"etcdcluster":"3.0.0"')) &&
      lists.every(({ members }) => members.every(({ clientURLs }) => clientURLs.length > 0))
    );
  });
  // A linearizable read: each member has applied what the others have.
  for (const client of clients) await client.get('last').string();
  // The member that was asked to compact has finished when it answers, the others soon after.
  await until('equal hashes', async () => {
    const hashes = await Promise.all(clients.map((client) => client.maintenance.hash({})));
    return new Set(hashes.map(({ hash }) => hash)).size === 1;
  });

  const folder = temporaryFolder('saved');
  const files = await Promise.all(
    cluster.members.map(async ({ name, clientUrl }) => {
      const file = join(folder, name);
      await runV3Tool(tools35.ctl, `--endpoints=${clientUrl}`, 'snapshot', 'save', file);
      return file;
    }),
  );
  const contents = files.map(rowsOf);
  assert.deepEqual(contents[0], contents[1]);
  assert.deepEqual(contents[2], contents[1]);
});

test('the same history in etcd 3.5 and in Quorate, each by itself: the same rows but for the version', {
  skip: skip35,
}, async (t) => {
  const contents: string[][] = [];
  const hashes: number[] = [];
  for (const program of [tools35.program, underTest]) {
    const url = `http://127.0.0.1:${await startMember(t, program, [])}`;
    const client = clientOf(t, url);
    await until('the version is decided', async () => (await version(url)) !== '3.0.0');
    await writeHistory(client);
    const file = join(temporaryFolder('saved'), 'snapshot.db');
    await runV3Tool(tools35.ctl, `--endpoints=${url}`, 'snapshot', 'save', file);
    contents.push(rowsOf(file));
    hashes.push(Number((await client.maintenance.hash({})).hash));
  }
  const [etcdRows, rows] = contents as [string[], string[]];
  for (const bucket of ['alarm', 'auth', 'cluster', 'key', 'lease', 'members', 'meta'])
    assert.ok(
      rows.some((row) => row.startsWith(`${bucket} `)),
      bucket,
    );
  const isVersion = (row: string): boolean => row.startsWith('cluster clusterVersion ');
  assert.deepEqual(
    rows.filter((row) => !isVersion(row)),
    etcdRows.filter((row) => !isVersion(row)),
  );
  assert.equal(hashes[0] === hashes[1], rows.find(isVersion) === etcdRows.find(isVersion));
});

async function version(url: string): Promise<string> {
  const response = await fetch(`${url}/version`);
  return ((await response.json()) as { readonly etcdcluster: string }).etcdcluster;
}
