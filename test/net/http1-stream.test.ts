import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpStream } from '../../src/net/http-exchange.ts';
import { fakeConnection } from './fake-socket.ts';
import { exchange, serve } from './raw-client.ts';

const PIECE = 'x'.repeat(100 * 1024);
const PIECES = 20;

for (const rawAccept of [true, false]) {
  test(`a stream that obeys back-pressure reaches its end (accepting ${rawAccept ? 'raw' : 'by events'})`, async () => {
    let pauses = 0;
    const server = await serve(
      (request) => {
        const stream = request.begin(200, '');
        let written = 0;
        const writeMore = (): void => {
          while (written < PIECES) {
            written++;
            if (stream.write(PIECE)) continue;
            pauses++;
            stream.onDrain(writeMore);
            return;
          }
          stream.end();
        };
        writeMore();
      },
      { rawAccept },
    );
    const answer = await exchange(server.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.equal(answer.split('x').length - 1, PIECES * PIECE.length);
    assert.ok(pauses > 0, 'the stream was never full: the test does not test');
    await server.close();
  });
}

test('who was told to wait is told to go on, though another producer of the stream has written meanwhile', () => {
  let stream: HttpStream | undefined;
  const { socket, connection, settle } = fakeConnection(
    (request) => {
      stream = request.begin(200, '');
    },
    new Map(),
    { pendingOutputBytes: 10_000 },
  );
  let drains = 0;
  const head = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  connection.receive(head, 0, head.length);
  stream!.onDrain(() => drains++);
  socket.taking = false;
  assert.equal(stream!.write('x'.repeat(20_000)), false);
  settle();
  socket.writableLength = 5_000;
  assert.equal(stream!.write('more'), false);
  settle();
  assert.equal(drains, 0);
  socket.take();
  assert.equal(drains, 1);
  assert.equal(stream!.write('more'), true);
});
