/** The peer port's answers: status, headers and body as etcd gives them. */
import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { encodeMessage } from '../../src/wire/raftpb.ts';
import { startMember, type TestMember, type TestMemberOptions } from './test-member.ts';

const A = 0xa1n;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const memberHeaders = {
  'X-Server-From': 'b2',
  'X-Server-Version': '3.4.23',
  'X-Min-Cluster-Version': '3.0.0',
  'X-Etcd-Cluster-ID': 'cdf818194e3a8c32',
};

function ask(
  member: TestMember,
  method: string,
  path: string,
  headers: Record<string, string> = memberHeaders,
  body?: Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${member.url}${path}`, { method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function member(t: TestContext, options: TestMemberOptions = {}): Promise<TestMember> {
  return startMember(t, A, options);
}

const heartbeat = encodeMessage({
  type: 'heartbeat',
  from: 0xb2n,
  to: A,
  term: 1,
  commit: 0,
  context: new Uint8Array(0),
});

function snapshotBody(message: Uint8Array, after = ''): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(message.length));
  return Buffer.concat([length, message, Buffer.from(after)]);
}

test('wrong methods and unknown paths', async (t) => {
  const a = await member(t);
  for (const [method, path, allow] of [
    ['GET', '/raft', 'POST'],
    ['GET', '/raft/snapshot', 'POST'],
    ['POST', '/raft/stream/message/b2', 'GET'],
    ['POST', '/members', 'GET'],
    ['PUT', '/version', 'GET'],
    ['GET', '/members/promote/1', 'POST'],
  ] as const) {
    const answer = await ask(a, method, path);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.allow, allow);
    assert.equal(answer.body, 'Method Not Allowed\n');
  }
  for (const path of ['/', '/raft/', '/raft/other', '/lease', '/members/', '/v2/keys']) {
    const answer = await ask(a, 'GET', path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body, '404 page not found\n');
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
  }
});

test('streams are refused in this order: version, cluster, path, id, removed, unknown, addressee', async (t) => {
  const a = await member(t);
  a.removed.add(0xddn);
  a.network.addPeer(0xb2n, ['http://127.0.0.1:1']);
  const to = { 'X-Raft-To': 'a1' };
  for (const [path, headers, status, body] of [
    [
      '/raft/stream/message/b2',
      { ...memberHeaders, ...to, 'X-Server-Version': '2.3.0' },
      412,
      'incompatible version',
    ],
    ['/raft/stream/message/b2', {}, 412, 'incompatible version'],
    ['/raft/stream/nothing/b2', { ...memberHeaders, 'X-Etcd-Cluster-ID': '1' }, 412, 'cluster ID mismatch'],
    ['/raft/stream/nothing/b2', memberHeaders, 404, 'invalid path'],
    ['/raft/stream/message', memberHeaders, 404, 'invalid path'],
    ['/raft/stream/message/b2/b2', memberHeaders, 404, 'invalid path'],
    ['/raft/stream/message/', memberHeaders, 404, 'invalid from'],
    ['/raft/stream/message/xyz', memberHeaders, 404, 'invalid from'],
    ['/raft/stream/msgapp/dd', memberHeaders, 410, 'removed member'],
    ['/raft/stream/msgapp/cc', memberHeaders, 404, 'error sender not found'],
    ['/raft/stream/msgapp/b2', memberHeaders, 412, 'to field mismatch'],
    ['/raft/stream/msgapp/b2', { ...memberHeaders, 'X-Raft-To': 'b2' }, 412, 'to field mismatch'],
  ] as const) {
    const answer = await ask(a, 'GET', path, headers);
    assert.equal(answer.status, status, `${path} ${body}`);
    assert.equal(answer.body, `${body}\n`);
    assert.equal(answer.headers['x-etcd-cluster-id'], 'cdf818194e3a8c32');
    assert.equal(answer.headers['x-server-version'], '3.4.23');
  }
});

test('messages: 204, or why not', async (t) => {
  const a = await member(t);
  const good = await ask(a, 'POST', '/raft', memberHeaders, heartbeat);
  assert.equal(good.status, 204);
  assert.equal(good.headers['x-etcd-cluster-id'], 'cdf818194e3a8c32');
  assert.equal(a.received.length, 1);
  const garbage = await ask(a, 'POST', '/raft', memberHeaders, Buffer.from('garbage'));
  assert.equal(garbage.status, 400);
  assert.equal(garbage.body, 'error unmarshalling raft message\n');
  const mismatch = await ask(a, 'POST', '/raft', { ...memberHeaders, 'X-Etcd-Cluster-ID': 'bad' }, heartbeat);
  assert.equal(mismatch.status, 412);
  assert.equal(mismatch.body, 'cluster ID mismatch\n');
  a.removed.add(0xb2n);
  const removed = await ask(a, 'POST', '/raft', memberHeaders, heartbeat);
  assert.equal(removed.status, 403);
  assert.equal(removed.body, '{"message":"cannot process message from removed member"}');
  assert.equal(removed.headers['content-type'], 'application/json');
  a.removed.clear();
  const elsewhere = encodeMessage({ type: 'timeout-now', from: 0xb2n, to: 0xccn, term: 1 });
  const wrong = await ask(a, 'POST', '/raft', memberHeaders, elsewhere);
  assert.equal(wrong.status, 403);
  assert.equal(wrong.body, '{"message":"cannot process message to mismatch member"}');
  assert.equal(a.received.length, 1);
});

test('snapshots of either form, with the state behind the message', async (t) => {
  const a = await member(t);
  const ours = { ...memberHeaders, 'X-Quorate-Snapshot': 'v2+v3' };
  const confState = { voters: [A], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const snapshot = encodeMessage({
    type: 'snapshot',
    from: 0xb2n,
    to: A,
    term: 1,
    snapshot: { data: Buffer.from('{}'), metadata: { index: 7, term: 1, confState } },
  });
  for (const [body, why] of [
    [snapshotBody(snapshot).subarray(0, -1), /unexpected EOF/],
    [Buffer.alloc(3), /unexpected EOF/],
    [snapshotBody(Buffer.from('garbage')), /failed to decode raft message/],
    [snapshotBody(heartbeat), /wrong raft message type/],
    [Buffer.alloc(16, 0xff), /more than the limit/],
  ] as const) {
    const answer = await ask(a, 'POST', '/raft/snapshot', ours, body);
    assert.equal(answer.status, 400, String(why));
    assert.match(answer.body, why);
  }
  assert.equal(a.received.length, 0);
  assert.equal((await ask(a, 'POST', '/raft/snapshot', ours, snapshotBody(snapshot, 'state'))).status, 204);
  assert.equal(a.received[0]?.type, 'snapshot');
  for (const headers of [memberHeaders, { ...memberHeaders, 'X-Quorate-Snapshot': 'etcd' }])
    assert.equal(
      (await ask(a, 'POST', '/raft/snapshot', headers, snapshotBody(snapshot, 'database'))).status,
      204,
    );
  assert.deepEqual(a.states.map(String), ['state', 'database', 'database']);
  assert.deepEqual(a.forms, ['quorate', 'etcd', 'etcd']);
  const piped = await ask(a, 'POST', '/raft', memberHeaders, snapshot);
  assert.equal(piped.status, 501);
});

test('probing, members and version', async (t) => {
  const a = await member(t);
  const health = await ask(a, 'GET', '/raft/probing', {});
  assert.equal(health.status, 200);
  const { OK, Now } = JSON.parse(health.body) as { OK: boolean; Now: string };
  assert.equal(OK, true);
  assert.ok(!Number.isNaN(Date.parse(Now)));
  const members = await ask(a, 'GET', '/members', {});
  assert.equal(members.headers['x-etcd-cluster-id'], 'cdf818194e3a8c32');
  assert.equal(members.headers['content-type'], 'application/json');
  assert.equal(
    members.body,
    `[{"id":161,"peerURLs":["${a.url}"],"name":"m161","clientURLs":["http://127.0.0.1:1"]}]\n`,
  );
  const version = await ask(a, 'GET', '/version', {});
  assert.equal(version.body, '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}');
});

test('promotion is handed to the server', async (t) => {
  const asked: bigint[] = [];
  const a = await member(t, {
    promoteMember(id, done) {
      asked.push(id);
      if (id === 1n) done({ ok: true });
      else if (id === 2n) done({ ok: false, error: { code: 'learner-not-ready', message: 'not ready' } });
      else if (id === 3n) done({ ok: false, error: { code: 'member-id-not-found', message: 'not found' } });
      else done({ ok: false, error: { code: 'timeout', message: 'request timed out' } });
    },
  });
  const statuses = [];
  for (const id of ['1', '2', '3', '18446744073709551615', '18446744073709551616', 'x']) {
    const answer = await ask(a, 'POST', `/members/promote/${id}`, {});
    statuses.push(`${answer.status} ${answer.body.trimEnd()}`);
  }
  assert.deepEqual(asked, [1n, 2n, 3n, 2n ** 64n - 1n]);
  assert.match(statuses[0]!, /^200 \[\{"id":161,/);
  assert.deepEqual(statuses.slice(1), [
    '412 not ready',
    '404 not found',
    '500 {"message":"Internal Server Error"}',
    '404 member 18446744073709551616 not found in cluster',
    '404 member x not found in cluster',
  ]);
});

test('a certificate that may not speak is refused everywhere', async (t) => {
  const a = await member(t, { refuseCertificate: () => 'this common name is not allowed' });
  for (const path of ['/members', '/version', '/raft/probing']) {
    const answer = await ask(a, 'GET', path, {});
    assert.equal(answer.status, 403);
    assert.equal(answer.body, 'this common name is not allowed\n');
  }
});
