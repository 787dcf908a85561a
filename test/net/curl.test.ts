/** A client no one here wrote. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import type { Listener } from '../../src/net/listener.ts';
import { openServerTls } from '../../src/net/tls/server-tls.ts';
import { noTls } from '../../src/net/tls/tls-options.ts';
import { silentLog } from '../../src/ports/log.ts';
import { TestAuthority, TestFolder } from './certificates.ts';
import { systemClockForTests } from './clocks.ts';
import { serve, turnsUntil } from './raw-client.ts';

const missing = spawnSync('curl', ['--version']).error !== undefined ? 'curl is not installed' : false;

function curl(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(
      'curl',
      ['-sS', '--noproxy', '*', '--max-time', '120', ...args],
      { encoding: 'latin1', maxBuffer: 1 << 28 },
      (error, out) => resolve({ code: error === null ? 0 : Number(error.code), out }),
    );
  });
}

function echo(request: HttpExchange): void {
  if (request.path === '/stream') {
    const stream = request.begin(200, '');
    for (let i = 0; i < 3; i++) stream.write(`line ${i}\n`);
    setImmediate(() => stream.end());
    return;
  }
  if (request.path === '/forbidden') {
    request.send(403, '', 'no');
    return;
  }
  request.readBody(1 << 21, (body) =>
    request.send(200, '', `${request.method} ${request.path} ${request.query} ${body.length}`),
  );
}

describe('curl', { skip: missing }, () => {
  let server: Listener;
  let url: string;
  const folder = new TestFolder();
  before(async () => {
    server = await serve(echo);
    url = `http://127.0.0.1:${server.port}`;
  });
  after(async () => {
    await server.close();
    folder.remove();
  });

  test('GET, HEAD, forms, HTTP/1.0', async () => {
    assert.equal((await curl(`${url}/v2/keys/a?wait=false`)).out, 'GET /v2/keys/a wait=false 0');
    assert.match((await curl('-I', `${url}/a`)).out, /^HTTP\/1.1 200 OK\r\nContent-Length: 10\r\n/);
    assert.equal((await curl('-XPUT', '-d', 'value=x', `${url}/a`)).out, 'PUT /a  7');
    assert.equal((await curl('--http1.0', `${url}/a`)).out, 'GET /a  0');
    assert.equal((await curl(`${url}/a`, `${url}/b`)).out, 'GET /a  0GET /b  0');
  });

  test('a large body waits for 100 Continue; a chunked one comes from a pipe', async () => {
    const file = folder.write('body', Buffer.alloc(1_500_000, 'x'));
    assert.equal(
      (await curl('-XPUT', '-H', 'Expect: 100-continue', '--data-binary', `@${file}`, `${url}/a`)).out,
      'PUT /a  1500000',
    );
    assert.equal(
      (await curl('-T', file, '-H', 'Transfer-Encoding: chunked', `${url}/a`)).out,
      'PUT /a  1500000',
    );
    const refused = await curl(
      '-w',
      '%{http_code} %{size_upload}',
      '-H',
      'Expect: 100-continue',
      '-T',
      file,
      `${url}/forbidden`,
    );
    assert.equal(refused.out, 'no403 0');
  });

  test('a stream, and an upgrade to HTTP/2 that is not taken', async () => {
    assert.equal((await curl('-N', `${url}/stream`)).out, 'line 0\nline 1\nline 2\n');
    assert.equal((await curl('--http1.0', `${url}/stream`)).out, 'line 0\nline 1\nline 2\n');
    assert.equal((await curl('--http2', `${url}/a`)).out, 'GET /a  0');
    assert.notEqual((await curl('--http2-prior-knowledge', `${url}/a`)).code, 0);
  });

  test('a long poll that curl gives up', async () => {
    let asked = false;
    let closed = false;
    const polls = await serve((request) => {
      asked = true;
      request.onClose(() => {
        closed = true;
      });
    });
    const polling = spawn('curl', ['-sS', '--noproxy', '*', `http://127.0.0.1:${polls.port}/`]);
    await turnsUntil(() => asked);
    assert.equal(closed, false);
    polling.kill();
    await turnsUntil(() => closed);
    await polls.close();
  });

  test('TLS with a client certificate', async () => {
    const authority = await TestAuthority.create('authority');
    const own = await authority.issue('CN=server', ['127.0.0.1']);
    const client = await authority.issue('CN=alice', []);
    const path = (name: string, content: string) => folder.write(name, content);
    const ca = path('ca.pem', authority.certificate);
    const tls = await openServerTls(
      {
        ...noTls,
        certFile: path('cert.pem', own.certificate),
        keyFile: path('key.pem', own.key),
        trustedCaFile: ca,
      },
      { autoDirectory: folder.path, hosts: [], clock: systemClockForTests, log: silentLog },
    );
    const secure = await serve(
      (request) => request.send(200, '', `hello ${request.clientCertificate?.commonName}`),
      { tls },
    );
    const at = `https://127.0.0.1:${secure.port}/`;
    const shown = ['--cert', path('c.pem', client.certificate), '--key', path('c-key.pem', client.key)];
    assert.deepEqual(await curl('--cacert', ca, ...shown, at), { code: 0, out: 'hello alice' });
    const without = await curl('--cacert', ca, at);
    assert.notEqual(without.code, 0);
    assert.equal(without.out, '');
    await secure.close();
  });
});
