import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimulatedCluster, type SimulatedMember } from './simulated-cluster.ts';

const FULL = process.env['QUORATE_FULL'] === '1';

/** One write after the other. */
async function write(cluster: SimulatedCluster, member: SimulatedMember, count: number, prefix = 'k') {
  for (let i = 0; i < count; i++) await cluster.value(member.put(`${prefix}${i}`, `v${i}`));
}

const installedSnapshot = 'installed a snapshot from the leader';

describe('a cluster of one', () => {
  it('numbers its first write as etcd does', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const { event } = await cluster.value(a!.put('x', '1'));
    assert.equal(event?.node.modifiedIndex, 4);
    assert.equal(a!.server.clusterVersion, '3.4.0');
    cluster.end();
  });

  it('cuts its log and restarts from a snapshot', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 10 });
    const [a] = await cluster.found('a');
    await write(cluster, a!, 60);
    await cluster.advance(100);
    assert.ok(a!.opened!.raft.firstIndex > 30);
    a!.crash();
    await a!.startAndServe();
    assert.ok(a!.opened!.raft.firstIndex > 50, 'it starts from a late snapshot');
    for (let i = 0; i < 60; i++) assert.equal(a!.local(`k${i}`), `v${i}`);
    cluster.end();
  });
});

describe('a cluster of three', () => {
  it('numbers its first write as etcd does', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a', 'b', 'c');
    const { event } = await cluster.value(a!.put('x', '1'));
    assert.equal(event?.node.modifiedIndex, 8);
    cluster.end();
  });

  it('takes writes on every member and holds the same everywhere', async () => {
    const cluster = new SimulatedCluster({ seed: 2 });
    const members = await cluster.found('a', 'b', 'c');
    const asked = members.flatMap((member, m) =>
      Array.from({ length: 50 }, (_, i) => member.put(`k${i % 20}`, `${m} ${i}`)),
    );
    for (const one of asked) await cluster.value(one);
    const indexes = asked.map(({ answer }) => (answer?.ok ? answer.value.event!.etcdIndex : 0));
    assert.equal(new Set(indexes).size, asked.length);
    await cluster.agree();
    assert.deepEqual(
      members.map(({ server }) => server.store.currentIndex),
      [157, 157, 157],
    );
    cluster.end();
  });

  it('brings one that was away up to date with a snapshot while writes go on', async () => {
    const cluster = new SimulatedCluster({ seed: 3, snapshotCount: 15 });
    const [a] = await cluster.found('a', 'b', 'c');
    const [away] = (await cluster.followers()).filter((member) => member !== a);
    away!.crash();
    await write(cluster, a!, 80);
    away!.start();
    for (let i = 0; i < 200; i++) {
      await cluster.value(a!.put('x', `${i}`));
    }
    await cluster.until(() => away!.ready, 'it serves again');
    assert.ok(away!.log.lines.includes(installedSnapshot));
    await cluster.agree();
    cluster.end();
  });

  it('survives power loss of one at any point of taking over a snapshot, while writes go on', async () => {
    for (let n = 1; n <= 40; n += FULL ? 1 : 4) {
      const cluster = new SimulatedCluster({ seed: n, snapshotCount: 10 });
      const [a] = await cluster.found('a', 'b', 'c');
      const [away] = (await cluster.followers()).filter((member) => member !== a);
      away!.crash();
      await write(cluster, a!, 40);
      // The file of a snapshot takes its time; what follows has to wait for it.
      away!.slowness = ({ kind, path }) => (path.includes('.snap') && kind === 'sync' ? 60 : 0);
      let count = 0;
      away!.fault = () => {
        if (away!.log.lines.includes(installedSnapshot) && ++count === n) away!.crash();
        return undefined;
      };
      away!.start();
      for (let i = 0; i < 60; i++) await cluster.value(a!.put('x', `${i}`));
      away!.fault = () => undefined;
      if (away!.isRunning) away!.crash();
      await away!.startAndServe();
      await cluster.agree();
      cluster.end();
    }
  });

  it('forgets keys when their time is over, on all members alike', async () => {
    const cluster = new SimulatedCluster({ seed: 4 });
    const names = ['a', 'b', 'c'];
    // Clocks that disagree do no harm: the leader's counts.
    const members = names.map((name, i) =>
      cluster.host(name, { state: 'new', cluster: names, skewMs: (i - 1) * 700 }),
    );
    for (const member of members) member.start();
    await cluster.until(() => members.every((member) => member.ready), 'all serve');
    const leader = await cluster.leaderOfAll();
    for (let i = 1; i <= 5; i++) {
      const expirationNs = leader.server.nowNs() + BigInt(i) * 1_000_000_000n;
      await cluster.value(leader.put(`t${i}`, 'x', { expirationNs }));
    }
    await cluster.agree();
    const { currentIndex } = leader.server.store;
    await cluster.advance(3_700);
    await cluster.agree();
    for (const member of members) {
      const left = [1, 2, 3, 4, 5].filter((i) => member.local(`t${i}`) !== undefined);
      assert.deepEqual(left, [4, 5]);
    }
    assert.equal(leader.server.store.currentIndex, currentIndex + 3);
    // A new leader goes on with it.
    leader.crash();
    await cluster.advance(10_000);
    await cluster.agree();
    for (const member of cluster.running) assert.equal(member.server.store.hasTtlNodes(), false);
    cluster.end();
  });

  it('serves once a quorum is there, however long that takes', async () => {
    const cluster = new SimulatedCluster({ seed: 5 });
    const names = ['a', 'b', 'c'];
    const [a, b] = names.map((name) => cluster.host(name, { state: 'new', cluster: names }));
    a!.start();
    await cluster.advance(30_000);
    assert.equal(a!.ready, false);
    assert.ok(a!.log.lines.some((line) => line.startsWith('could not publish this member yet')));
    b!.start();
    await cluster.until(() => a!.ready && b!.ready, 'two serve');
    // What was tried in vain is not made up for: each publishes once.
    await cluster.advance(10_000);
    assert.equal(a!.server.clusterVersion, '3.0.0');
    const { event } = await cluster.value(a!.put('x', '1'));
    assert.equal(event?.node.modifiedIndex, 3 + 2 + 1 + 1);
    cluster.end();
  });

  it('decides on the lowest version, and again when the last member is asked', async () => {
    const cluster = new SimulatedCluster({ seed: 6 });
    const names = ['a', 'b', 'c'];
    const [a, b, c] = names.map((name, i) =>
      cluster.host(name, { state: 'new', cluster: names, serverVersion: i === 1 ? '3.3.9' : '3.4.23' }),
    );
    a!.start();
    b!.start();
    await cluster.until(() => a!.ready && b!.ready, 'two serve');
    await cluster.until(() => a!.server.clusterVersion === '3.0.0', 'the lowest');
    c!.start();
    await cluster.until(() => c!.ready && c!.server.clusterVersion === '3.3.0', 'the common one');
    await cluster.agree();
    cluster.end();
  });
});
