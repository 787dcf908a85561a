import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BYTES, tagOf, VARINT, Writer } from '../../src/wire/protobuf.ts';
import { v2Request } from '../../src/wire/v2-request.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

const PUT = v2Request({ method: 'PUT', path: '/1/x' });

/** etcdserverpb.InternalRaftRequest with a header and auth's AuthEnableRequest, as a member of a mixed cluster would log it. */
function authEnable(): Uint8Array {
  const writer = new Writer();
  writer.tag(1000, BYTES).string('');
  writer.tag(100, BYTES).string('\b\u0005');
  return writer.finish();
}

describe('an entry that no member with this program can apply', () => {
  for (const waiting of [false, true]) {
    it(`stops the member with a sentence, ${waiting ? 'while requests wait' : 'with nobody waiting'}`, async () => {
      const cluster = new SimulatedCluster();
      const [a] = await cluster.found('a');
      await cluster.value(a!.put('x', '1'));
      assert.ok(a!.opened!.raft.propose([authEnable()]).ok);
      const asked = waiting ? a!.put('x', '2') : undefined;
      await cluster.until(() => a!.failure !== undefined, 'it stops');
      assert.match(a!.failure!.message, /holds a request of etcd's auth .*cannot apply/);
      if (asked !== undefined) assert.equal(await cluster.error(asked), 'stopped');
      // It stays stopped: the entry is still there.
      a!.start();
      await cluster.until(() => a!.failure !== undefined, 'it stops again');
      assert.match(a!.failure!.message, /holds a request of etcd's auth/);
      cluster.end();
    });
  }

  it('stops it if it changes the configuration in several steps', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const change = { type: 'add-learner-node', nodeId: 7n } as const;
    const context = new Uint8Array(0);
    assert.ok(a!.opened!.raft.proposeConfChange({ transition: 'auto', changes: [change], context }).ok);
    await cluster.until(() => a!.failure !== undefined, 'it stops');
    assert.match(a!.failure!.message, /changes the configuration in several steps/);
    cluster.end();
  });

  it('stops it if it cannot be decoded', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    assert.ok(a!.opened!.raft.propose([Uint8Array.of(tagOf(1, VARINT), 0xff)]).ok);
    await cluster.until(() => a!.failure !== undefined, 'it stops');
    cluster.end();
  });
});

describe('a waiter that throws', () => {
  it('stops the member: the others still get their answers', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const before = a!.put('x', '1');
    a!.server.submitV2({ ...PUT, value: '2' }, () => {
      throw new Error('a bug in an adapter');
    });
    const after = a!.put('x', '3');
    await cluster.until(() => a!.failure !== undefined, 'it stops');
    assert.equal(a!.failure!.message, 'a bug in an adapter');
    assert.equal(before.answer?.ok, true);
    assert.equal(await cluster.error(after), 'stopped');
    await a!.startAndServe();
    assert.equal(a!.local('x'), '3');
    cluster.end();
  });
});
