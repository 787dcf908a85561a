import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Listener } from '../../src/net/listener.ts';
import { exchangeOpen, serve } from './raw-client.ts';

let server: Listener;
before(async () => {
  server = await serve((request) => request.readBody(1 << 20, () => request.send(200, '', '')), {
    limits: { headBytes: 4096, headerCount: 10 },
  });
});
after(() => server.close());

const line = 'PUT / HTTP/1.1\r\n';
const start = `${line}Host: a\r\n`;
const chunked = `${start}Transfer-Encoding: chunked\r\n\r\n`;

/** What is refused, and the first line of the answer as etcd's HTTP library words it (where it refuses it too). */
const refused: readonly (readonly [name: string, request: string, answer: string])[] = [
  ['no target', 'GET\r\n\r\n', '400 Bad Request'],
  ['no version (HTTP/0.9)', 'GET /\r\n\r\n', '400 Bad Request'],
  ['two spaces', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a tab for a space', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['space after the version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a relative target', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['another scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['no authority', 'GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a user in the authority', 'GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['* for another method than OPTIONS', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a bad escape in the path', 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a cut-off escape', 'GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['a control character in the target', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', '400 Bad Request'],
  ['bare LF after a header', 'GET / HTTP/1.1\r\nHost: a\n\r\n', '400 Bad Request'],
  ['bare LF for the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n', '400 Bad Request: invalid header name'],
  [
    'HTTP/2.0',
    'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
    '505 HTTP Version Not Supported: unsupported protocol version',
  ],
  [
    'HTTP/1.2',
    'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
    '505 HTTP Version Not Supported: unsupported protocol version',
  ],
  ['lower-case http', 'GET / http/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
  ['no Host', `${line}\r\n`, '400 Bad Request: missing required Host header'],
  ['two Hosts', `${start}Host: a\r\n\r\n`, '400 Bad Request'],
  ['a bad Host', `${line}Host: a b\r\n\r\n`, '400 Bad Request: malformed Host header'],
  ['space before the colon', `${start}X : y\r\n\r\n`, '400 Bad Request: invalid header name'],
  ['space in a name', `${start}X Y: z\r\n\r\n`, '400 Bad Request: invalid header name'],
  ['no name', `${start}: y\r\n\r\n`, '400 Bad Request: invalid header name'],
  ['no colon', `${start}Xy\r\n\r\n`, '400 Bad Request'],
  ['a space and no colon', `${start}X y\r\n\r\n`, '400 Bad Request'],
  ['a folded line', `${start}X: y\r\n z\r\n\r\n`, '400 Bad Request'],
  ['NUL in a value', `${start}X: a\0b\r\n\r\n`, '400 Bad Request: invalid header value'],
  ['bare CR in a value', `${start}X: a\rb\r\n\r\n`, '400 Bad Request: invalid header value'],
  ['DEL in a value', `${start}X: a\x7fb\r\n\r\n`, '400 Bad Request: invalid header value'],
  ['a signed length', `${start}Content-Length: +1\r\n\r\na`, '400 Bad Request'],
  ['a hexadecimal length', `${start}Content-Length: 0x1\r\n\r\na`, '400 Bad Request'],
  ['an empty length', `${start}Content-Length: \r\n\r\na`, '400 Bad Request'],
  ['a list of lengths', `${start}Content-Length: 1, 1\r\n\r\na`, '400 Bad Request'],
  ['a huge length', `${start}Content-Length: 9999999999999999\r\n\r\na`, '400 Bad Request'],
  ['two lengths that differ', `${start}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, '400 Bad Request'],
  ['two lengths that agree', `${start}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, '400 Bad Request'],
  [
    'length and chunks',
    `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400 Bad Request',
  ],
  [
    'chunks and length',
    `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    '400 Bad Request',
  ],
  [
    'chunked twice',
    `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400 Bad Request',
  ],
  ['chunks in HTTP/1.0', 'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400 Bad Request'],
  ['another encoding', `${start}Transfer-Encoding: gzip, chunked\r\n\r\n`, '501 Not Implemented'],
  [
    'an encoding that is almost chunked',
    `${start}Transfer-Encoding: xchunked\r\n\r\n`,
    '501 Not Implemented',
  ],
  ['another expectation', `${start}Expect: 200-ok\r\n\r\n`, '417 Expectation Failed'],
  ['a chunk size that is none', `${chunked}zz\r\n`, '400 Bad Request'],
  ['an empty chunk size', `${chunked}\r\n`, '400 Bad Request'],
  ['a signed chunk size', `${chunked}-1\r\n`, '400 Bad Request'],
  ['a prefixed chunk size', `${chunked}0x1\r\na\r\n`, '400 Bad Request'],
  ['a space after a chunk size', `${chunked}1 \r\na\r\n`, '400 Bad Request'],
  ['a giant chunk size', `${chunked}10000000000000\r\n`, '400 Bad Request'],
  ['a chunk size that would wrap around', `${chunked}${'f'.repeat(16)}1\r\n`, '400 Bad Request'],
  ['zeros without end', `${chunked}${'0'.repeat(1000)}`, '400 Bad Request'],
  ['bare LF after a chunk size', `${chunked}1\na\r\n`, '400 Bad Request'],
  ['no CRLF after a chunk', `${chunked}1\r\nab`, '400 Bad Request'],
  ['NUL in a chunk extension', `${chunked}1;\0\r\n`, '400 Bad Request'],
  ['endless chunk extensions', `${chunked}1;${'x'.repeat(20_000)}`, '400 Bad Request'],
  ['a bad trailer', `${chunked}0\r\nx y: z\r\n\r\n`, '400 Bad Request'],
  ['endless trailers', `${chunked}0\r\nx: ${'y'.repeat(5000)}`, '400 Bad Request'],
  ['a long target', `GET /${'x'.repeat(5000)} HTTP/1.1\r\n`, '414 Request URI Too Long'],
  ['a target without end', `GET /${'x'.repeat(5000)}`, '414 Request URI Too Long'],
  ['large headers', `${start}X: ${'x'.repeat(5000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
  ['headers without end', `${start}X: ${'x'.repeat(5000)}`, '431 Request Header Fields Too Large'],
  ['many headers', `${start}${'X: y\r\n'.repeat(10)}\r\n`, '431 Request Header Fields Too Large'],
];

for (const [name, request, answer] of refused) {
  test(`refused: ${name}`, async () => {
    const head = 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n';
    const body = answer.startsWith('501') ? 'Unsupported transfer encoding' : answer;
    const expected = answer.startsWith('417')
      ? `HTTP/1.1 ${answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
      : `HTTP/1.1 ${answer}\r\n${head}${body}`;
    assert.equal(await exchangeOpen(server.port, request), expected);
  });
}

test('every refusal is counted', async () => {
  const before = server.metrics.refusedRequests;
  await exchangeOpen(server.port, 'x\r\n\r\n');
  assert.equal(server.metrics.refusedRequests, before + 1);
});

test('an HTTP/2 client is told in its own language to use HTTP/1.1', async () => {
  const answer = await exchangeOpen(server.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  const settings = '\0\0\0\x04\0\0\0\0\0';
  assert.ok(answer.startsWith(settings));
  const goAway = answer.slice(settings.length);
  const text = 'HTTP/2 is not served on this port; use HTTP/1.1';
  assert.equal(goAway, `\0\0${String.fromCharCode(8 + text.length)}\x07\0\0\0\0\0\0\0\0\0\0\0\0\r${text}`);
});

test('what only begins like HTTP/2 is HTTP/1.1', async () => {
  assert.ok((await exchangeOpen(server.port, 'PRI * HTTP/2.0\r\n\r\nxx')).startsWith('HTTP/1.1 505 '));
  assert.ok(
    (await exchangeOpen(server.port, 'PRI / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).startsWith(
      'HTTP/1.1 200 ',
    ),
  );
});
