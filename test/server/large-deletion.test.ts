/** Entries that take many turns: a range of many keys is deleted in slices, while everything else goes on. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V3Outcome } from '../../src/server/v3-contract.ts';
import type { V3Request } from '../../src/wire/v3/kv-types.ts';
import {
  type Asked,
  ELECTION_TICKS,
  SimulatedCluster,
  type SimulatedMember,
  TICK_MS,
} from './simulated-cluster.ts';
import { bytesOf, putOf, rangeOf, textAt } from './v3-requests.ts';

const KEYS = 40;
const ELECTION_MS = ELECTION_TICKS * TICK_MS;
const deleteAll: V3Request = {
  kind: 'delete-range',
  request: { key: bytesOf('k'), rangeEnd: bytesOf('l'), prevKv: false },
};

function propose(member: SimulatedMember, request: V3Request): Asked<V3Outcome> {
  return member.ask((done) => member.server.v3.propose(request, undefined, done));
}

async function filled(...names: readonly string[]): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ snapshotCount: 20 });
  await cluster.found(...names);
  const leader = await cluster.leaderOfAll();
  for (let i = 0; i < KEYS; i++) await cluster.value(propose(leader, putOf(`k${i}`, 'v')));
  await cluster.agree();
  return cluster;
}

/** How many of the keys a reader sees at once. */
function seenBy(member: SimulatedMember): number {
  const { kv } = member.server.v3;
  const result = kv.range(rangeOf('k', { rangeEnd: bytesOf('l') }));
  assert.ok(result.kind === 'range');
  assert.equal(result.kvs.length, result.count);
  return result.count;
}

/** Every turn of the member's event loop takes so long: in the simulation each key is a slice, so that a deletion takes KEYS times that. */
function busy(member: SimulatedMember, turnMs: number): void {
  member.process!.turnMs = turnMs;
}

describe('the deletion of many keys', () => {
  it('is seen whole or not at all, and what is behind it in the log waits', async () => {
    const cluster = await filled('a');
    const [a] = cluster.running;
    const { kv, watches } = a!.server.v3;
    const told: number[] = [];
    kv.onRevision(({ events }) => told.push(events.length));
    busy(a!, 10);
    const deleted = propose(a!, deleteAll);
    const behind = propose(a!, putOf('k1', 'new'));
    const seen = new Set<number>();
    const before = kv.revision;
    let turns = 0;
    while (deleted.answer === undefined) {
      assert.ok(turns++ < 10_000, 'it comes to an end');
      if (kv.revision === before) seen.add(seenBy(a!));
      assert.equal(behind.answer, undefined, 'nothing overtakes it');
      await cluster.advance(5);
    }
    assert.ok(turns > KEYS, `it took ${turns} looks`);
    assert.deepEqual([...seen], [KEYS]);
    const outcome = await cluster.value(deleted);
    assert.deepEqual(outcome, { kind: 'delete-range', revision: before + 1, deleted: KEYS, prevKvs: [] });
    await cluster.value(behind);
    assert.deepEqual(told, [KEYS, 1]);
    assert.equal(seenBy(a!), 1);
    assert.equal(kv.keyCount, 1);
    assert.equal(watches.revision, before + 2);
    cluster.end();
  });

  it('costs no member its leader, though it takes longer than an election', async () => {
    const cluster = await filled('a', 'b', 'c');
    const leader = await cluster.leaderOfAll();
    const term = leader.server.raftTerm;
    for (const member of cluster.running) busy(member, ELECTION_MS / 20);
    const begunMs = cluster.clock.nowMs;
    const deleted = propose(leader, deleteAll);
    // Of the v2 tree, on the same log, and of a reader who must see the deletion.
    const [follower] = await cluster.followers();
    const behind = follower!.put('a', '1');
    let served = -1;
    await cluster.until(() => follower!.server.v3.kv.keyCount === KEYS, 'the follower still has the keys');
    await cluster.advance(ELECTION_MS / 4);
    follower!.server.awaitReadIndex((error) => {
      assert.equal(error, undefined);
      served = seenBy(follower!);
    });
    await cluster.value(deleted);
    assert.ok(cluster.clock.nowMs - begunMs > ELECTION_MS, 'it took long');
    await cluster.value(behind);
    await cluster.until(() => served >= 0, 'the read is served');
    assert.equal(served, 0);
    await cluster.agree();
    assert.equal(leader.server.raftTerm, term);
    assert.ok(leader.server.isLeader);
    cluster.end();
  });

  it('is done once, also if the power fails in the middle', async () => {
    const cluster = await filled('a', 'b', 'c');
    const [a] = await cluster.followers();
    busy(a!, 10);
    const leader = await cluster.leaderOfAll();
    const deleted = propose(leader, deleteAll);
    await cluster.value(deleted);
    await cluster.value(propose(leader, putOf('after', '1')));
    // Commits of the tables go on meanwhile: none may take a part of it.
    await cluster.advance(150);
    assert.equal(seenBy(a!), KEYS, 'the follower is in the middle of it');
    a!.crash();
    await a!.startAndServe();
    await cluster.agree();
    assert.equal(textAt(a!.server.v3.kv, 'after'), '1');
    assert.equal(a!.server.v3.kv.revision, leader.server.v3.kv.revision);
    cluster.end();
  });

  it('gives way to a snapshot from the leader', async () => {
    const cluster = await filled('a', 'b', 'c');
    const [slow] = await cluster.followers();
    const leader = await cluster.leaderOfAll();
    busy(slow!, 500);
    await cluster.value(propose(leader, deleteAll));
    await cluster.advance(1_500);
    assert.equal(seenBy(slow!), KEYS, 'the follower is in the middle of it');
    const others = cluster.running.filter((member) => member !== slow).map(({ name }) => name);
    cluster.network.partition([slow!.name], others);
    for (let i = 0; i < 60; i++) await cluster.value(propose(leader, putOf(`n${i}`, 'v')));
    await cluster.advance(1_000);
    assert.equal(seenBy(slow!), KEYS, 'still');
    cluster.network.heal();
    await cluster.until(
      () => slow!.log.lines.some((line) => line.startsWith('installed a snapshot')),
      'the snapshot is there',
    );
    assert.equal(seenBy(slow!), 0);
    busy(slow!, 0);
    await cluster.agree();
    await cluster.value(propose(slow!, putOf('k1', 'again')));
    await cluster.agree();
    cluster.end();
  });

  it('is given up by a member that stops, and whoever waits is told', async () => {
    const cluster = await filled('a');
    const [a] = cluster.running;
    busy(a!, 10);
    const deleted = propose(a!, deleteAll);
    await cluster.advance(100);
    assert.equal(deleted.answer, undefined);
    await a!.stop();
    assert.equal(await cluster.error(deleted), 'stopped');
    await a!.startAndServe();
    await cluster.until(() => seenBy(a!) === 0, 'the log brings it again');
    cluster.end();
  });
});
