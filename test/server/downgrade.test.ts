/** Downgrades of a cluster, on simulated ports: requests, what is kept of them, members that would not understand, and the end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { etcdBuckets } from '../../src/server/v3/snapshot-file.ts';
import type { DowngradeControl, V3Answer } from '../../src/server/v3-contract.ts';
import { SimulatedCluster, type SimulatedMember, urlOf } from './simulated-cluster.ts';
import { putOf } from './v3-requests.ts';

type Version = V3Answer<{ readonly version: string }>;

/** The cluster's version, or the error's code. */
async function told(
  cluster: SimulatedCluster,
  member: SimulatedMember,
  ask: (control: DowngradeControl, done: (answer: Version) => void) => void,
): Promise<string> {
  let answer: Version | undefined;
  let calls = 0;
  ask(member.server.v3.downgrade, (given) => {
    answer = given;
    calls++;
  });
  await cluster.until(() => answer !== undefined, 'an answer');
  assert.equal(calls, 1);
  return answer!.ok ? answer!.value.version : answer!.error.code;
}

const validate = (cluster: SimulatedCluster, member: SimulatedMember, version: string) =>
  told(cluster, member, (control, done) => control.validate(version, done));
const enable = (cluster: SimulatedCluster, member: SimulatedMember, version: string) =>
  told(cluster, member, (control, done) => control.enable(version, done));
const cancel = (cluster: SimulatedCluster, member: SimulatedMember) =>
  told(cluster, member, (control, done) => control.cancel(done));

/** The rows of etcd's bucket `cluster`. */
function clusterRows({ opened }: SimulatedMember): string[] {
  const { v3, cluster, raft } = opened!;
  const view = v3.backend.viewNow();
  const rows: string[] = [];
  const bucket = etcdBuckets({ view, cluster, configuration: raft.configuration }).find(
    ({ name }) => name === 'cluster',
  );
  bucket!.scan(new Uint8Array(0), (key, value) => {
    rows.push(`${new TextDecoder().decode(key)} ${new TextDecoder().decode(value)}`);
    return true;
  });
  view.release();
  return rows;
}

const versionRow = 'clusterVersion 3.4.0';
const enabledRow = 'downgrade {"target-version":"3.3.0","enabled":true}';
const endedRow = 'downgrade {"target-version":"","enabled":false}';

describe('downgrades', () => {
  it('take one minor version down as their target, in the forms that etcd reads', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    for (const fine of ['3.3.0', '3.3', '3.3.5', '3.3.0-rc1', '03.03.0', '3.3.0+x', '3.3.0-rc1+x', '3.3.0-'])
      assert.equal(await validate(cluster, a!, fine), '3.4.0', fine);
    for (const other of ['3.4.0', '3.2.0', '4.3.0', '2.3.0'])
      assert.equal(await validate(cluster, a!, other), 'downgrade-target-invalid', other);
    const malformed = [
      '',
      'x',
      '3',
      'v3.3.0',
      ' 3.3',
      '3.3.0.0',
      '3..3',
      '-3.3.0',
      '3.3.-1',
      '3.-3',
      '3.3-a',
      '3.3+z',
    ];
    for (const text of malformed) {
      assert.equal(await validate(cluster, a!, text), 'downgrade-version-format', text);
      assert.equal(await enable(cluster, a!, text), 'downgrade-version-format', text);
    }
    assert.equal(await enable(cluster, a!, '3.4'), 'downgrade-target-invalid');
    assert.equal(await cancel(cluster, a!), 'no-inflight-downgrade');
    assert.deepEqual(clusterRows(a!), [versionRow]);
    cluster.end();
  });

  it('are known to every member, whoever was asked, and canceled by any', async () => {
    const cluster = new SimulatedCluster();
    const members = await cluster.found('a', 'b', 'c');
    const [follower, other] = await cluster.followers();
    assert.equal(await enable(cluster, follower!, '3.3.7'), '3.4.0');
    for (const member of members) {
      assert.equal(await validate(cluster, member, '3.3'), 'downgrade-in-process');
      assert.equal(await enable(cluster, member, '3.3'), 'downgrade-in-process');
      assert.deepEqual(clusterRows(member), [versionRow, enabledRow]);
    }
    assert.equal(await cancel(cluster, other!), '3.4.0');
    for (const member of members) {
      assert.equal(await cancel(cluster, member), 'no-inflight-downgrade');
      assert.deepEqual(clusterRows(member), [versionRow, endedRow]);
    }
    cluster.end();
  });

  it('are kept when power is lost, with a warning', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    await enable(cluster, a!, '3.3');
    for (let life = 0; life < 2; life++) {
      a!.log.lines.length = 0;
      a!.crash();
      await a!.startAndServe();
      assert.equal(await validate(cluster, a!, '3.3'), 'downgrade-in-process');
      assert.deepEqual(clusterRows(a!), [versionRow, enabledRow]);
      // Long enough for the backend to commit: the next life finds it there.
      await cluster.advance(1_000);
    }
    assert.ok(a!.log.lines.some((line) => line.startsWith('a downgrade of the cluster is enabled')));
    assert.equal(await cancel(cluster, a!), '3.4.0');
    a!.crash();
    await a!.startAndServe();
    assert.equal(await cancel(cluster, a!), 'no-inflight-downgrade');
    cluster.end();
  });

  it('reach a member that joins by a snapshot', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 10 });
    const [a] = await cluster.found('a');
    assert.equal(await enable(cluster, a!, '3.3'), '3.4.0');
    await putMany(cluster, a!, 60);
    await cluster.advance(6_000);
    await cluster.value(a!.ask<unknown>((done) => a!.server.addMember([urlOf('b')], false, done)));
    const joiner = cluster.host('b', { state: 'existing', cluster: ['a', 'b'] });
    await joiner.startAndServe();
    await cluster.agree();
    assert.ok(joiner.log.lines.some((line) => line.startsWith('installed a snapshot')));
    assert.deepEqual(clusterRows(joiner), [versionRow, enabledRow]);
    assert.equal(await cancel(cluster, joiner), '3.4.0');
    assert.equal(await cancel(cluster, a!), 'no-inflight-downgrade');
    cluster.end();
  });

  it('are not asked for while a member may not understand, or does not answer', async () => {
    const cluster = new SimulatedCluster();
    const members = await cluster.found('a', 'b', 'c');
    const [away] = await cluster.followers();
    const asked = members.find((member) => member !== away)!;
    away!.kill();
    const before = asked.server.raftIndex;
    assert.equal(await enable(cluster, asked, '3.3'), 'downgrade-member-silent');
    assert.equal(asked.server.raftIndex, before, 'nothing went into the log');
    await away!.startAndServe();
    await cluster.agree();
    const { v3 } = away!.server;
    const { answer } = v3;
    // As an etcd 3.4, which has nothing at this path.
    v3.answer = (method, path, body, reply) => {
      if (path === '/downgrade/enabled') reply(undefined);
      else answer.call(v3, method, path, body, reply);
    };
    assert.equal(await enable(cluster, asked, '3.3'), 'downgrade-not-understood');
    v3.answer = answer;
    assert.equal(await enable(cluster, asked, '3.3'), '3.4.0');
    cluster.end();
  });

  it('end by themselves once all members say that the version is reached', async () => {
    const cluster = new SimulatedCluster({ v3: { downgradeCheckIntervalMs: 1_000 } });
    const members = await cluster.found('a', 'b', 'c');
    const [first] = members;
    assert.equal(await enable(cluster, first!, '3.3'), '3.4.0');
    await cluster.advance(20_000);
    assert.equal(first!.server.clusterVersion, '3.4.0', 'nobody has the older version yet');
    assert.equal(await validate(cluster, first!, '3.3'), 'downgrade-in-process');
    first!.kill();
    first!.options = { ...first!.options, serverVersion: '3.3.9' };
    await first!.startAndServe();
    const all = (holds: (member: SimulatedMember) => boolean) => () => members.every(holds);
    await cluster.until(
      all(({ server }) => server.clusterVersion === '3.3.0'),
      'the older version',
    );
    await cluster.until(
      all(({ server }) => server.v3.downgrade.target === undefined),
      'the end',
    );
    for (const member of members) assert.deepEqual(clusterRows(member), ['clusterVersion 3.3.0', endedRow]);
    cluster.end();
  });

  it('leave the version as it is without being asked for', async () => {
    const cluster = new SimulatedCluster();
    const [a, b] = await cluster.found('a', 'b');
    b!.kill();
    b!.options = { ...b!.options, serverVersion: '3.3.9' };
    await b!.startAndServe();
    await cluster.advance(20_000);
    assert.equal(a!.server.clusterVersion, '3.4.0');
    cluster.end();
  });

  it('are told to other members at /downgrade/enabled', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const question = async (method: string): Promise<string> => {
      let said = '';
      a!.server.v3.answer(method, '/downgrade/enabled', new Uint8Array(0), (reply) => {
        said = `${reply?.status} ${reply?.contentType} ${new TextDecoder().decode(reply?.body)}|${reply?.headers}`;
      });
      await cluster.until(() => said !== '', 'an answer');
      return said;
    };
    const clusterId = `X-Etcd-Cluster-ID: ${a!.server.clusterId.toString(16)}\r\n`;
    assert.equal(await question('GET'), `200 text/plain false|${clusterId}`);
    assert.equal(await question('POST'), '405 text/plain; charset=utf-8 Method Not Allowed\n|Allow: GET\r\n');
    await enable(cluster, a!, '3.3');
    assert.equal(await question('GET'), `200 text/plain true|${clusterId}`);
    cluster.end();
  });
});

async function putMany(cluster: SimulatedCluster, member: SimulatedMember, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await cluster.value(
      member.ask<unknown>((done) => member.server.v3.propose(putOf(`key${i % 9}`, `${i}`), undefined, done)),
    );
  }
}
