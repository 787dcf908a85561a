/** Locks and elections: who gets the turn, who waits, and what remains of those who give up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { electionMethods } from '../../../src/api/v3/concurrency/election-service.ts';
import { lockMethods } from '../../../src/api/v3/concurrency/lock-service.ts';
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from '../../../src/wire/generated/v3electionpb/election_pb.ts';
import {
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
} from '../../../src/wire/generated/v3lockpb/lock_pb.ts';
import { bytes, rangeRequest, shownKv, text } from '../../store/mvcc/requests.ts';
import type { FakeStreamCall } from '../support/fake-stream-call.ts';
import { answerOf, failureOf, Methods } from './support/calls.ts';
import { FakeMember } from './support/fake-member.ts';

class Line {
  readonly member = new FakeMember();
  readonly #methods = new Methods([
    ...lockMethods(this.member.context),
    ...electionMethods(this.member.context),
  ]);

  constructor(...leases: bigint[]) {
    for (const lease of leases) this.member.v3.leasesGranted.add(lease);
  }

  lock(lease: bigint, name = 'n'): FakeStreamCall {
    return this.#methods.call('/v3lockpb.Lock/Lock', LockRequestSchema, { name: bytes(name), lease });
  }
  unlock(key: string): FakeStreamCall {
    const call = this.#methods.call('/v3lockpb.Lock/Unlock', UnlockRequestSchema, { key: bytes(key) });
    this.member.deliver();
    return call;
  }
  campaign(lease: bigint, value: string): FakeStreamCall {
    const fields = { name: bytes('e'), lease, value: bytes(value) };
    return this.#methods.call('/v3electionpb.Election/Campaign', CampaignRequestSchema, fields);
  }
  proclaim(leader: ReturnType<typeof leaderKey> | undefined, value: string): FakeStreamCall {
    const fields = { value: bytes(value), ...(leader === undefined ? {} : { leader }) };
    const call = this.#methods.call('/v3electionpb.Election/Proclaim', ProclaimRequestSchema, fields);
    this.member.deliver();
    return call;
  }
  resign(leader: ReturnType<typeof leaderKey> | undefined): FakeStreamCall {
    const fields = leader === undefined ? {} : { leader };
    const call = this.#methods.call('/v3electionpb.Election/Resign', ResignRequestSchema, fields);
    this.member.deliver();
    return call;
  }
  leader(): FakeStreamCall {
    return this.#methods.call('/v3electionpb.Election/Leader', LeaderRequestSchema, { name: bytes('e') });
  }
  observe(): FakeStreamCall {
    return this.#methods.call('/v3electionpb.Election/Observe', LeaderRequestSchema, { name: bytes('e') });
  }
  revoke(id: bigint): void {
    this.member.v3.propose({ kind: 'lease-revoke', request: { id } }, undefined, () => {});
    this.member.deliver();
  }
  keys(): string[] {
    const result = this.member.v3.kv.range(rangeRequest('\0', '\0'));
    assert.equal(result.kind, 'range');
    return result.kvs.map(shownKv);
  }
}

function leaderKey(key: string, rev: bigint, lease: bigint) {
  return { name: bytes('e'), key: bytes(key), rev, lease };
}

function held(call: FakeStreamCall): string {
  const { key, header } = answerOf(LockResponseSchema, call);
  return `${text(key)} r${header!.revision}`;
}

test('a free lock is had at once, and by the same lease again', () => {
  const line = new Line(0x1fn);
  assert.equal(held(line.lock(0x1fn)), 'n/1f r2');
  assert.equal(held(line.lock(0x1fn)), 'n/1f r2');
  assert.deepEqual(line.keys(), ['n/1f= c2 m2 v1 L31']);
  assert.equal(held(line.lock(0n, 'other')), 'other/3e8 r3', 'a lease is granted to who brings none');
});

test('the others wait for their turn, in the order in which they came', () => {
  const line = new Line(1n, 2n, 3n);
  line.lock(1n);
  const second = line.lock(2n);
  const third = line.lock(3n);
  line.member.deliver();
  assert.equal(second.closed || third.closed, false);
  assert.equal(line.member.v3.watches.watchCount, 2);
  line.unlock('n/1');
  assert.equal(held(second), 'n/2 r5');
  assert.equal(third.closed, false);
  line.unlock('n/2');
  assert.equal(held(third), 'n/3 r6');
  assert.equal(line.member.v3.watches.watchCount, 0);
});

test('who gives up leaves no key behind, and nobody passes those before it', () => {
  const line = new Line(1n, 2n, 3n);
  line.lock(1n);
  const second = line.lock(2n);
  const third = line.lock(3n);
  second.leave();
  line.member.deliver();
  assert.deepEqual(line.keys(), ['n/1= c2 m2 v1 L1', 'n/3= c4 m4 v1 L3']);
  assert.equal(third.closed, false);
  line.revoke(1n);
  assert.equal(held(third), 'n/3 r6');
});

test('a lock whose lease ended while it waited is not given', () => {
  const line = new Line(1n, 2n);
  line.lock(1n);
  const second = line.lock(2n);
  line.revoke(2n);
  assert.equal(second.closed, false);
  line.unlock('n/1');
  assert.equal(failureOf(second), '2 mutex: session is expired');
});

test('a turn is confirmed by a read of all members', () => {
  const line = new Line(1n, 2n);
  line.lock(1n);
  const second = line.lock(2n);
  line.member.reads = [];
  line.unlock('n/1');
  assert.equal(second.closed, false);
  line.member.reads[0]!(FakeMember.timeout);
  assert.equal(failureOf(second), '2 etcdserver: request timed out');
  assert.deepEqual(line.keys(), []);
});

test('locks: what is refused', () => {
  const line = new Line(1n);
  assert.equal(failureOf(line.lock(77n)), '2 etcdserver: requested lease not found');
  assert.equal(failureOf(line.lock(-9n)), '2 etcdserver: requested lease not found');
  assert.equal(failureOf(line.unlock('')), '2 etcdserver: key is not provided');
  line.member.v3.failure = FakeMember.timeout;
  assert.equal(failureOf(line.lock(1n)), '2 etcdserver: request timed out');
  assert.equal(failureOf(line.lock(0n)), '2 etcdserver: request timed out');
});

function elected(call: FakeStreamCall): string {
  const { header, leader } = answerOf(CampaignResponseSchema, call);
  return `${text(leader!.name)} ${text(leader!.key)} rev ${leader!.rev} lease ${leader!.lease} r${header!.revision}`;
}

test('elections: the first leads, the next when it resigns', () => {
  const line = new Line(1n, 2n);
  assert.equal(failureOf(line.leader()), '2 election: no leader');
  assert.equal(elected(line.campaign(1n, 'one')), 'e e/1 rev 2 lease 1 r2');
  const second = line.campaign(2n, 'two');
  line.member.deliver();
  assert.equal(second.closed, false);
  const { header } = answerOf(ResignResponseSchema, line.resign(leaderKey('e/1', 2n, 1n)));
  assert.equal(header!.revision, 4n);
  assert.equal(elected(second), 'e e/2 rev 3 lease 2 r3');
  const { kv } = answerOf(LeaderResponseSchema, line.leader());
  assert.equal(text(kv!.value), 'two');
});

test('elections: a leader that campaigns again changes its value only', () => {
  const line = new Line(1n);
  line.campaign(1n, 'one');
  assert.equal(elected(line.campaign(1n, 'one')), 'e e/1 rev 2 lease 1 r2');
  assert.equal(elected(line.campaign(1n, 'new')), 'e e/1 rev 2 lease 1 r2');
  assert.deepEqual(line.keys(), ['e/1=new c2 m3 v2 L1']);
});

test('elections: only the leader proclaims, and resigns', () => {
  const line = new Line(1n);
  line.campaign(1n, 'one');
  const leader = leaderKey('e/1', 2n, 1n);
  assert.equal(answerOf(ProclaimResponseSchema, line.proclaim(leader, 'new')).header!.revision, 3n);
  assert.equal(failureOf(line.proclaim({ ...leader, rev: 1n }, 'x')), '2 election: not leader');
  assert.equal(
    failureOf(line.proclaim({ ...leader, lease: 77n }, 'x')),
    '2 etcdserver: requested lease not found',
  );
  assert.equal(failureOf(line.proclaim(undefined, 'x')), '2 "leader" field must be provided');
  assert.equal(failureOf(line.proclaim(leaderKey('', 2n, 1n), 'x')), '2 etcdserver: key is not provided');
  assert.equal(failureOf(line.resign(undefined)), '2 "leader" field must be provided');
  line.resign({ ...leader, rev: 1n });
  assert.deepEqual(line.keys(), ['e/1=new c2 m3 v2 L1']);
  line.resign(leader);
  assert.deepEqual(line.keys(), []);
});

test('elections: a candidate whose lease ended while it waited does not lead', () => {
  const line = new Line(1n, 2n);
  line.campaign(1n, 'one');
  const second = line.campaign(2n, 'two');
  line.revoke(2n);
  line.resign(leaderKey('e/1', 2n, 1n));
  assert.equal(failureOf(second), '2 election: not leader');
});

test('elections: who gives up a campaign leaves no key behind', () => {
  const line = new Line(1n, 2n);
  line.campaign(1n, 'one');
  line.campaign(2n, 'two').leave();
  assert.deepEqual(line.keys(), ['e/1=one c2 m2 v1 L1']);
});

function observed(call: FakeStreamCall): string[] {
  return call.written.map((message) => {
    const { header, kv } = fromBinary(LeaderResponseSchema, message);
    return `r${header!.revision} ${text(kv!.key)}=${text(kv!.value)}`;
  });
}

test('observers hear of every leader and every value, from the first on', () => {
  const line = new Line(1n, 2n);
  const observer = line.observe();
  assert.deepEqual(observed(observer), []);
  line.campaign(1n, 'one');
  line.campaign(2n, 'two');
  line.member.deliver();
  const late = line.observe();
  line.proclaim(leaderKey('e/1', 2n, 1n), 'new');
  line.resign(leaderKey('e/1', 2n, 1n));
  assert.deepEqual(observed(observer), ['r2 e/1=one', 'r4 e/1=new', 'r5 e/2=two']);
  assert.deepEqual(observed(late), ['r3 e/1=one', 'r4 e/1=new', 'r5 e/2=two']);
  line.resign(leaderKey('e/2', 3n, 2n));
  line.campaign(1n, 'again');
  line.member.deliver();
  assert.equal(observed(observer).at(-1), 'r7 e/1=again');
  observer.leave();
  late.leave();
  assert.equal(line.member.v3.watches.watchCount, 0);
});

test('an observer that reads slowly is sent nothing more, and the present value in the end', () => {
  const line = new Line(1n);
  line.campaign(1n, '0');
  const observer = line.observe();
  observer.hasRoom = false;
  for (let turn = 1; turn <= 5; turn++) line.proclaim(leaderKey('e/1', 2n, 1n), String(turn));
  assert.deepEqual(observed(observer), ['r2 e/1=0', 'r3 e/1=1']);
  observer.drain();
  line.member.deliver();
  assert.equal(observed(observer).at(-1), 'r7 e/1=5');
});
