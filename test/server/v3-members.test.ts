import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServerError } from '../../src/server/contract.ts';
import type { V3Outcome } from '../../src/server/v3-contract.ts';
import { AlarmType, type V3Request } from '../../src/wire/v3/kv-types.ts';
import { type Asked, SimulatedCluster, type SimulatedMember } from './simulated-cluster.ts';
import { bytesOf, hashOf, putOf, textAt } from './v3-requests.ts';

function propose(member: SimulatedMember, request: V3Request): Asked<V3Outcome> {
  return member.ask((done) => member.server.v3.propose(request, undefined, done));
}

async function done(cluster: SimulatedCluster, asked: Asked<V3Outcome>): Promise<V3Outcome> {
  const outcome = await cluster.value(asked);
  assert.ok(outcome.kind !== 'error', outcome.kind === 'error' ? outcome.code : '');
  return outcome;
}

describe('v3 requests in a cluster', () => {
  it('are applied by every member, whoever was asked', async () => {
    const cluster = new SimulatedCluster();
    const members = await cluster.found('a', 'b', 'c');
    for (const [i, member] of members.entries()) {
      const outcome = await done(cluster, propose(member, putOf(`key${i}`, `${i}`)));
      assert.deepEqual(
        { ...outcome, prevKv: undefined },
        { kind: 'put', revision: 2 + i, prevKv: undefined },
      );
    }
    await cluster.agree();
    for (const { server } of members) assert.equal(textAt(server.v3.kv, 'key1'), '1');
    cluster.end();
  });

  it('are there after power is lost, each once', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    for (let i = 0; i < 30; i++) {
      await done(cluster, propose(a!, putOf(`key${i % 7}`, `${i}`)));
      if (i % 5 === 0) {
        a!.crash();
        await a!.startAndServe();
      }
    }
    const { kv } = a!.server.v3;
    assert.equal(kv.revision, 31);
    assert.equal(textAt(kv, 'key1'), '29');
    const before = hashOf(kv);
    a!.crash();
    await a!.startAndServe();
    assert.equal(hashOf(a!.server.v3.kv), before);
    assert.equal(a!.server.v3.kv.revision, 31);
    cluster.end();
  });

  it('reach a member that was away for long by a snapshot', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 10 });
    const members = await cluster.found('a', 'b', 'c');
    const [away] = await cluster.followers();
    const others = members.filter((member) => member !== away);
    away!.kill();
    for (let i = 0; i < 60; i++) await done(cluster, propose(others[i % 2]!, putOf(`key${i % 9}`, `${i}`)));
    await away!.startAndServe();
    await cluster.agree();
    assert.ok(away!.log.lines.some((line) => line.startsWith('installed a snapshot')));
    assert.equal(textAt(away!.server.v3.kv, 'key5'), '59');
    // It goes on by the log, and from its own disk.
    await done(cluster, propose(away!, putOf('after', '1')));
    await cluster.agree();
    away!.crash();
    await away!.startAndServe();
    await cluster.agree();
    assert.equal(textAt(away!.server.v3.kv, 'after'), '1');
    cluster.end();
  });

  it('are answered as lost when a snapshot brought their effect before the log did', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const asked = propose(a!, putOf('key', 'value'));
    // As a snapshot of a leader that is ahead leaves it.
    a!.server.v3.kv.setApplied(1_000, 2);
    assert.equal(await cluster.error(asked), 'timeout-connection-lost');
    assert.equal(textAt(a!.server.v3.kv, 'key'), undefined);
    cluster.end();
  });

  it('are kept by the one survivor that goes on alone', async () => {
    const cluster = new SimulatedCluster({ snapshotCount: 20 });
    const [a, b, c] = await cluster.found('a', 'b', 'c');
    for (let i = 0; i < 30; i++) await done(cluster, propose(a!, putOf(`key${i}`, `${i}`)));
    // That the entry before it was committed is on the survivor's disk once this one is.
    await done(cluster, propose(a!, putOf('last', '1')));
    await cluster.agree();
    for (const member of [a!, b!, c!]) member.crash();
    b!.options = { ...b!.options, forceNewCluster: true };
    await b!.startAndServe();
    assert.equal(textAt(b!.server.v3.kv, 'key29'), '29');
    const before = b!.server.v3.kv.revision;
    await done(cluster, propose(b!, putOf('alone', '1')));
    assert.equal(textAt(b!.server.v3.kv, 'alone'), '1');
    assert.equal(b!.server.v3.kv.revision, before + 1);
    cluster.end();
  });
});

/** The TTL that a renewal is answered with. */
async function renewed(cluster: SimulatedCluster, member: SimulatedMember, id: bigint): Promise<number> {
  let answer: number | ServerError | undefined;
  const tell = (what: number | ServerError): void => {
    assert.equal(answer, undefined, 'a renewal is answered once');
    answer = what;
  };
  member.server.v3.renewLease({ id, renewed: tell, failed: tell });
  await cluster.until(() => answer !== undefined, 'the renewal is answered');
  assert.equal(typeof answer, 'number');
  return answer as unknown as number;
}

describe('leases in a cluster', () => {
  const grant = (member: SimulatedMember, id: bigint, ttl: number) =>
    member.ask<V3Outcome>((answer) => member.server.v3.grantLease(id, ttl, answer));

  it('take their keys along when they run out, also under a new leader', async () => {
    const cluster = new SimulatedCluster();
    await cluster.found('a', 'b', 'c');
    const leader = await cluster.leaderOfAll();
    await done(cluster, grant(leader, 7n, 10));
    await done(cluster, propose(leader, putOf('leased', 'x', { lease: 7n })));
    await cluster.advance(5_000);
    leader.crash();
    const next = await cluster.leaderOfAll();
    assert.equal(textAt(next.server.v3.kv, 'leased'), 'x');
    await cluster.until(() => textAt(next.server.v3.kv, 'leased') === undefined, 'the key is gone', 20_000);
    await cluster.agree();
    cluster.end();
  });

  it('live as long as they are renewed, at whatever member', async () => {
    const cluster = new SimulatedCluster();
    const members = await cluster.found('a', 'b', 'c');
    await done(cluster, grant(members[0]!, 7n, 5));
    await done(cluster, propose(members[1]!, putOf('leased', 'x', { lease: 7n })));
    for (let i = 0; i < 10; i++) {
      await cluster.advance(3_000);
      const member = members[i % 3]!;
      assert.equal(await renewed(cluster, member, 7n), 5);
    }
    assert.equal(textAt(members[2]!.server.v3.kv, 'leased'), 'x');
    let times: readonly [number, number] = [0, 0];
    const [follower] = await cluster.followers();
    follower!.server.v3.leaseTimes(7n, true, (answer) => {
      if (answer.ok) times = [answer.value.grantedTtl, answer.value.keys.length];
    });
    await cluster.until(() => times[0] !== 0, 'the leader tells');
    assert.deepEqual(times, [5, 1]);
    assert.equal(await renewed(cluster, follower!, 99n), 0, 'there is no such lease');
    cluster.end();
  });

  it('are renewed many at a time, at whatever member, and when the leader is lost meanwhile', async () => {
    const cluster = new SimulatedCluster();
    const members = await cluster.found('a', 'b', 'c');
    const leader = await cluster.leaderOfAll();
    for (let id = 1n; id <= 20n; id++) await done(cluster, grant(leader, id, 60));
    const ids = Array.from({ length: 60 }, (_, at) => BigInt((at * 7) % 21));
    const ttls = ids.map((id) => (id === 0n ? 0 : 60));
    for (const member of members) {
      assert.deepEqual(await Promise.all(ids.map((id) => renewed(cluster, member, id))), ttls);
    }
    const [follower] = await cluster.followers();
    const asked = Promise.all(ids.map((id) => renewed(cluster, follower!, id)));
    leader.crash();
    assert.deepEqual(await asked, ttls);
    cluster.end();
  });
});

describe('the quota', () => {
  it('refuses what adds data, lets the rest go on, and ends by itself', async () => {
    const cluster = new SimulatedCluster({ v3: { quotaBytes: 200_000 } });
    const [a] = await cluster.found('a');
    const value = 'x'.repeat(10_000);
    let refused: V3Outcome | undefined;
    for (let i = 0; i < 60 && refused === undefined; i++) {
      const outcome = await cluster.value(propose(a!, putOf(`key${i}`, value)));
      if (outcome.kind === 'error') refused = outcome;
      await cluster.advance(150);
    }
    assert.deepEqual(refused, { kind: 'error', code: 'no-space' });
    await cluster.until(() => a!.server.v3.alarms().length === 1, 'the alarm is raised');
    assert.deepEqual(a!.server.v3.alarms(), [{ memberId: a!.id, alarm: AlarmType.noSpace }]);
    const all: V3Request = {
      kind: 'delete-range',
      request: { key: bytesOf('key'), rangeEnd: bytesOf('kez'), prevKv: false },
    };
    await done(cluster, propose(a!, all));
    const compacted = a!.ask<V3Outcome>((answer) =>
      a!.server.v3.compact(a!.server.v3.kv.revision, true, answer),
    );
    await done(cluster, compacted);
    await cluster.until(() => a!.server.v3.alarms().length === 0, 'the alarm is taken back');
    await done(cluster, propose(a!, putOf('again', 'x')));
    cluster.end();
  });
});

it('members that hold different data are found out, and nothing is served any more', async () => {
  const cluster = new SimulatedCluster({ v3: { corruptionCheckIntervalMs: 2_000 } });
  const members = await cluster.found('a', 'b', 'c');
  await done(cluster, propose(members[0]!, putOf('key', 'value')));
  await cluster.agree();
  await cluster.advance(5_000);
  for (const { server } of members) assert.deepEqual(server.v3.alarms(), []);
  const [bad] = await cluster.followers();
  const row = { key: bytesOf('key'), value: bytesOf('rotten') };
  const request = { ...row, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  // Behind the log's back; the others make a revision of their own.
  bad!.server.v3.kv.put(request);
  const [good] = members.filter((member) => member !== bad);
  await good!.ask<V3Outcome>((answer) =>
    good!.server.v3.propose({ kind: 'lease-revoke', request: { id: 1n } }, undefined, answer),
  );
  for (const member of members)
    if (member !== bad) member.server.v3.kv.put({ ...request, value: bytesOf('sound') });
  await cluster.until(() => members.every(({ server }) => server.v3.alarms().length === 1), 'the alarm');
  assert.deepEqual(good!.server.v3.alarms(), [{ memberId: bad!.id, alarm: AlarmType.corrupt }]);
  assert.deepEqual(await cluster.value(propose(good!, putOf('key', 'x'))), {
    kind: 'error',
    code: 'corrupt',
  });
});
