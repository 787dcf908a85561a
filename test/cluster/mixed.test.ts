/**
 * Quorate and real etcd 3.4 in one cluster: either kind in the majority, either kind leading, either kind joining what the other
 * runs. All trees must agree, indexes included. No snapshot is needed on the way (--snapshot-count is large).
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, type Program, underTest } from '../support/program.ts';
import { until } from '../support/until.ts';
import { etcdIndexOf, expectStatus, nodeOf } from '../support/v2-client.ts';

const skip = needs('quorate', etcd.command);
const flags = ['--snapshot-count=1000000'];

/** Each kind of write, spread over the members, so that each forwards to the leader or leads itself. */
async function writeOfEachKind(members: readonly ClusterMember[], round: string): Promise<void> {
  let turn = 0;
  const next = (): ClusterMember['client'] => members[turn++ % members.length]!.client;
  for (let i = 0; i < 6; i++)
    expectStatus(await next().put(`/${round}/plain/${i}`, { value: `${round} ${i}` }), 201);
  for (let i = 0; i < 6; i++) expectStatus(await next().post(`/${round}/queue`, { value: `${i}` }), 201);
  for (let i = 0; i < 3; i++) {
    expectStatus(await next().put(`/${round}/ttl/${i}`, { value: 'kept', ttl: '1000' }), 201);
    expectStatus(await next().put(`/${round}/expires/${i}`, { value: 'short', ttl: '1' }), 201);
  }
  expectStatus(await next().put(`/${round}/folder?dir=true`, { ttl: '500' }), 201);
  expectStatus(await next().put(`/${round}/folder/中文 <&>`, { value: '值 \u2028 <b>&"' }), 201);
  expectStatus(await next().put(`/${round}/_hidden`, { value: 'h' }), 201);

  const created = expectStatus(await next().put(`/${round}/cas?prevExist=false`, { value: '0' }), 201);
  const swapped = expectStatus(await next().put(`/${round}/cas?prevValue=0`, { value: '1' }), 200);
  expectStatus(
    await next().put(`/${round}/cas?prevIndex=${nodeOf(swapped).modifiedIndex}`, { value: '2' }),
    200,
  );
  expectStatus(
    await next().put(`/${round}/cas?prevIndex=${nodeOf(created).modifiedIndex}`, { value: 'no' }),
    412,
  );
  expectStatus(await next().put(`/${round}/cas?prevExist=true`, { value: '3' }), 200);
  expectStatus(await next().put(`/${round}/cas?prevExist=false`, { value: 'no' }), 412);
  expectStatus(await next().put(`/${round}/ttl/0`, { refresh: 'true', ttl: '2000', prevExist: 'true' }), 200);

  expectStatus(await next().delete(`/${round}/plain/0`), 200);
  expectStatus(await next().delete(`/${round}/plain/1?prevValue=wrong`), 412);
  expectStatus(await next().delete(`/${round}/plain/1?prevValue=${encodeURIComponent(`${round} 1`)}`), 200);
  expectStatus(await next().delete(`/${round}/folder`), 403);
  expectStatus(await next().delete(`/${round}/folder?recursive=true`), 200);
  expectStatus(await next().get(`/v2/keys/${round}/cas?quorum=true`), 200);

  await until(`the short keys of ${round} have gone on each member`, async () => {
    const answers = await Promise.all(members.map(({ client }) => client.get(`/v2/keys/${round}/expires`)));
    return answers.every((answer) => nodeOf(answer).nodes === undefined);
  });
}

/** A watch on one member sees what another one wrote, at the same index. */
async function watchAcross(from: ClusterMember, to: ClusterMember): Promise<void> {
  const before = await from.client.get('/v2/keys/watched?quorum=true');
  const index = etcdIndexOf(before) + 1;
  const watched = to.client.get(`/v2/keys/watched?wait=true&waitIndex=${index}`);
  const written = expectStatus(await from.client.put('/watched', { value: from.name }), 200, 201);
  const event = nodeOf(expectStatus(await watched, 200));
  assert.equal(event.value, from.name);
  assert.equal(event.modifiedIndex, nodeOf(written).modifiedIndex);
}

async function bothKindsLead(t: TestContext, programs: readonly Program[]): Promise<void> {
  const cluster = await Cluster.start(t, { programs, flags });
  for (const kind of new Set(programs)) {
    const leader = await cluster.makeLead(({ process }) => process.program === kind);
    t.diagnostic(`${leader.name} (${kind.name}) leads`);
    await writeOfEachKind(cluster.members, `led-by-${kind === etcd ? 'etcd' : 'quorate'}`);
    for (const from of cluster.members) {
      for (const to of cluster.members) if (from !== to) await watchAcross(from, to);
    }
    const { index, tree } = await cluster.agreedTree();
    assert.ok(index > 40 && tree.length > 1000);
  }
  await agreeAfterRestart(cluster);
}

/** What each has on disk gives the same tree again. */
async function agreeAfterRestart(cluster: Cluster): Promise<void> {
  const before = await cluster.agreedTree();
  for (const member of cluster.members) await member.process.kill();
  await Promise.all(cluster.members.map((member) => member.process.start()));
  await cluster.leader();
  const after = await cluster.agreedTree();
  assert.equal(after.tree, before.tree);
  // Starting again, each member writes its name and URLs below the keys, which counts.
  assert.ok(after.index >= before.index);
}

test('two real etcd and one Quorate', { skip }, (t) => bothKindsLead(t, [etcd, etcd, underTest]));

test('one real etcd and two Quorate', { skip }, (t) => bothKindsLead(t, [etcd, underTest, underTest]));

async function joins(t: TestContext, founder: Program, joiner: Program): Promise<void> {
  const cluster = await Cluster.start(t, {
    programs: [founder],
    flags: [...flags, '--strict-reconfig-check=false'],
  });
  await writeOfEachKind(cluster.members, 'before');
  const joined = await cluster.join(joiner);
  await writeOfEachKind(cluster.members, 'after');
  await watchAcross(joined, cluster.members[0]!);
  await watchAcross(cluster.members[0]!, joined);
  await cluster.agreedTree();
  const third = await cluster.join(founder);
  await cluster.makeLead((member) => member === joined);
  await writeOfEachKind([third], 'led-by-the-joiner');
  await cluster.agreedTree();
}

test('Quorate joins a running etcd', { skip }, (t) => joins(t, etcd, underTest));

test('etcd joins a running Quorate', { skip }, (t) => joins(t, underTest, etcd));
