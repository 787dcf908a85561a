/**
 * Quorate on the directory of a real etcd, of either line: it holds what etcd held and goes on from there, whether etcd was stopped or killed; the database
 * itself stays as it is. A whole cluster is exchanged member by member while it is used.
 *
 * Short form: 60 operations in each step, and each line of etcd ends in one way. QUORATE_FULL=1: 600, and both.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hashKv } from '../../chaos/v3/hash-kv.ts';
import { closeConnections } from '../store/mvcc/etcd-gateway.ts';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { etcd, isFullLength, isStandIn, type Program, underTest } from '../support/program.ts';
import { runV3Tool } from '../support/restored-member.ts';
import { testRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { expectStatus } from '../support/v2-client.ts';
import { become } from './become.ts';
import { fillLog } from './fill-log.ts';
import { callGateway } from './v3-gateway.ts';
import { V3History } from './v3-history.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const operations = isFullLength ? 600 : 60;
const flags = ['--strict-reconfig-check=false'];
/** An id below those that the history draws. */
const lease = 0x6000_0000_0000_0001n;
const tookOver = "took over etcd's database";
/** Etcd in Quorate's place needs none of this. */
const standIn = isStandIn && 'only Quorate takes over';

const lines = [
  { name: '3.4', program: etcd, end: 'stopped', skip: standIn || needs('quorate', etcd.command, 'etcdctl') },
  { name: '3.5', program: etcd35, end: 'killed', skip: standIn || needsEtcd35('quorate', 'etcdctl') },
] as const;

function databaseOf({ dataFolder }: ClusterMember): string {
  return join(dataFolder, 'data/member/snap/db');
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

async function writeTree({ client }: ClusterMember, round: string): Promise<void> {
  for (let i = 0; i < 4; i++) expectStatus(await client.put(`/${round}/${i}`, { value: `中 ${i}` }), 201);
  expectStatus(await client.put(`/${round}/lasting`, { value: 'long', ttl: '5000' }), 201);
  expectStatus(await client.delete(`/${round}/0`), 200);
}

async function leaseTimes({ clientUrl }: ClusterMember): Promise<unknown> {
  const { grantedTTL, keys } = await callGateway(clientUrl, '/v3/lease/timetolive', {
    ID: String(lease),
    keys: true,
  });
  return { grantedTTL, keys };
}

/** A cluster of etcds with a history in both stores. */
async function used(
  t: TestContext,
  programs: readonly Program[],
  more: readonly string[] = [],
): Promise<{ readonly cluster: Cluster; readonly history: V3History }> {
  const cluster = await Cluster.start(t, { programs, flags: [...flags, ...more] });
  t.after(closeConnections);
  const history = new V3History(cluster.members, 'one', testRandom(t));
  await history.grant(lease, 5_000);
  await history.put('a', 'leased', lease);
  await writeTree(cluster.members[0]!, 'begin');
  await history.play(operations);
  return { cluster, history };
}

for (const { name, program, end, skip } of lines) {
  test(`the directory of an etcd ${name} that was stopped or killed`, {
    skip,
  }, async (t) => {
    for (const how of isFullLength ? (['stopped', 'killed'] as const) : [end]) {
      const { cluster, history } = await used(t, [program], ['--snapshot-count=100']);
      const before = cluster.members[0]!;
      await fillLog(before, 250);
      await history.play(operations);
      // Its index goes on: a member that starts publishes itself.
      const { tree } = await cluster.agreedTree();
      const times = await leaseTimes(before);
      const members = await callGateway(before.clientUrl, '/v3/cluster/member/list', {});
      if (how === 'stopped') await before.process.stop();
      else await before.process.kill();
      closeConnections();
      const digest = digestOf(databaseOf(before));

      const after = become(cluster, before, underTest);
      await after.process.start(60_000);
      await after.process.waitForLog(tookOver);
      await history.agree();
      assert.equal((await cluster.agreedTree()).tree, tree);
      assert.deepEqual(await leaseTimes(after), times);
      assert.deepEqual(
        (await callGateway(after.clientUrl, '/v3/cluster/member/list', {}))['members'],
        members['members'],
      );
      assert.equal(digestOf(databaseOf(after)), digest);

      await history.play(operations);
      await writeTree(after, 'later');
      await fillLog(after, 250);
      await history.expire('c', 3);
      const { tree: later } = await cluster.agreedTree();
      // From now on the state is Quorate's own; the database is of no more use.
      if (how === 'stopped') await after.process.stop();
      else await after.process.kill();
      closeConnections();
      assert.equal(digestOf(databaseOf(after)), digest);
      writeFileSync(databaseOf(after), 'no more');
      await after.process.start(60_000);
      assert.ok(!after.process.runLog.includes(tookOver));
      await history.agree();
      assert.equal((await cluster.agreedTree()).tree, later);
      await after.process.kill();
      closeConnections();
    }
  });

  test(`a cluster of etcd ${name} becomes one of Quorate, member by member`, { skip }, async (t) => {
    const { cluster, history } = await used(t, [program, program, program]);
    for (const member of [...cluster.members]) {
      await member.process.stop();
      closeConnections();
      history.away.add(member.name);
      await cluster.leader();
      await history.play(operations);
      const exchanged = become(cluster, member, underTest);
      await exchanged.process.start(60_000);
      await exchanged.process.waitForLog(tookOver);
      history.away.delete(member.name);
      await cluster.leader();
      await writeTree(exchanged, exchanged.name);
      await history.play(operations);
      await cluster.agreedTree();
      for (const each of cluster.members)
        assert.equal(((await leaseTimes(each)) as { grantedTTL: string }).grantedTTL, '5000', each.name);
    }
    await history.expire('c', 3);
    await history.agree();
  });

  test(`a cluster of one that was etcd ${name}'s grows by another Quorate`, { skip }, async (t) => {
    const { cluster, history } = await used(t, [program]);
    const before = cluster.members[0]!;
    await before.process.stop();
    closeConnections();
    const after = become(cluster, before, underTest);
    await after.process.start(60_000);
    await until("the version that Quorate's members speak", async () =>
      (await after.client.get('/version')).text.includes('"etcdcluster":"3.4.0"'),
    );
    const joined = await cluster.join(underTest);
    await cluster.agreedTree();
    await history.play(operations);
    await until('one HashKV', async () => {
      const hash = ({ clientUrl }: ClusterMember): ReturnType<typeof hashKv> =>
        hashKv(clientUrl, history.revision);
      const [ours, theirs] = await Promise.all([hash(after), hash(joined)]);
      return ours.hash === theirs.hash;
    });
  });

  test(`a take-over of etcd ${name}'s database that is broken off begins anew`, { skip }, async (t) => {
    const { cluster, history } = await used(t, [program]);
    const before = cluster.members[0]!;
    // Some megabytes, so that it takes a moment.
    for (let i = 0; i < (isFullLength ? 300 : 30); i++) await history.put('dir/1', 'x'.repeat(200_000));
    await before.process.stop();
    closeConnections();
    const after = become(cluster, before, underTest);
    let brokenOff = 0;
    for (let round = 0; round < 3; round++) {
      after.process.launch();
      // The second: it was done before it could be killed.
      await after.process.waitForLog(/taking over etcd's database|ready to serve client requests/);
      await after.process.kill();
      if (!after.process.log.includes(tookOver)) brokenOff++;
    }
    t.diagnostic(`${brokenOff} times broken off`);
    await after.process.start(60_000);
    await history.agree();
    await history.play(operations);
  });

  test(`the database that a leader sent to etcd ${name}, not in place yet`, { skip }, async (t) => {
    const { cluster, history } = await used(t, [program], ['--snapshot-count=100']);
    const before = cluster.members[0]!;
    await before.process.stop();
    const older = join(temporaryFolder(t), 'db');
    copyFileSync(databaseOf(before), older);
    await before.process.start();
    closeConnections();
    await fillLog(before, 250);
    await history.play(operations);
    await before.process.stop();
    closeConnections();
    const folder = join(before.dataFolder, 'data/member/snap');
    const newest = readdirSync(folder)
      .filter((each) => each.endsWith('.snap'))
      .sort()
      .at(-1)!;
    const index = newest.slice(17, 33);
    renameSync(databaseOf(before), join(folder, `${index}.snap.db`));
    copyFileSync(older, databaseOf(before));

    const after = become(cluster, before, underTest);
    await after.process.start(60_000);
    assert.match(after.process.runLog, /\.snap\.db".*took over etcd's database/);
    await history.agree();
    // Without it the directory is not whole.
    await after.process.stop();
    closeConnections();
    rmSync(join(folder, '../state'), { recursive: true });
    rmSync(join(folder, `${index}.snap.db`));
    after.process.launch();
    assert.equal((await after.process.waitForExit()).code, 1);
    assert.match(after.process.runLog, /snap\/db ends at index \d+ of the log, but the log begins after \d+/);
  });

  test(`what of etcd ${name}'s can't be taken over is refused with a sentence`, { skip }, async (t) => {
    const { cluster } = await used(t, [program]);
    const before = cluster.members[0]!;
    const ctl = (...words: string[]): Promise<string> =>
      runV3Tool('etcdctl', `--endpoints=${before.clientUrl}`, ...words);
    await ctl('user', 'add', 'root:secret');
    await ctl('user', 'grant-role', 'root', 'root');
    await ctl('auth', 'enable');
    const elsewhere = [
      `--listen-client-urls=http://127.0.0.1:${await freePort()}`,
      `--listen-peer-urls=http://127.0.0.1:${await freePort()}`,
    ];
    const quorate = new MemberProcess(underTest, [
      ...before.process.flags.filter((flag) => !flag.startsWith('--listen-')),
      ...elsewhere,
    ]);
    t.after(() => quorate.kill());
    const refused = async (reason: RegExp): Promise<void> => {
      quorate.launch();
      assert.equal((await quorate.waitForExit()).code, 1);
      assert.match(quorate.runLog, reason);
    };
    // etcd still runs.
    await refused(/is in use|another process/);
    await before.process.stop();
    await refused(/auth is enabled in etcd's database, and this version cannot honour it/);
    const database = readFileSync(databaseOf(before));
    writeFileSync(databaseOf(before), database.subarray(0, 3 * 4096));
    await refused(/etcd's database can't be read: the bbolt database is damaged/);
    rmSync(join(before.dataFolder, 'data/member/wal'), { recursive: true });
    await refused(/is etcd's database, but there is no log in/);
  });
}
