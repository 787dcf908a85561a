import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '../../src/server/contract.ts';
import { computeClusterId, computeMemberId } from '../../src/server/membership/member-id.ts';
import {
  decodeMember,
  encodeMember,
  encodePromotion,
  MemberJsonError,
} from '../../src/server/membership/member-json.ts';
import {
  checkAdd,
  checkPromote,
  checkRemove,
  type Reachability,
} from '../../src/server/membership/reconfigure-checks.ts';
import { formatId } from '../../src/wire/id-text.ts';

describe('ids', () => {
  it("are those that the walk-through's cluster printed", () => {
    const ids = ['192.168.7.168', '192.168.7.170', '192.168.7.172'].map((host) =>
      formatId(computeMemberId([`http://${host}:2380`], 'etcd-cluster')),
    );
    assert.deepEqual(ids, ['1a661f2b9997ba39', 'c1dbdde07e61741e', '4932c8ea462e079c']);
  });

  it('do not depend on the order of URLs or members', () => {
    assert.equal(
      computeMemberId(['http://b:1', 'http://a:1'], 't'),
      computeMemberId(['http://a:1', 'http://b:1'], 't'),
    );
    assert.equal(computeClusterId([3n, 1n, 2n]), computeClusterId([1n, 2n, 3n]));
  });

  it('depend on the time of the request for a member that is added', () => {
    assert.notEqual(computeMemberId(['http://a:1'], 't', 1), computeMemberId(['http://a:1'], 't', 2));
  });
});

describe('members as JSON', () => {
  const id = 0xc1dbdde07e61741en;

  it('have the fields and the order of etcd', () => {
    const member: Member = { id, name: '', peerURLs: ['http://a:2380'], clientURLs: [], isLearner: false };
    assert.equal(encodeMember(member), `{"id":${id},"peerURLs":["http://a:2380"]}`);
    assert.equal(
      encodeMember({ ...member, name: 'a<b', clientURLs: ['http://a:2379'], isLearner: true }),
      `{"id":${id},"peerURLs":["http://a:2380"],"isLearner":true,"name":"a\\u003cb","clientURLs":["http://a:2379"]}`,
    );
  });

  it('come back as they went, ids beyond 2^53 included', () => {
    const member: Member = {
      id,
      name: 'x',
      peerURLs: ['http://a:1'],
      clientURLs: ['http://a:2'],
      isLearner: true,
    };
    assert.deepEqual(decodeMember(id, encodeMember(member)), { member, isPromote: false });
    assert.equal(decodeMember(id, encodePromotion(id)).isPromote, true);
  });

  it('are refused when malformed', () => {
    for (const text of ['', '[]', 'null', '{"peerURLs":"http://a:1"}', '{"peerURLs":[1]}', '{"name":5}']) {
      assert.throws(() => decodeMember(id, text), MemberJsonError, text);
    }
  });
});

describe('strict reconfiguration', () => {
  const member = (id: bigint, started = true, isLearner = false): Member => ({
    id,
    name: started ? `m${id}` : '',
    peerURLs: [`http://${id}:1`],
    clientURLs: [],
    isLearner,
  });
  /** Seen from member 1 at time 100,000; the named others have been reachable since the given times. */
  const seen = (since: Readonly<Record<string, number>>): Reachability => ({
    self: 1n,
    nowMs: 100_000,
    activeSinceMs: (id) => since[String(id)],
  });

  it('lets a single member grow and refuses the next one until the newcomer has started', () => {
    assert.equal(checkAdd([member(1n)], false, seen({})), undefined);
    assert.equal(checkAdd([member(1n), member(2n, false)], false, seen({})), 'not-enough-started-members');
  });

  it('refuses to add while a voter is out of reach, or back for less than five seconds', () => {
    const voters = [member(1n), member(2n), member(3n)];
    assert.equal(checkAdd(voters, false, seen({ 2: 0, 3: 0 })), undefined);
    assert.equal(checkAdd(voters, false, seen({ 2: 0 })), 'unhealthy');
    assert.equal(checkAdd(voters, false, seen({ 2: 0, 3: 96_000 })), 'unhealthy');
  });

  it('lets learners come and go without asking for a quorum of started voters', () => {
    assert.equal(checkAdd([member(1n), member(2n, false)], true, seen({ 2: 0 })), undefined);
    assert.equal(checkRemove(member(9n, true, true), 9n, [member(1n)], seen({})), undefined);
  });

  it('refuses a removal that costs the quorum, allows that of a dead member', () => {
    const voters = [member(1n), member(2n), member(3n)];
    assert.equal(checkRemove(voters[1], 2n, voters, seen({ 2: 0, 3: 0 })), undefined);
    assert.equal(checkRemove(voters[1], 2n, voters, seen({ 2: 0 })), 'unhealthy');
    assert.equal(checkRemove(voters[2], 3n, voters, seen({ 2: 0 })), undefined);
    assert.equal(
      checkRemove(voters[0], 1n, [member(1n), member(2n, false)], seen({})),
      'not-enough-started-members',
    );
  });

  it('promotes only into a configuration of which a quorum is started', () => {
    assert.equal(checkPromote([member(1n)]), undefined);
    assert.equal(
      checkPromote([member(1n), member(2n, false), member(3n, false)]),
      'not-enough-started-members',
    );
  });
});
