import assert from 'node:assert/strict';
import { test } from 'node:test';
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
