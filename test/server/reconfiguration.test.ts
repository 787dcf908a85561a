import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BootstrapError } from '../../src/server/bootstrap/initial-members.ts';
import type { Member } from '../../src/server/contract.ts';
import { type Asked, SimulatedCluster, type SimulatedMember, urlOf } from './simulated-cluster.ts';

function add(member: SimulatedMember, name: string, isLearner = false): Asked<Member> {
  return member.ask<Member>((done) => member.server.addMember([urlOf(name)], isLearner, done));
}

function remove(member: SimulatedMember, id: bigint): Asked<undefined> {
  return member.ask<undefined>((done) => member.server.removeMember(id, done));
}

function update(member: SimulatedMember, id: bigint, urls: readonly string[]): Asked<Member> {
  return member.ask<Member>((done) => member.server.updateMember(id, urls, done));
}

function promote(member: SimulatedMember, id: bigint): Asked<Member> {
  return member.ask<Member>((done) => member.server.promoteMember(id, done));
}

const FULL = process.env['QUORATE_FULL'] === '1';

/** The health check wants links that have been up for five seconds. */
const HEALTHY_MS = 6_000;

describe('a member that joins', () => {
  it('takes part, and so grows one to three, while writes go on', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 20 });
    const [a] = await cluster.found('a');
    for (const names of [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]) {
      const name = names.at(-1)!;
      await cluster.advance(HEALTHY_MS);
      for (let i = 0; i < 50; i++) await cluster.value(a!.put(`k${i}`, 'v'));
      const member = await cluster.value(add(a!, name));
      assert.deepEqual(member.peerURLs, [urlOf(name)]);
      const joiner = cluster.host(name, { state: 'existing', cluster: names });
      joiner.start();
      for (let i = 0; i < 30 && !joiner.ready; i++) {
        a!.put('x', `${i}`);
        await cluster.advance(50);
      }
      await cluster.until(() => joiner.ready, 'it serves');
      assert.equal(joiner.id, member.id);
    }
    await cluster.agree();
    for (const { server } of cluster.running) {
      assert.deepEqual(
        server
          .members()
          .map(({ name }) => name)
          .sort(),
        ['a', 'b', 'c'],
      );
    }
    // All restart into the same.
    for (const member of cluster.running) member.crash();
    for (const member of cluster.members.values()) member.start();
    await cluster.until(() => [...cluster.members.values()].every(({ ready }) => ready), 'all serve');
    await cluster.agree();
    cluster.end();
  });

  it('begins again if power is lost, whenever that is', async () => {
    for (let n = 1; n <= 40; n += FULL ? 1 : 3) {
      const cluster = new SimulatedCluster({ seed: n });
      const [a] = await cluster.found('a');
      for (let i = 0; i < 10; i++) await cluster.value(a!.put(`k${i}`, 'v'));
      await cluster.value(add(a!, 'b'));
      const joiner = cluster.host('b', { state: 'existing', cluster: ['a', 'b'] });
      let count = 0;
      joiner.fault = () => {
        if (++count === n) joiner.crash();
        return undefined;
      };
      joiner.start();
      await cluster.advance(1_000);
      joiner.fault = () => undefined;
      if (joiner.isRunning) joiner.crash();
      await joiner.startAndServe();
      await cluster.agree();
      cluster.end();
    }
  });

  it('is refused by what does not fit', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    await cluster.advance(HEALTHY_MS);
    const refusal = async (...args: Parameters<SimulatedCluster['host']>): Promise<string> => {
      const error = await cluster.host(...args).startInVain();
      assert.ok(error instanceof BootstrapError, String(error));
      return error.message;
    };
    assert.match(
      await refusal('b', { state: 'existing', cluster: ['a', 'b'] }),
      /member count is unequal: the cluster has 1 members, --initial-cluster names 2/,
    );
    await cluster.value(add(a!, 'b'));
    assert.match(
      await refusal('c', { state: 'existing', cluster: ['a', 'c'] }),
      /no match found for existing member/,
    );
    assert.match(
      await refusal('b', { state: 'existing', cluster: ['a', 'b'], serverVersion: '3.3.0' }),
      /incompatible with current running cluster: its version is 3\.4\.0/,
    );
    assert.match(
      await refusal('z', { state: 'existing', cluster: ['y', 'z'] }),
      /cannot fetch cluster info from peer urls/,
    );
    cluster.end();
  });
});

describe('a founder that has lost its data', () => {
  it('does not found the cluster again', async () => {
    const cluster = new SimulatedCluster();
    const [a, b] = await cluster.found('a', 'b', 'c');
    b!.crash();
    const again = cluster.host('b', { state: 'new', cluster: ['a', 'b', 'c'] });
    const error = await again.startInVain();
    assert.ok(error instanceof BootstrapError);
    assert.match(error.message, /has already been bootstrapped/);
    await cluster.value(a!.put('x', '1'));
    cluster.end();
  });
});

describe('a member that is removed', () => {
  it('stops, and cannot come back', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const cluster = new SimulatedCluster({ seed });
      await cluster.found('a', 'b', 'c');
      await cluster.advance(HEALTHY_MS);
      const leader = await cluster.leaderOfAll();
      const [gone] = await cluster.followers();
      const { id } = gone!;
      await cluster.value(remove(seed % 2 === 0 ? leader : gone!, id));
      await cluster.until(() => gone!.stopReason !== undefined, 'it stops');
      assert.deepEqual(gone!.stopReason, { kind: 'removed' });
      assert.equal(leader.server.isMemberRemoved(id), true);
      assert.equal(await cluster.error(remove(leader, id)), 'member-id-removed');
      gone!.start();
      await cluster.until(() => gone!.stopReason !== undefined, 'it stops again');
      assert.deepEqual(gone!.stopReason, { kind: 'removed' });
      await cluster.value(leader.put('x', '1'));
      await cluster.agree();
      cluster.end();
    }
  });

  it('learns it from the others if it was away', async () => {
    const cluster = new SimulatedCluster({ seed: 2 });
    await cluster.found('a', 'b', 'c');
    await cluster.advance(HEALTHY_MS);
    const leader = await cluster.leaderOfAll();
    const [away] = await cluster.followers();
    const { id } = away!;
    away!.crash();
    await cluster.value(remove(leader, id));
    away!.start();
    await cluster.until(() => away!.stopReason !== undefined, 'it stops');
    assert.deepEqual(away!.stopReason, { kind: 'removed' });
    cluster.end();
  });

  it('may be the leader: another follows it', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const cluster = new SimulatedCluster({ seed });
      await cluster.found('a', 'b', 'c');
      await cluster.advance(HEALTHY_MS);
      const leader = await cluster.leaderOfAll();
      const { server } = leader;
      await cluster.value(remove(leader, leader.id));
      const asked = leader.put('x', 'too late');
      await cluster.until(() => leader.stopReason !== undefined, 'it stops');
      assert.deepEqual(leader.stopReason, { kind: 'removed' });
      assert.equal(asked.calls, 1);
      const next = await cluster.leaderOfAll();
      assert.equal(next.server.members().length, 2);
      await cluster.value(next.put('y', '1'));
      await cluster.agree();
      server.stop();
      cluster.end();
    }
  });
});

describe('strict reconfiguration', () => {
  it('refuses what would cost the quorum', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    assert.equal(await cluster.error(remove(a!, a!.id)), 'not-enough-started-members');
    await cluster.value(add(a!, 'b'));
    // Two members, one of which has not started: nobody can be added, and the quorum is gone.
    assert.equal(await cluster.error(add(a!, 'c')), 'not-enough-started-members');
    await cluster.host('b', { state: 'existing', cluster: ['a', 'b'] }).startAndServe();
    const b = cluster.members.get('b')!;
    assert.equal(await cluster.error(add(a!, 'c')), 'unhealthy');
    await cluster.advance(HEALTHY_MS);
    await cluster.value(add(a!, 'c'));
    b.crash();
    await cluster.advance(100);
    assert.equal(await cluster.error(remove(a!, a!.id)), 'not-enough-started-members');
    cluster.end();
  });

  it('refuses what is wrong in itself', async () => {
    const cluster = new SimulatedCluster();
    const [a, b] = await cluster.found('a', 'b', 'c');
    await cluster.advance(HEALTHY_MS);
    assert.equal(await cluster.error(remove(a!, 99n)), 'member-id-not-found');
    assert.equal(await cluster.error(add(a!, 'b')), 'peer-url-exists');
    assert.equal(await cluster.error(update(a!, 99n, [urlOf('z')])), 'member-id-not-found');
    assert.equal(await cluster.error(update(a!, a!.id, [urlOf('b')])), 'peer-url-exists');
    const leader = await cluster.leaderOfAll();
    const [follower] = await cluster.followers();
    assert.equal(await cluster.error(promote(leader, b!.id)), 'not-learner');
    assert.equal(await cluster.error(promote(leader, 99n)), 'member-id-not-found');
    assert.equal(await cluster.error(promote(follower!, b!.id)), 'not-leader');
    await cluster.agree();
    cluster.end();
  });
});

describe('changes of the membership', () => {
  it('asked for at once come one after the other', async () => {
    const cluster = new SimulatedCluster({ strict: false });
    await cluster.found('a', 'b', 'c');
    const leader = await cluster.leaderOfAll();
    const before = cluster.clock.nowMs;
    const asked = [add(leader, 'd'), add(leader, 'e')];
    for (const one of asked) await cluster.value(one);
    assert.ok(cluster.clock.nowMs - before < 1_000, 'nobody waits for a timeout');
    assert.equal(leader.server.members().length, 5);
    cluster.end();
  });

  it('wait for a leader, until their time is over', async () => {
    const cluster = new SimulatedCluster({ seed: 2, strict: false });
    await cluster.found('a', 'b', 'c');
    const [cutOff] = await cluster.followers();
    cluster.network.partition([cutOff!.name]);
    await cluster.advance(5_000);
    const inVain = add(cutOff!, 'd');
    assert.equal(await cluster.error(inVain), 'timeout');
    const inTime = add(cutOff!, 'e');
    await cluster.advance(100);
    cluster.network.heal();
    await cluster.value(inTime);
    await cluster.agree();
    const urls = cutOff!.server.members().flatMap(({ peerURLs }) => peerURLs);
    assert.ok(urls.includes(urlOf('e')) && !urls.includes(urlOf('d')));
    cluster.end();
  });

  it('that would leave nobody are refused at once', async () => {
    const cluster = new SimulatedCluster({ strict: false });
    const [a] = await cluster.found('a');
    assert.equal(await cluster.error(remove(a!, a!.id), 10), 'not-enough-started-members');
    await cluster.value(a!.put('x', '1'));
    cluster.end();
  });

  it('give a member another address', async () => {
    const cluster = new SimulatedCluster({ seed: 3 });
    const [a, b] = await cluster.found('a', 'b', 'c');
    const moved = ['http://elsewhere:2380'];
    const member = await cluster.value(update(a!, b!.id, moved));
    assert.deepEqual(member.peerURLs, moved);
    assert.equal(member.name, 'b');
    b!.kill();
    b!.urls = moved;
    await cluster.value(a!.put('x', '1'));
    await b!.startAndServe();
    await cluster.agree();
    assert.equal(b!.local('x'), '1');
    cluster.end();
  });
});

describe('a learner', () => {
  it('follows without a vote, may move, and is promoted once it is up to date', async () => {
    const cluster = new SimulatedCluster({ seed: 4 });
    const [a] = await cluster.found('a');
    for (let i = 0; i < 50; i++) await cluster.value(a!.put(`k${i}`, 'v'));
    const { id } = await cluster.value(add(a!, 'b', true));
    await cluster.value(a!.put('x', 'needs no vote of it'));
    assert.equal(await cluster.error(promote(a!, id)), 'learner-not-ready');
    assert.equal(await cluster.error(add(a!, 'c', true)), 'too-many-learners');
    const moved = await cluster.value(update(a!, id, ['http://elsewhere:2380']));
    assert.equal(moved.isLearner, true);
    await cluster.value(update(a!, id, [urlOf('b')]));
    const b = cluster.host('b', { state: 'existing', cluster: ['a', 'b'] });
    await b.startAndServe();
    await cluster.agree();
    // The leader hears of it.
    await cluster.advance(500);
    const promoted = await cluster.value(promote(a!, id));
    assert.equal(promoted.isLearner, false);
    await cluster.agree();
    // Now its vote counts.
    cluster.network.partition(['b']);
    const asked = a!.put('x', '1');
    await cluster.advance(1_000);
    assert.equal(asked.answer, undefined);
    cluster.network.heal();
    await cluster.value(asked);
    cluster.end();
  });
});

describe('--force-new-cluster', () => {
  it('lets one survivor go on alone with all it knows', async () => {
    for (const snapshotCount of [10_000, 10]) {
      const cluster = new SimulatedCluster({ seed: 5, snapshotCount });
      const [a, b, c] = await cluster.found('a', 'b', 'c');
      for (let i = 0; i < 30; i++) await cluster.value(a!.put(`k${i}`, `v${i}`));
      await cluster.agree();
      // Processes end; a power failure could lose the word that the last entries were committed.
      await cluster.advance(500);
      for (const member of [a!, b!, c!]) member.kill();
      c!.options = { ...c!.options, forceNewCluster: true };
      await c!.startAndServe();
      assert.deepEqual(
        c!.server.members().map(({ name }) => name),
        ['c'],
      );
      for (let i = 0; i < 30; i++) assert.equal(c!.local(`k${i}`), `v${i}`);
      await cluster.value(c!.put('x', '1'));
      // The others belong to it no more.
      a!.start();
      await cluster.until(() => a!.stopReason !== undefined, 'a stops');
      assert.deepEqual(a!.stopReason, { kind: 'removed' });
      // Without the flag, it stays alone.
      c!.crash();
      c!.options = { ...c!.options, forceNewCluster: false };
      await c!.startAndServe();
      assert.equal(c!.local('x'), '1');
      assert.equal(c!.server.members().length, 1);
      cluster.end();
    }
  });
});
