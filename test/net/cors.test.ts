import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCors } from '../../src/net/cors.ts';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import { exchange, serve, undated } from './raw-client.ts';

const request = (method: string, origin?: string) =>
  `${method} /a?b HTTP/1.1\r\nHost: a\r\n${origin === undefined ? '' : `Origin: ${origin}\r\n`}Content-Length: 2\r\n\r\nhi`;
const corsHeaders = (origin: string) =>
  `Access-Control-Allow-Headers: accept, content-type, authorization\r\nAccess-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\nAccess-Control-Allow-Origin: ${origin}\r\n`;

function echo(inner: HttpExchange): void {
  const facts = [
    inner.method,
    inner.path,
    inner.query,
    inner.httpVersion,
    inner.header('host'),
    inner.secure,
  ];
  inner.readBody(10, (body) => inner.send(200, 'X: y\r\n', `${facts} ${Buffer.from(body)} ${inner.closed}`));
}

async function answer(origins: string[], text: string, handler = echo): Promise<string> {
  const server = await serve(withCors(origins, handler));
  const received = undated(await exchange(server.port, text));
  await server.close();
  return received;
}

const plain = 'X: y\r\nContent-Length: 26\r\n\r\nGET,/a,b,1.1,a,false hi false'.replace('26', '29');

test('an allowed origin is named in every answer, another one is not', async () => {
  const origins = ['http://one', 'http://two'];
  assert.equal(
    await answer(origins, request('GET', 'http://two')),
    `HTTP/1.1 200 OK\r\n${corsHeaders('http://two')}${plain}`,
  );
  assert.equal(await answer(origins, request('GET', 'http://three')), `HTTP/1.1 200 OK\r\n${plain}`);
  assert.equal(await answer(origins, request('GET')), `HTTP/1.1 200 OK\r\n${plain}`);
});

test("'*' allows everybody, without an Origin too", async () => {
  assert.equal(await answer(['*'], request('GET')), `HTTP/1.1 200 OK\r\n${corsHeaders('*')}${plain}`);
});

test('OPTIONS is answered 200 by itself', async () => {
  const never = () => assert.fail('the handler is not asked');
  assert.equal(
    await answer(['*'], request('OPTIONS', 'http://x'), never),
    `HTTP/1.1 200 OK\r\n${corsHeaders('*')}Content-Length: 0\r\n\r\n`,
  );
  assert.equal(
    await answer([], request('OPTIONS', 'http://x'), never),
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  );
});

test('streams carry the headers as well', async () => {
  const stream = (inner: HttpExchange) => {
    const begun = inner.begin(200, '');
    begun.write('x');
    begun.end();
  };
  assert.equal(
    await answer(['*'], request('GET'), stream),
    `HTTP/1.1 200 OK\r\n${corsHeaders('*')}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
  );
});
