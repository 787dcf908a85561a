/** Clients that want a leader (metadata hasleader) hear when there is none: at once, or when their stream has been without for long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_MEMBER } from '../../../src/raft/types.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';
import { failureOf } from './support/calls.ts';
import { FakeMember } from './support/fake-member.ts';

const ELECTION_TIMEOUT_MS = 1000;
const NO_LEADER = '14 etcdserver: no leader';

class WantingCall extends FakeStreamCall {
  override metadata(name?: string): undefined {
    return (name === 'hasleader' ? 'true' : undefined) as undefined;
  }
}

test('a request is refused while there is no leader, if it wants one', () => {
  const member = new FakeMember();
  assert.equal(member.context.refuse(new WantingCall(), false), undefined);
  member.loseLeader();
  assert.equal(member.context.refuse(new WantingCall(), false)?.message, 'etcdserver: no leader');
  assert.equal(member.context.refuse(new FakeStreamCall(), false), undefined);
});

test('a stream ends after three election timeouts without a leader, not before', () => {
  const member = new FakeMember();
  const wanting = new WantingCall();
  const content = new FakeStreamCall();
  assert.equal(member.context.refuseStream(wanting, false), undefined);
  assert.equal(member.context.refuseStream(content, false), undefined);
  const leader = member.server.leaderId;
  member.loseLeader();
  member.clock.advance(2 * ELECTION_TIMEOUT_MS);
  member.server.leaderId = leader;
  member.clock.advance(ELECTION_TIMEOUT_MS);
  member.server.leaderId = NO_MEMBER;
  member.clock.advance(2 * ELECTION_TIMEOUT_MS);
  assert.equal(wanting.closed, false);
  member.clock.advance(ELECTION_TIMEOUT_MS);
  assert.equal(failureOf(wanting), NO_LEADER);
  assert.equal(content.closed, false);
});

test('streams that come after such an end are looked after, too', () => {
  const member = new FakeMember();
  const leader = member.server.leaderId;
  for (let round = 0; round < 2; round++) {
    const call = new WantingCall();
    member.context.refuseStream(call, false);
    member.loseLeader();
    member.clock.advance(2 * ELECTION_TIMEOUT_MS);
    assert.equal(call.closed, false);
    member.clock.advance(ELECTION_TIMEOUT_MS);
    assert.equal(failureOf(call), NO_LEADER);
    member.server.leaderId = leader;
  }
});

test("a stream's own callback for its end stays its own", () => {
  const member = new FakeMember();
  const call = new WantingCall();
  member.context.refuseStream(call, false);
  let ends = 0;
  call.onClose(() => ends++);
  call.leave();
  member.loseLeader();
  member.clock.advance(10 * ELECTION_TIMEOUT_MS);
  assert.equal(ends, 1);
  assert.equal(failureOf(call), 'none');
});

test('a learner serves only what learners may', () => {
  const member = new FakeMember();
  member.server.list = member.server.list.map((each) => ({ ...each, isLearner: true }));
  assert.equal(
    member.context.refuse(new FakeStreamCall(), false)?.message,
    'etcdserver: rpc not supported for learner',
  );
  assert.equal(member.context.refuse(new FakeStreamCall(), true), undefined);
});
