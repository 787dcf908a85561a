import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimulatedCluster, type SimulatedMember } from './simulated-cluster.ts';

const isLog = (path: string): boolean => path.includes('/wal/');
const isSnapshot = (path: string): boolean => path.includes('/snap/');

function hasInstalled(member: SimulatedMember): boolean {
  return member.log.lines.includes('installed a snapshot from the leader');
}

async function behind(
  cluster: SimulatedCluster,
  writes: number,
): Promise<[SimulatedMember, SimulatedMember]> {
  const [a] = await cluster.found('a', 'b', 'c');
  const [away] = (await cluster.followers()).filter((member) => member !== a);
  away!.crash();
  for (let i = 0; i < writes; i++) await cluster.value(a!.put(`k${i}`, 'v'));
  return [a!, away!];
}

describe('a disk that fails', () => {
  for (const [code, kind] of [
    ['ENOSPC', 'write-durably'],
    ['EIO', 'write-durably'],
  ] as const) {
    it(`stops a member alone with ${code} on ${kind}; nothing is acknowledged any more`, async () => {
      const cluster = new SimulatedCluster();
      const [a] = await cluster.found('a');
      await cluster.value(a!.put('x', 'safe'));
      const { server } = a!;
      a!.fault = (operation) => (operation.kind === kind && isLog(operation.path) ? code : undefined);
      const asked = Array.from({ length: 5 }, (_, i) => a!.put('x', `${i}`));
      await cluster.until(() => a!.stopReason !== undefined, 'it stops');
      assert.equal(a!.stopReason?.kind, 'failure');
      for (const one of asked) assert.equal(one.answer?.ok === false && one.answer.error.code, 'stopped');
      let late: unknown;
      server.awaitReadIndex((error) => {
        late = error?.code;
      });
      assert.equal(late, 'stopped');
      a!.fault = () => undefined;
      await a!.startAndServe();
      // What was never acknowledged may be there or not; what was must be.
      assert.ok(a!.local('x') === 'safe' || /^\d$/.test(a!.local('x')!));
      cluster.end();
    });
  }

  it('takes a leader out of office; the others go on with all that was acknowledged', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cluster = new SimulatedCluster({ seed });
      await cluster.found('a', 'b', 'c');
      const leader = await cluster.leaderOfAll();
      const asked = [];
      for (let i = 0; i < 20; i++) {
        if (i === 10) {
          leader.fault = ({ kind, path }) => (kind === 'write-durably' && isLog(path) ? 'EIO' : undefined);
        }
        if (leader.isRunning) asked.push({ key: `k${i}`, write: leader.put(`k${i}`, 'v') });
        await cluster.advance(1);
      }
      await cluster.until(() => !leader.isRunning, 'it stops');
      const next = await cluster.leaderOfAll();
      await cluster.value(next.put('after', 'v'));
      for (const { key, write } of asked) {
        assert.ok(write.answer !== undefined, 'everybody is answered');
        if (write.answer.ok) assert.equal(next.local(key), 'v');
      }
      leader.fault = () => undefined;
      await leader.startAndServe();
      await cluster.agree();
      cluster.end();
    }
  });

  it('stops a member that cannot save its snapshot', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 5 });
    const [a] = await cluster.found('a');
    a!.fault = ({ kind, path }) => (kind === 'sync' && isSnapshot(path) ? 'EIO' : undefined);
    const asked = [];
    for (let i = 0; i < 20 && a!.isRunning; i++) {
      asked.push({ key: `k${i}`, write: a!.put(`k${i}`, 'v') });
      await cluster.advance(5);
    }
    await cluster.until(() => a!.stopReason?.kind === 'failure', 'it stops');
    a!.fault = () => undefined;
    await a!.startAndServe();
    for (const { key, write } of asked) if (write.answer?.ok) assert.equal(a!.local(key), 'v');
    cluster.end();
  });

  it('leaves no gap in the log when a snapshot from the leader cannot be saved', async () => {
    const cluster = new SimulatedCluster({ seed: 3, snapshotCount: 40 });
    const [a, away] = await behind(cluster, 100);
    // Slow, so that batches wait behind it; then it fails.
    away.slowness = ({ kind, path }) => (kind === 'sync' && isSnapshot(path) && hasInstalled(away) ? 400 : 0);
    away.fault = ({ kind, path }) =>
      kind === 'rename' && isSnapshot(path) && hasInstalled(away) ? 'ENOSPC' : undefined;
    away.start();
    for (let i = 0; i < 150 && away.failure === undefined; i++) {
      await cluster.value(a.put('x', `${i}`));
      await cluster.advance(5);
    }
    await cluster.until(() => away.stopReason !== undefined, 'it stops');
    assert.equal(away.stopReason?.kind, 'failure');
    away.fault = () => undefined;
    await away.startAndServe();
    await cluster.agree();
    cluster.end();
  });
});

describe('an orderly stop', () => {
  it('while a snapshot from the leader is being saved waits for it', async () => {
    const cluster = new SimulatedCluster({ seed: 4, snapshotCount: 10 });
    const [a, away] = await behind(cluster, 60);
    away.slowness = ({ kind, path }) => (kind === 'sync' && isSnapshot(path) ? 400 : 0);
    away.start();
    await cluster.until(() => hasInstalled(away), 'it has the snapshot');
    await cluster.value(a.put('x', '1'));
    await away.stop();
    await away.startAndServe();
    await cluster.agree();
    cluster.end();
  });

  it('while it saves a snapshot of its own', async () => {
    const cluster = new SimulatedCluster({ seed: 5, snapshotCount: 10 });
    const [a] = await cluster.found('a');
    a!.slowness = ({ kind, path }) => (kind === 'sync' && isSnapshot(path) ? 400 : 0);
    for (let i = 0; i < 15; i++) await cluster.value(a!.put('x', `${i}`));
    await a!.stop();
    await a!.startAndServe();
    assert.equal(a!.local('x'), '14');
    cluster.end();
  });
});

describe('its own snapshot', () => {
  it('is marked only behind a snapshot from the leader that is being saved', async () => {
    const cluster = new SimulatedCluster({ seed: 6, snapshotCount: 40 });
    const [a, away] = await behind(cluster, 100);
    // The leader's takes very long, its own nothing.
    let first = true;
    away.slowness = ({ kind, path }) => {
      if (kind !== 'sync' || !isSnapshot(path) || !first || !hasInstalled(away)) return 0;
      first = false;
      return 900;
    };
    away.start();
    await cluster.until(() => away.isRunning, 'it runs');
    const { raft, storage } = away.opened!;
    const marks: number[] = [];
    const save = storage.saveSnapshot.bind(storage);
    storage.saveSnapshot = async (metadata, chunks) => {
      await save(metadata, chunks);
      marks.push(metadata.index);
      assert.ok(metadata.index <= raft.durableIndex, 'the log does not reach that far yet');
    };
    for (let i = 0; i < 150; i++) {
      await cluster.value(a.put('x', `${i}`));
      await cluster.advance(5);
    }
    await cluster.advance(2_000);
    assert.equal(away.failure, undefined);
    assert.ok(marks.length > 0);
    cluster.end();
  });
});

describe('requests beyond what fits', () => {
  it('are refused while no leader takes them', async () => {
    const cluster = new SimulatedCluster({ seed: 7 });
    await cluster.found('a', 'b', 'c');
    const [cutOff] = await cluster.followers();
    cluster.network.partition([cutOff!.name]);
    await cluster.advance(5_000);
    const value = 'x'.repeat(1024 * 1024);
    const asked = Array.from({ length: 65 }, () => cutOff!.put('x', value));
    assert.equal(asked[60]!.answer, undefined);
    assert.equal(await cluster.error(asked[64]!), 'too-many-requests');
    // Their time over, there is room again.
    assert.equal(await cluster.error(asked[0]!), 'timeout');
    await cluster.advance(1_000);
    const again = cutOff!.put('x', 'small');
    await cluster.advance(1);
    assert.equal(again.answer, undefined);
    cluster.network.heal();
    await cluster.value(again);
    cluster.end();
  });
});
