import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashV2Store } from '../../src/store/v2/store-hash.ts';
import { type Asked, SimulatedCluster, type SimulatedMember } from './simulated-cluster.ts';

const FULL = process.env['QUORATE_FULL'] === '1';

/** Ends the member within its n-th disk operation from now on; counts them if that never comes. */
function endAt(member: SimulatedMember, n: number, how: 'crash' | 'kill'): { readonly count: number } {
  const seen = { count: 0 };
  member.fault = () => {
    if (++seen.count === n) member[how]();
    return undefined;
  };
  return seen;
}

describe('a member alone', () => {
  /** Founds, writes, and goes on as long as it lives. */
  async function life(
    cluster: SimulatedCluster,
    member: SimulatedMember,
  ): Promise<{ key: string; asked: Asked<{ event?: { node: { modifiedIndex: number } } }> }[]> {
    const writes: { key: string; asked: Asked<never> }[] = [];
    member.start();
    await cluster.clock.runUntil(cluster.clock.nowMs + 10_000, () => member.ready);
    for (let i = 0; i < 24 && member.isRunning; i++) {
      const key = `k${i}`;
      writes.push({ key, asked: member.put(key, `v${i}`) as Asked<never> });
      // Some alone, some in one batch.
      if (i % 3 !== 0) await cluster.advance(2);
    }
    await cluster.advance(300);
    return writes;
  }

  for (const how of ['crash', 'kill'] as const) {
    it(`keeps what it acknowledged, with its index, whenever a ${how} comes`, async () => {
      const setUp = (seed: number): [SimulatedCluster, SimulatedMember] => {
        const cluster = new SimulatedCluster({ seed, snapshotCount: 8 });
        return [cluster, cluster.host('a', { state: 'new', cluster: ['a'] })];
      };
      const [whole, undisturbed] = setUp(1);
      const operations = endAt(undisturbed, -1, how);
      await life(whole, undisturbed);
      assert.ok(operations.count > 60, `only ${operations.count} operations`);
      const stride = FULL ? 1 : 7;
      for (let n = 1; n <= operations.count; n += n < 30 ? 1 : stride) {
        const [cluster, member] = setUp(n);
        endAt(member, n, how);
        const writes = await life(cluster, member);
        member.fault = () => undefined;
        if (member.isRunning) member.kill();
        await member.startAndServe();
        for (const { key, asked } of writes) {
          if (asked.answer === undefined) continue;
          assert.ok(asked.answer.ok);
          const { event } = await cluster.value(member.quorumGet(key));
          assert.equal(event?.node.value, key.replace('k', 'v'), `${key} after operation ${n}`);
          assert.equal(event.node.modifiedIndex, asked.answer.value.event?.node.modifiedIndex);
        }
        // A second restart finds the very same.
        await cluster.advance(1000);
        const before = hashV2Store(member.server.store);
        const { currentIndex } = member.server.store;
        member.kill();
        await member.startAndServe();
        // Publication counts one.
        assert.equal(member.server.store.currentIndex, currentIndex + 1, `operation ${n}`);
        assert.notEqual(before, '');
        cluster.end();
      }
    });
  }
});

describe('three founders', () => {
  it('found one cluster, whenever one of them is interrupted', async () => {
    const names = ['a', 'b', 'c'];
    for (const victim of names) {
      for (let n = 1; n <= 30; n += FULL ? 1 : 4) {
        const cluster = new SimulatedCluster({ seed: n });
        const members = names.map((name) => cluster.host(name, { state: 'new', cluster: names }));
        const one = cluster.members.get(victim)!;
        endAt(one, n, 'crash');
        for (const member of members) member.start();
        await cluster.until(() => members.every((member) => member === one || member.ready), 'two serve');
        one.fault = () => undefined;
        if (one.isRunning) one.crash();
        await cluster.value(members.find((member) => member !== one)!.put('x', '1'));
        await one.startAndServe();
        const { event } = await cluster.value(one.quorumGet('x'));
        assert.equal(event?.node.value, '1');
        await cluster.agree();
        cluster.end();
      }
    }
  });

  it('found one cluster after power was lost for all, at any time', async () => {
    const names = ['a', 'b', 'c'];
    for (let n = 10; n <= 60; n += FULL ? 1 : 2) {
      const cluster = new SimulatedCluster({ seed: 100 + n });
      const members = names.map((name) => cluster.host(name, { state: 'new', cluster: names }));
      const [first] = members;
      let count = 0;
      first!.fault = () => {
        if (++count === n) for (const member of members) member.crash();
        return undefined;
      };
      for (const member of members) member.start();
      await cluster.advance(500);
      first!.fault = () => undefined;
      for (const member of members) if (!member.isRunning) member.start();
      await cluster.until(() => members.every((member) => member.ready), `all serve after operation ${n}`);
      await cluster.value(members[n % 3]!.put('x', '1'));
      await cluster.agree();
      assert.equal(new Set(members.map(({ server }) => server.clusterId)).size, 1);
      assert.ok(members.every(({ server }) => server.members().length === 3));
      cluster.end();
    }
  });
});

describe('a clock that was set back', () => {
  it('does not mix up requests of this life with those of an earlier one in the log', async () => {
    const cluster = new SimulatedCluster();
    const bornMs = cluster.clock.nowMs;
    const [a] = await cluster.found('a');
    for (let i = 0; i < 20; i++) await cluster.value(a!.put(`k${i}`, `v${i}`));
    await cluster.advance(500);
    const hash = hashV2Store(a!.server.store);
    a!.kill();
    // openMember takes a few milliseconds, each of which is worth 256 ids.
    for (let earlierMs = 0; earlierMs < 12; earlierMs += FULL ? 0.125 : 0.5) {
      a!.options = { ...a!.options, skewMs: bornMs - cluster.clock.nowMs - earlierMs };
      a!.start();
      await cluster.until(() => a!.isRunning, 'it runs');
      // Before the log is applied again, and never acknowledged.
      for (let i = 0; i < 30; i++) a!.put('x', `${i}`);
      const { store } = a!.server;
      const { applied } = a!.opened!.raft.status();
      await cluster.until(() => a!.opened!.raft.status().applied > applied, 'the log is applied');
      assert.equal(hashV2Store(store), hash);
      a!.asked = [];
      a!.crash();
    }
    cluster.end();
  });
});
