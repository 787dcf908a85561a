/**
 * Downgrades in clusters with real etcds. Beside an etcd 3.5, answers and what is kept are the same on every member, whoever was asked. With an etcd 3.4 in the
 * cluster, which would panic at the entry, nothing goes into the log.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, underTest } from '../support/program.ts';
import { until } from '../support/until.ts';
import { callGateway, type GatewayFields } from './v3-gateway.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

/** The cluster's version, or the error as the gateway gives it. */
async function downgrade({ clientUrl }: ClusterMember, body: GatewayFields): Promise<string> {
  const response = await fetch(`${clientUrl}/v3/maintenance/downgrade`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.status === 200) return String(answer['version']);
  return `${response.status} ${answer['code']} ${answer['message']}`;
}

/** As members ask one another. */
async function isEnabled({ peerUrl }: ClusterMember): Promise<string> {
  const response = await fetch(`${peerUrl}/downgrade/enabled`);
  return `${response.status} ${(await response.text()).trim()}`;
}

async function decided(cluster: Cluster): Promise<void> {
  await until('all members know of each other and of the version', async () => {
    for (const { clientUrl } of cluster.members) {
      const version = await fetch(`${clientUrl}/version`);
      if (!(await version.text()).includes('"etcdcluster":"3.4.0"')) return false;
      const { members } = await callGateway(clientUrl, '/v3/cluster/member/list', {});
      if (!(members as { clientURLs?: string[] }[]).every((each) => each.clientURLs !== undefined))
        return false;
    }
    return true;
  });
}

/** etcd's Hash, which counts the row of the downgrade, of every member once all have applied the same. */
async function equalHash(t: TestContext, cluster: Cluster): Promise<void> {
  const clients = cluster.members.map(({ clientUrl }) => new Etcd3({ hosts: clientUrl }));
  try {
    await Promise.all(clients.map((client) => client.get('any').string()));
    const hashes = await Promise.all(clients.map((client) => client.maintenance.hash({})));
    t.diagnostic(`Hash ${hashes.map(({ hash }) => hash).join(' ')}`);
    assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 1);
  } finally {
    for (const client of clients) client.close();
  }
}

const questions: readonly GatewayFields[] = [
  ...['3.3.0', '3.3', '3.3.5', '3.3.0-rc1', '03.03.0', '3.3.0+x', '3.3.0-', '3.4.0', '3.2', '4.3.0'],
  ...['', 'x', '3', 'v3.3.0', ' 3.3', '3.3.0.0', '3..3', '-3.3.0', '3.3.-1', '3.-3', '3.3-a', '3.3+z'],
].map((version) => ({ action: 'VALIDATE', version }));

test('beside an etcd 3.5: the same answers, the same rows', { skip: needsEtcd35('quorate') }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, etcd35, underTest] });
  const [first, real, last] = cluster.members as [ClusterMember, ClusterMember, ClusterMember];
  await decided(cluster);
  for (const question of [
    ...questions,
    {},
    { action: 'CANCEL' },
    { action: 7 },
    { action: 'ENABLE', version: '3.4' },
  ]) {
    assert.equal(await downgrade(first, question), await downgrade(real, question), JSON.stringify(question));
  }

  assert.equal(await downgrade(last, { action: 'ENABLE', version: '3.3.4' }), '3.4.0');
  const inProcess = '400 9 etcdserver: cluster has a downgrade job in progress';
  for (const member of cluster.members) {
    assert.equal(await isEnabled(member), '200 true', member.name);
    assert.equal(await downgrade(member, { action: 'VALIDATE', version: '3.3' }), inProcess, member.name);
    assert.equal(
      await downgrade(member, { action: 'VALIDATE', version: '3.4' }),
      '400 3 etcdserver: invalid downgrade target version',
    );
  }
  await equalHash(t, cluster);
  await first.process.kill();
  await first.process.start();
  assert.equal(await downgrade(first, { action: 'VALIDATE', version: '3.3' }), inProcess);
  await equalHash(t, cluster);

  assert.equal(await downgrade(first, { action: 'CANCEL' }), '3.4.0');
  for (const member of cluster.members) {
    assert.equal(await isEnabled(member), '200 false', member.name);
    assert.equal(
      await downgrade(member, { action: 'CANCEL' }),
      '400 9 etcdserver: no inflight downgrade job',
    );
  }
  await equalHash(t, cluster);

  // etcd 3.5 does what it is asked, and answers that the time is over.
  const late = downgrade(real, { action: 'ENABLE', version: '3.3' });
  await until('every member knows', async () => {
    const answers = await Promise.all(cluster.members.map(isEnabled));
    return answers.every((answer) => answer === '200 true');
  });
  assert.equal(await downgrade(last, { action: 'CANCEL' }), '3.4.0');
  assert.equal(await late, '503 14 etcdserver: request timed out');
  await equalHash(t, cluster);
});

test('with an etcd 3.4: refused, and it goes on', { skip: needs('quorate', etcd.command) }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, etcd, underTest] });
  const [first, real, last] = cluster.members as [ClusterMember, ClusterMember, ClusterMember];
  await decided(cluster);
  assert.equal(await isEnabled(real), '404 404 page not found');
  assert.equal(await downgrade(first, { action: 'VALIDATE', version: '3.3' }), '3.4.0');
  for (const member of [first, last])
    assert.match(
      await downgrade(member, { action: 'ENABLE', version: '3.3' }),
      /^400 9 etcdserver: .*an etcd 3\.4/,
    );
  for (const member of cluster.members)
    await callGateway(member.clientUrl, '/v3/kv/put', { key: 'YQ==', value: 'YQ==' });
  assert.equal(await isEnabled(first), '200 false');
});
