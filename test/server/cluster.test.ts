import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimulatedCluster } from './simulated-cluster.ts';

describe('a cluster of one', () => {
  it('numbers its first write as etcd does', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a');
    const { event } = await cluster.value(a!.put('x', '1'));
    assert.equal(event?.node.modifiedIndex, 4);
    cluster.end();
  });
});

describe('a cluster of three', () => {
  it('numbers its first write as etcd does', async () => {
    const cluster = new SimulatedCluster();
    const [a] = await cluster.found('a', 'b', 'c');
    const { event } = await cluster.value(a!.put('x', '1'));
    assert.equal(event?.node.modifiedIndex, 8);
    await cluster.agree();
    cluster.end();
  });
});
