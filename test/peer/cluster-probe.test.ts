import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createClusterProbe } from '../../src/peer/cluster-probe.ts';
import { nodeClock } from '../../src/platform/node-clock.ts';
import { PeerProbeError } from '../../src/ports/peer-network.ts';
import { CLUSTER_ID, startMember } from './test-member.ts';

const probe = createClusterProbe({ clock: nodeClock });

/** A server that gives `answer` to everything; without one it never answers. */
async function serve(
  t: TestContext,
  answer?: { status?: number; headers?: Record<string, string>; body: string },
) {
  const server = createServer((_request, response) => {
    if (answer !== undefined) response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the first URL that answers counts', async (t) => {
  const a = await startMember(t, 0xa1n);
  const { clusterId, members } = await probe.members(['http://127.0.0.1:1', a.url], 60_000);
  assert.equal(clusterId, CLUSTER_ID);
  assert.deepEqual(members, [
    { id: 0xa1n, name: 'm161', peerURLs: [a.url], clientURLs: ['http://127.0.0.1:1'], isLearner: false },
  ]);
  assert.deepEqual(await probe.version([a.url], 60_000), { server: '3.4.23', cluster: '3.4.0' });
});

test('the error names every URL and what was wrong with it', async (t) => {
  const id = { 'X-Etcd-Cluster-ID': '1' };
  const urls = [
    'http://127.0.0.1:1',
    await serve(t, { status: 503, body: 'not now\n' }),
    await serve(t, { headers: id, body: 'hello' }),
    await serve(t, { headers: id, body: '[]' }),
    await serve(t, { body: '[{"id":1,"peerURLs":[]}]' }),
    await serve(t),
    'not a URL',
  ];
  // Long enough for those that do answer, on a machine that is busy with other things.
  const timeoutMs = 3_000;
  const failed = probe.members(urls, timeoutMs);
  await assert.rejects(failed, (error) => {
    assert.ok(error instanceof PeerProbeError);
    assert.deepEqual(
      error.failures.map(({ url }) => url),
      urls,
    );
    const reasons = error.failures.map(({ reason }) => reason);
    assert.match(reasons[0]!, /ECONNREFUSED/);
    assert.match(reasons[1]!, /^status 503: not now$/);
    assert.match(reasons[2]!, /JSON/);
    assert.match(reasons[3]!, /no members/);
    assert.match(reasons[4]!, /no valid X-Etcd-Cluster-ID/);
    assert.match(reasons[5]!, /3000 ms/);
    assert.match(reasons[6]!, /Invalid URL/);
    for (const { url, reason } of error.failures) assert.ok(error.message.includes(`${url} (${reason})`));
    return true;
  });
  await assert.rejects(probe.version([urls[2]!], timeoutMs), PeerProbeError);
  await assert.rejects(probe.version([], timeoutMs), /no URL/);
});
