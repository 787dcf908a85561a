/**
 * npm's etcd3, the client most programs on Node use, against a cluster of three: every part of its interface that the server has to do with.
 * It speaks gRPC by grpc-js and keeps its own messages. QUORATE_UNDER_TEST=etcd tries the test out on real etcd.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Etcd3, EtcdLeaseInvalidError, EtcdLockFailedError, type IKeyValue } from 'etcd3';
import { Cluster } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { underTest } from '../support/program.ts';
import { until } from '../support/until.ts';

const skip = needs('quorate');

interface Seen {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly revision: string;
}

test("npm's etcd3", { skip }, async (t) => {
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
  });
  const client = new Etcd3({ hosts: cluster.members.map(({ clientUrl }) => clientUrl) });
  t.after(() => client.close());
  await t.test('puts, gets, deletions', () => keysAndValues(client));
  await t.test('ranges', () => ranges(client));
  await t.test('transactions', () => transactions(client));
  await t.test('leases, kept alive', () => leases(client));
  await t.test('watches', () => watches(client));
  await t.test('locks', () => locks(client));
  await t.test('elections', (t2) => elections(t2, client));
  await t.test('a watch goes on when its member has gone', (t2) => watchSurvives(t2, cluster));
  await t.test('the cluster and its upkeep', () => upkeep(client, cluster));
});

async function keysAndValues(client: Etcd3): Promise<void> {
  assert.equal(await client.get('kv/none').string(), null);
  await client.put('kv/a').value('one');
  assert.equal(await client.get('kv/a').string(), 'one');
  const replaced = await client.put('kv/a').value('two').getPrevious();
  assert.equal(replaced.value.toString(), 'one');
  await client.put('kv/bytes').value(Buffer.from([0, 255, 128]));
  assert.deepEqual(await client.get('kv/bytes').buffer(), Buffer.from([0, 255, 128]));
  await client.put('kv/number').value(42);
  assert.equal(await client.get('kv/number').number(), 42);
  const before = await client.get('kv/a').exec();
  assert.deepEqual({ version: before.kvs[0]!.version, count: before.count }, { version: '2', count: '1' });
  const gone = await client.delete().key('kv/a').exec();
  assert.equal(gone.deleted, '1');
  assert.equal(await client.get('kv/a').exists(), false);
  assert.equal(await client.get('kv/a').revision(before.header.revision).string(), 'two');
  await assert.rejects(async () => client.get('kv/a').revision(1_000_000_000).string(), /future revision/);
}

async function ranges(client: Etcd3): Promise<void> {
  for (const name of ['c', 'a', 'd', 'b']) await client.put(`ranges/${name}`).value(`of ${name}`);
  const all = client.getAll().prefix('ranges/');
  assert.deepEqual(
    await all.keys(),
    ['a', 'b', 'c', 'd'].map((name) => `ranges/${name}`),
  );
  assert.equal(await client.getAll().prefix('ranges/').count(), 4);
  assert.deepEqual(await client.getAll().prefix('ranges/').sort('Mod', 'Descend').limit(2).strings(), {
    'ranges/b': 'of b',
    'ranges/d': 'of d',
  });
  const inside = await client.getAll().inRange({ start: 'ranges/b', end: 'ranges/d' }).keys();
  assert.deepEqual(inside, ['ranges/b', 'ranges/c']);
  const space = client.namespace('ranges/');
  assert.equal(await space.get('a').serializable(true).string(), 'of a');
  const removed = await space.delete().all().getPrevious();
  assert.deepEqual(
    removed.map(({ key }) => key.toString()),
    ['a', 'b', 'c', 'd'].map((name) => `ranges/${name}`),
  );
}

async function transactions(client: Etcd3): Promise<void> {
  const create = (value: string) =>
    client
      .if('txn/a', 'Create', '==', 0)
      .then(client.put('txn/a').value(value), client.put('txn/b').value(value))
      .else(client.get('txn/a'))
      .commit();
  assert.equal((await create('first')).succeeded, true);
  const refused = await create('second');
  assert.equal(refused.succeeded, false);
  assert.equal(refused.responses[0]!.response_range!.kvs[0]!.value.toString(), 'first');
  const compared = await client
    .if('txn/a', 'Value', '==', 'first')
    .and('txn/b', 'Version', '<', 2)
    .then(client.delete().prefix('txn/'))
    .commit();
  assert.equal(compared.responses[0]!.response_delete_range!.deleted, '2');

  // Ten increments at once, each a transaction that is repeated until nobody was faster.
  await client.put('txn/counter').value(0);
  await Promise.all(
    Array.from({ length: 10 }, () =>
      client.stm({ retries: 1_000 }).transact(async (tx) => {
        await tx.put('txn/counter').value(((await tx.get('txn/counter').number()) ?? 0) + 1);
      }),
    ),
  );
  assert.equal(await client.get('txn/counter').number(), 10);
}

async function leases(client: Etcd3): Promise<void> {
  const lease = client.lease(100);
  const renewed = once(lease, 'keepaliveSucceeded');
  await lease.put('lease/a').value('held');
  const id = await lease.grant();
  assert.equal((await client.get('lease/a').exec()).kvs[0]!.lease, id);
  await renewed;
  assert.equal((await lease.keepaliveOnce()).TTL, '100');
  const told = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
  assert.equal(told.grantedTTL, '100');
  assert.deepEqual(
    told.keys.map((key) => key.toString()),
    ['lease/a'],
  );
  assert.ok((await client.leaseClient.leaseLeases()).leases.some(({ ID }) => ID === id));
  await lease.revoke();
  assert.equal(await client.get('lease/a').exists(), false);
  await assert.rejects(async () => client.put('lease/a').value('x').lease(id), /requested lease not found/);

  // One that nobody renews ends by itself, and its owner is told when it asks. Long enough to put the key before.
  const short = client.lease(8, { autoKeepAlive: false });
  await short.put('lease/short').value('soon gone');
  await until('the short lease gone', async () => !(await client.get('lease/short').exists()));
  await assert.rejects(short.keepaliveOnce(), EtcdLeaseInvalidError);
}

async function watches(client: Etcd3): Promise<void> {
  const seen: Seen[] = [];
  const note =
    (kind: Seen['kind']) =>
    ({ key, value, mod_revision: revision }: IKeyValue): void => {
      seen.push({ kind, key: key.toString(), value: value.toString(), revision });
    };
  const early = await client.put('watch/early').value('before');
  const watcher = await client
    .watch()
    .prefix('watch/')
    .startRevision(early.header.revision)
    .withPreviousKV()
    .create();
  const replaced: string[] = [];
  watcher.on('put', note('put'));
  watcher.on('put', (_, previous) => replaced.push(previous?.value.toString() ?? ''));
  watcher.on('delete', note('delete'));
  const deletions = await client.watch().prefix('watch/').only('delete').create();
  const deleted: string[] = [];
  deletions.on('data', ({ events }) => deleted.push(...events.map(({ type }) => String(type))));
  const late = await client.put('watch/late').value('after');
  const again = await client.put('watch/late').value('again');
  const removal = await client.delete().prefix('watch/').exec();
  await until('all events', () => seen.length >= 5 && deleted.length >= 2);
  assert.deepEqual(seen, [
    { kind: 'put', key: 'watch/early', value: 'before', revision: early.header.revision },
    { kind: 'put', key: 'watch/late', value: 'after', revision: late.header.revision },
    { kind: 'put', key: 'watch/late', value: 'again', revision: again.header.revision },
    { kind: 'delete', key: 'watch/early', value: '', revision: removal.header.revision },
    { kind: 'delete', key: 'watch/late', value: '', revision: removal.header.revision },
  ]);
  assert.deepEqual(replaced, ['', '', 'after']);
  assert.deepEqual(deleted, ['Delete', 'Delete']);
  await watcher.cancel();
  await deletions.cancel();
  await client.put('watch/unseen').value('x');
  assert.equal(seen.length, 5);
}

async function locks(client: Etcd3): Promise<void> {
  const lock = client.lock('lock/a').ttl(60);
  await lock.acquire();
  await assert.rejects(client.lock('lock/a').ttl(60).acquire(), EtcdLockFailedError);
  await lock.release();
  assert.equal(await client.lock('lock/a').do(() => 'done'), 'done');
}

async function elections(t: TestContext, client: Etcd3): Promise<void> {
  const election = client.election('chief', 60);
  const first = election.campaign('first');
  t.after(() => first.resign());
  await first.wait();
  const second = election.campaign('second');
  t.after(() => second.resign());
  const isSecondElected = second.wait();
  assert.equal(await election.leader(), 'first');
  const observer = await election.observe();
  await until('the observer has heard', () => observer.leader() === 'first');
  await first.resign();
  await isSecondElected;
  await until('the observer has heard', () => observer.leader() === 'second');
  await observer.cancel();
}

/** The client resumes behind the last revision it saw, elsewhere. */
async function watchSurvives(t: TestContext, cluster: Cluster): Promise<void> {
  const [first, second] = cluster.members;
  const writer = new Etcd3({ hosts: second!.clientUrl });
  const client = new Etcd3({ hosts: [first!.clientUrl, second!.clientUrl] });
  t.after(() => {
    writer.close();
    client.close();
  });
  const values: string[] = [];
  const watcher = await client.watch().key('survives').create();
  watcher.on('put', ({ value }) => values.push(value.toString()));
  const expected: string[] = [];
  for (const member of [first!, second!]) {
    for (let n = 0; n < 20; n++) {
      const value = `${member.name} ${n}`;
      expected.push(value);
      await writer.put('survives').value(value);
      if (n === 10 && member === first) {
        await member.process.kill();
        // Without one the next write might be done and not be answered.
        await cluster.leader();
      }
    }
    if (!first!.process.isRunning) await first!.process.start();
  }
  await until('all events', () => values.length >= expected.length);
  assert.deepEqual(values, expected);
  await watcher.cancel();
}

async function upkeep(client: Etcd3, cluster: Cluster): Promise<void> {
  const { members } = await client.cluster.memberList({});
  assert.deepEqual(
    members.map(({ name, clientURLs }) => [name, clientURLs[0]]).sort(),
    cluster.members.map(({ name, clientUrl }) => [name, clientUrl]),
  );
  const put = await client.put('upkeep').value('1');
  await client.put('upkeep').value('2');
  await client.kv.compact({ revision: put.header.revision, physical: true });
  const compacted = Number(put.header.revision) - 1;
  await assert.rejects(async () => client.get('upkeep').revision(compacted).string(), /has been compacted/);
  const { raftTerm, dbSize } = await client.maintenance.status();
  assert.ok(Number(raftTerm) > 0 && Number(dbSize) > 0);
  const snapshot = await client.maintenance.snapshot();
  let bytes = 0;
  snapshot.on('data', ({ blob }) => {
    bytes += blob.length;
  });
  await new Promise<void>((ended, failed) => snapshot.on('end', ended).on('error', failed));
  assert.ok(bytes > 0);
}
