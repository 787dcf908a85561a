/** The links the chaos run's members talk over: what is sent arrives as the link allows, or not. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Links } from '../../chaos/link.ts';
import { PeerProxy } from '../../chaos/peer-proxy.ts';
import { freePort } from '../support/free-ports.ts';
import { seededRandom } from '../support/seeded-random.ts';

const head = 'GET /raft/stream HTTP/1.1\r\nX-PeerURLs: http://a:1,http://a:2\r\n\r\n';

/** A member b that answers each chunk with itself in capitals, behind its proxy; a is who dials. */
async function echoing(t: TestContext): Promise<{ links: Links; dial: () => Promise<Socket> }> {
  const links = new Links();
  const member = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => socket.write(bytes.toString().toUpperCase()));
  });
  const memberPort = await freePort();
  const listenPort = await freePort();
  member.listen(memberPort, '127.0.0.1');
  await once(member, 'listening');
  const nameOf = (url: string): string => (url === 'http://a:1' ? 'a' : '');
  const proxy = await PeerProxy.open({
    name: 'b',
    listenPort,
    memberPort,
    links,
    random: seededRandom(1),
    nameOf,
  });
  t.after(() => {
    proxy.close();
    member.close();
  });
  const dial = async (): Promise<Socket> => {
    const socket = connect(listenPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.setEncoding('utf8');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { links, dial };
}

async function read(socket: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(socket, 'data'))[0]);
  return text;
}

/** Unlike `once`, content with an error before. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

test('an open link passes everything on, in order', async (t) => {
  const { dial } = await echoing(t);
  const socket = await dial();
  socket.write(head.slice(0, 20));
  socket.write(head.slice(20));
  assert.equal(await read(socket, head.length), head.toUpperCase());
  const long = 'x'.repeat(2_000_000);
  socket.write(long);
  assert.equal(await read(socket, long.length), long.toUpperCase());
});

test('a hung link keeps what is sent until it is open again', async (t) => {
  const { links, dial } = await echoing(t);
  const socket = await dial();
  socket.write(head);
  await read(socket, head.length);
  links.between('a', 'b').become({ mode: 'hung' });
  socket.write('one');
  // Another sender's link is its own: by the time its answer is here, ours would have been.
  const other = await dial();
  other.write(head.replace('http://a:1', 'http://c:1'));
  await read(other, head.length);
  let received = '';
  socket.on('data', (text: string) => {
    received += text;
  });
  assert.equal(received, '');
  links.heal();
  await once(socket, 'data');
  assert.equal(received, 'ONE');
});

test('one way only: the question arrives, the answer does not', async (t) => {
  const { links, dial } = await echoing(t);
  const socket = await dial();
  socket.write(head);
  await read(socket, head.length);
  links.cut(['b'], ['a'], { mode: 'hung' }, true);
  assert.equal(links.between('a', 'b').state.mode, 'open');
  socket.write('two');
  links.between('b', 'a').become({ mode: 'open' });
  assert.equal(await read(socket, 3), 'TWO');
});

test('a refused link resets what there is, and what comes', async (t) => {
  const { links, dial } = await echoing(t);
  const socket = await dial();
  socket.write(head);
  await read(socket, head.length);
  const closed = closeOf(socket);
  links.cut(['b'], ['a'], { mode: 'refused' });
  await closed;
  const next = await dial();
  const refused = closeOf(next);
  next.write(head);
  await refused;
  links.heal();
  const last = await dial();
  last.write(head);
  assert.equal(await read(last, head.length), head.toUpperCase());
});

test('late appends: the stream that carries them waits, other connections of the same members do not', async (t) => {
  const { links, dial } = await echoing(t);
  const appends = await dial();
  const stream = head.replace('/raft/stream', '/raft/stream/msgapp/1');
  appends.write(stream);
  await read(appends, stream.length);
  links.cut(['b'], ['a'], { appendDelayMs: 3_600_000 }, true);
  let received = '';
  appends.on('data', (text: string) => {
    received += text;
  });
  appends.write('one');
  // By the time two rounds on another connection of theirs are through, the answer to ours has come as far as it does.
  const messages = await dial();
  messages.write(head);
  await read(messages, head.length);
  messages.write('two');
  assert.equal(await read(messages, 3), 'TWO');
  assert.equal(received, '');
});

test('a slow link passes all of it on in the end', async (t) => {
  const { links, dial } = await echoing(t);
  links.cut(['a'], ['b'], { delayMs: 5, jitterMs: 20, bytesPerSecond: 100_000 });
  const socket = await dial();
  socket.write(head);
  for (let i = 0; i < 10; i++) socket.write(`${i}`.repeat(100));
  const text = await read(socket, head.length + 1_000);
  assert.equal(text.slice(head.length), [...Array(10).keys()].map((i) => `${i}`.repeat(100)).join(''));
});
