import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { test } from 'node:test';
import type { PeerAnswer, SnapshotMessage } from '../../src/ports/peer-network.ts';
import type { Entry, Message } from '../../src/raft/types.ts';
import { autoTls } from './auto-tls.ts';
import { everyKind } from './every-kind.ts';
import { plain } from './plain.ts';
import { connect, startMember, streamsUp } from './test-member.ts';

const A = 0xa1n;
const B = 0xb2n;
const C = 0xc3n;

function append(from: bigint, to: bigint, index: number, data: Uint8Array): Message {
  const entry: Entry = { index, term: 1, type: 'normal', data };
  return {
    type: 'append',
    from,
    to,
    term: 1,
    previousIndex: index - 1,
    previousTerm: 1,
    entries: [entry],
    commit: 0,
  };
}

function heartbeat(from: bigint, to: bigint, commit = 0): Message {
  return { type: 'heartbeat', from, to, term: 1, commit, context: new Uint8Array(0) };
}

test('all kinds of messages arrive as they were sent, each stream in order', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  const sent = [...everyKind(A, B), ...everyKind(A, B)];
  a.network.send(sent);
  await b.until(() => b.received.length === sent.length);
  const appends = (messages: readonly Message[]) =>
    messages.filter(({ type }) => type === 'append').map(plain);
  const others = (messages: readonly Message[]) =>
    messages.filter(({ type }) => type !== 'append').map(plain);
  assert.deepEqual(appends(b.received), appends(sent));
  assert.deepEqual(others(b.received), others(sent));
  assert.ok(a.network.activeSinceMs(B) !== undefined && b.network.activeSinceMs(A) !== undefined);
});

test('without streams messages go one a request', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  // B does not know A, so it opens no streams to it and refuses those of A.
  a.network.addPeer(B, [b.url]);
  const sent = everyKind(A, B);
  for (const message of sent) {
    const before = b.received.length;
    a.network.send([message]);
    await b.until(() => b.received.length > before);
  }
  assert.deepEqual(b.received.map(plain), sent.map(plain));
});

test('large appends keep their order and their bytes', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  const sizes = [0, 1, 70_000, 1, 1_500_000, 3_000_000, 100, 65_535, 65_536];
  const sent = sizes.map((size, i) => append(A, B, i + 1, new Uint8Array(size).fill(i)));
  a.network.send(sent.slice(0, 4));
  a.network.send(sent.slice(4));
  await b.until(() => b.received.length === sent.length);
  assert.deepEqual(b.received.map(plain), sent.map(plain));
  const [follower] = a.network.stats.followers();
  assert.equal(follower?.successCount, sent.length);
  assert.equal(a.network.stats.sentAppends().count, sent.length);
  assert.equal(b.network.stats.receivedAppends().count, sent.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(a.network.stats.counters().get(B)!.sentBytes > total);
  assert.ok(b.network.stats.counters().get(A)!.receivedBytes > total);
});

test('streams come back after the connections are cut', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  a.network.send([heartbeat(A, B, 1)]);
  await b.until(() => b.received.length === 1);
  const port = b.listener.port;
  await b.close();
  await a.until(() => a.events.includes(`unreachable ${B}`));
  assert.equal(a.network.activeSinceMs(B), undefined);
  a.log.lines.length = 0;
  const b2 = await startMember(t, B, { port });
  b2.network.addPeer(A, [a.url]);
  await Promise.all([streamsUp(a, B), streamsUp(b2, A)]);
  a.network.send([heartbeat(A, B, 2), append(A, B, 1, Buffer.from('after'))]);
  await b2.until(() => b2.received.length === 2);
  assert.ok(a.network.activeSinceMs(B) !== undefined);
});

test('a peer that reads nothing is bounded, reported, and costs the others nothing', async (t) => {
  const a = await startMember(t, A, { limits: { streamPendingBytes: 1024 * 1024 } });
  const c = await startMember(t, C);
  // B opens its streams and never reads them.
  a.network.addPeer(B, ['http://127.0.0.1:1']);
  for (const segment of ['msgapp', 'message']) {
    const socket = createConnection(a.listener.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.pause();
    socket.write(
      `GET /raft/stream/${segment}/b2 HTTP/1.1\r\nHost: a\r\nX-Server-From: b2\r\nX-Server-Version: 3.4.23\r\n` +
        'X-Min-Cluster-Version: 3.0.0\r\nX-Etcd-Cluster-ID: cdf818194e3a8c32\r\nX-Raft-To: a1\r\n\r\n',
    );
  }
  await streamsUp(a, B);
  await connect(a, c);
  const data = new Uint8Array(100_000);
  const rounds = 300;
  a.events.length = 0;
  for (let i = 1; i <= rounds; i++) {
    a.network.send([append(A, B, i, data), append(A, C, i, data), heartbeat(A, C, i)]);
    await c.until(() => c.received.length === 2 * i);
  }
  assert.ok(a.events.includes(`unreachable ${B}`));
  assert.ok(!a.events.includes(`unreachable ${C}`));
  const toB = a.network.stats.counters().get(B)!;
  assert.ok(toB.sentFailures > 0);
  // What the kernel's buffers took, plus the bound and one message.
  assert.ok(
    toB.sentBytes < 12 * 1024 * 1024,
    `${toB.sentBytes} bytes were taken for a peer that reads nothing`,
  );
  const warnings = a.log.lines.filter((line) => /sending buffer is full/.test(line.message));
  assert.equal(warnings.length, 1);
});

test('a peer that was removed is refused with 410 and told that it is gone', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  a.removed.add(B);
  a.network.removePeer(B);
  await b.until(() => b.events.includes('gone'));
  assert.equal(a.network.activeSinceMs(B), undefined);
  // Messages to it are dropped without a word.
  a.events.length = 0;
  a.network.send([heartbeat(A, B)]);
  assert.deepEqual(a.events, []);
});

test('a removed member that posts is told that it is gone; one that reached a wrong member is not', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  b.network.addPeer(C, [a.url]);
  b.network.send([heartbeat(B, C)]);
  await b.until(() => b.events.includes(`unreachable ${C}`));
  assert.ok(!b.events.includes('gone'));
  a.removed.add(B);
  b.network.send([heartbeat(B, C)]);
  await b.until(() => b.events.includes('gone'));
  assert.deepEqual(a.received, []);
});

test('members of another cluster are refused, and both logs name both clusters', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B, { clusterId: 0xbadn });
  a.network.addPeer(B, [b.url]);
  b.network.addPeer(A, [a.url]);
  const line = await b.log.line((each) => /cluster ID mismatch: peer/.test(String(each['error'])));
  assert.match(String(line['error']), /peer\[a1\]=cdf818194e3a8c32, local=bad$/);
  const refused = await a.log.line((each) => each.message === 'request cluster ID mismatch');
  assert.equal(refused['remote-peer-cluster-id'], 'bad');
  assert.equal(refused['local-member-cluster-id'], 'cdf818194e3a8c32');
  b.network.send([heartbeat(B, A)]);
  await b.until(() => b.events.includes(`unreachable ${A}`));
  assert.deepEqual(a.received, []);
});

test('members whose versions are too far apart are refused', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B, { serverVersion: '2.3.8', minClusterVersion: '2.1.0' });
  b.network.addPeer(A, [a.url]);
  await b.log.line((each) => /server version incompatibility/.test(String(each['error'])));
  await a.log.line((each) => each.message === 'failed to check version compatibility');
});

test('a joining member can answer those it does not know yet', async (t) => {
  const leader = await startMember(t, A);
  const joiner = await startMember(t, B);
  // The leader has added the joiner; the joiner has an empty log and knows nobody.
  leader.network.addPeer(B, [joiner.url]);
  leader.network.send([append(A, B, 1, Buffer.from('conf change'))]);
  await joiner.until(() => joiner.received.length === 1);
  const answer: Message = {
    type: 'append-response',
    from: B,
    to: A,
    term: 1,
    index: 1,
    reject: false,
    rejectHint: 0,
    hintTerm: 0,
  };
  joiner.network.send([answer]);
  await leader.until(() => leader.received.length === 1);
  assert.deepEqual(leader.received, [answer]);
  // Having applied the entry it opens its streams.
  joiner.network.addPeer(A, [leader.url]);
  await Promise.all([streamsUp(leader, B), streamsUp(joiner, A)]);
});

test('the next URL of a peer is tried when one fails', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  b.network.addPeer(A, [a.url]);
  a.network.addPeer(B, ['http://127.0.0.1:1', b.url]);
  await Promise.all([streamsUp(a, B), streamsUp(b, A)]);
  // The other way: the peer moves to a new URL.
  const moved = await startMember(t, C);
  moved.network.addPeer(A, [a.url]);
  a.network.addPeer(C, ['http://127.0.0.1:1']);
  a.network.updatePeer(C, [moved.url]);
  await Promise.all([streamsUp(a, C), streamsUp(moved, A)]);
});

test('a snapshot travels in a request of its own and its fate is reported', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  const data = new Uint8Array(5_000_000).fill(9);
  const message: SnapshotMessage = {
    type: 'snapshot',
    from: A,
    to: B,
    term: 3,
    snapshot: {
      data,
      metadata: {
        index: 1000,
        term: 2,
        confState: { voters: [A, B], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      },
    },
  };
  let ended = 0;
  async function* state(pieces: number): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; i < pieces; i++) yield new Uint8Array(100_000).fill(i);
    } finally {
      ended++;
    }
  }
  a.network.sendSnapshot(message, state(100));
  await a.until(() => a.events.includes(`snapshot ${B} sent`));
  assert.deepEqual(b.received.map(plain), [plain(message)]);
  const expected = Buffer.concat(Array.from({ length: 100 }, (_, i) => Buffer.alloc(100_000, i)));
  assert.ok(b.states[0]!.equals(expected), 'the state came as it was sent');
  assert.equal(ended, 1);
  assert.equal(a.network.stats.counters().get(B)!.snapshotSendSuccess, 1);
  assert.equal(b.network.stats.counters().get(A)!.snapshotReceiveSuccess, 1);
  // The same in the form that any member takes.
  assert.equal(a.network.snapshotFormOf(B), 'quorate');
  a.network.sendSnapshot(message, state(2), 'etcd');
  await b.until(() => b.forms.length === 2);
  assert.deepEqual(b.forms, ['quorate', 'etcd']);
  assert.equal(b.states[1]!.length, 200_000);
  assert.equal(ended, 2);
  // To a peer that is not there it fails.
  await b.close();
  a.network.sendSnapshot(message, state(100));
  await a.until(() => a.events.includes(`snapshot ${B} failed`));
});

test('a connection for a snapshot is made once there is something to send, however long that takes', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  const confState = { voters: [A, B], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  let give = (): void => {};
  const ready = new Promise<void>((resolve) => {
    give = resolve;
  });
  async function* slow(): AsyncGenerator<Uint8Array> {
    await ready;
    yield Buffer.from('at last');
  }
  const snapshot = { data: new Uint8Array(1), metadata: { index: 1, term: 1, confState } };
  a.network.sendSnapshot({ type: 'snapshot', from: A, to: B, term: 1, snapshot }, slow(), 'etcd');
  const question = {
    method: 'POST',
    path: '/leases',
    contentType: 'text/plain',
    body: Buffer.from('?'),
  } as const;
  // Long enough for a request that was made before to arrive before.
  await new Promise<PeerAnswer>((resolve) => a.network.ask(B, { ...question, timeoutMs: 60_000 }, resolve));
  assert.equal(b.network.stats.counters().get(A)!.snapshotReceiveInFlight, 0);
  assert.equal(a.network.stats.counters().get(B)!.snapshotSendInFlight, 1);
  give();
  await a.until(() => a.events.includes(`snapshot ${B} sent`));
  assert.equal(String(b.states[0]), 'at last');
  // One that fails before it begins.
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield await Promise.reject(new Error('no disk'));
  }
  a.network.sendSnapshot({ type: 'snapshot', from: A, to: B, term: 1, snapshot }, broken(), 'etcd');
  await a.until(() => a.events.includes(`snapshot ${B} failed`));
  assert.equal(a.network.stats.counters().get(B)!.snapshotSendInFlight, 0);
});

test('a question is answered by the member asked, and by nobody when it is gone', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  const question = {
    method: 'POST',
    path: '/leases',
    contentType: 'application/protobuf',
    body: Buffer.from('how long?'),
    timeoutMs: 60_000,
  } as const;
  const ask = (path: string): Promise<PeerAnswer> =>
    new Promise((resolve) => a.network.ask(B, { ...question, path }, resolve));
  const answer = await ask('/leases');
  assert.equal(answer.status, 200);
  assert.equal(String(answer.status !== undefined && answer.body), 'POST /leases how long?');
  assert.equal((await ask('/nowhere')).status, 404);
  await b.close();
  assert.equal((await ask('/leases')).status, undefined);
});

test('a snapshot is not sent to a peer that has not said it understands ours', async (t) => {
  const a = await startMember(t, A);
  a.network.addPeer(B, ['http://127.0.0.1:1']);
  let returned = 0;
  const end: IteratorResult<Uint8Array> = { done: true, value: undefined };
  const state: AsyncIterator<Uint8Array> = {
    next: () => Promise.resolve(end),
    return() {
      returned++;
      return Promise.resolve(end);
    },
  };
  const confState = { voters: [A], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  a.network.sendSnapshot(
    {
      type: 'snapshot',
      from: A,
      to: B,
      term: 1,
      snapshot: { data: new Uint8Array(1), metadata: { index: 1, term: 1, confState } },
    },
    { [Symbol.asyncIterator]: () => state },
  );
  assert.equal(a.network.snapshotFormOf(B), undefined);
  assert.equal(returned, 1, 'what the state holds is given back');
  assert.deepEqual(a.events, [], 'nothing is reported from inside send');
  await a.until(() => a.events.includes(`snapshot ${B} failed`));
  await a.log.line((line) => /it has not answered so far/.test(line.message));
});

test('idle streams live by heartbeats, and a silent one is given up', async (t) => {
  // Three heartbeats long, so that this process may stand still for two of them.
  const limits = { readTimeoutMs: 3_000 };
  const a = await startMember(t, A, { limits });
  const b = await startMember(t, B, { limits });
  await connect(a, b);
  const since = a.network.activeSinceMs(B)!;
  const before = b.network.stats.counters().get(A)!.receivedBytes;
  // C speaks HTTP and then says nothing more.
  const silent = createServer((_request, response) => {
    response.setHeader('X-Server-Version', '3.4.23');
    response.writeHead(200).flushHeaders();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close().closeAllConnections());
  const { port } = silent.address() as AddressInfo;
  a.network.addPeer(C, [`http://127.0.0.1:${port}`]);
  const line = await a.log.line(
    (each) => each['remote-peer-id'] === 'c3' && /no data for 3000 ms/.test(String(each['error'])),
  );
  assert.equal(line.level, 'warn');
  // So much silence has passed between A and B as well, but for heartbeats.
  assert.equal(a.network.activeSinceMs(B), since);
  assert.ok(b.network.stats.counters().get(A)!.receivedBytes > before);
  assert.equal(b.network.stats.counters().get(A)!.disconnects, 0);
});

test('members speak TLS, and one that does not is not heard', async (t) => {
  const tls = await autoTls();
  const a = await startMember(t, A, tls);
  const b = await startMember(t, B, tls);
  await connect(a, b);
  const sent = [heartbeat(A, B, 7), append(A, B, 1, new Uint8Array(300_000).fill(3))];
  a.network.send(sent);
  await b.until(() => b.received.length === 2);
  const byType = [...b.received].sort((x, y) => (x.type < y.type ? 1 : -1));
  assert.deepEqual(byType.map(plain), sent.map(plain));
  const c = await startMember(t, C);
  c.network.addPeer(A, [a.url.replace('https:', 'http:')]);
  c.network.send([heartbeat(C, A)]);
  await c.until(() => c.events.includes(`unreachable ${A}`));
  assert.deepEqual(a.received, []);
});

test('a stopped network says so and sends nothing', async (t) => {
  const a = await startMember(t, A);
  const b = await startMember(t, B);
  await connect(a, b);
  await a.network.stop();
  a.network.send([heartbeat(A, B)]);
  const answer = await fetch(`${a.url}/raft`, { method: 'POST', body: 'x' });
  assert.equal(answer.status, 503);
  await b.log.line((line) => /unhandled http status 503/.test(String(line['error'])));
  assert.deepEqual(b.received, []);
});
