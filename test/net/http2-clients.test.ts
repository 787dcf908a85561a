/** HTTP/2 and gRPC against clients that nobody here wrote: node:http2, grpc-js, curl, h2load; in the clear and over TLS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { openServerTls } from '../../src/net/tls/server-tls.ts';
import { noTls } from '../../src/net/tls/tls-options.ts';
import { silentLog } from '../../src/ports/log.ts';
import { fc } from '../support/fast-check.ts';
import { needs } from '../support/needs.ts';
import { type Issued, TestAuthority, TestFolder } from './certificates.ts';
import { systemClockForTests } from './clocks.ts';
import { message } from './http2-client.ts';
import { serveHttp2, type TestServer } from './http2-server.ts';
import { serve, turnsUntil } from './raw-client.ts';

const folder = new TestFolder();
let authority: TestAuthority;
let alice: Issued;
let plain: TestServer;
let secure: TestServer;
let caFile: string;

before(async () => {
  authority = await TestAuthority.create('authority');
  const own = await authority.issue('CN=server', ['127.0.0.1', 'localhost']);
  alice = await authority.issue('CN=alice', []);
  caFile = folder.write('ca.pem', authority.certificate);
  const tls = await openServerTls(
    {
      ...noTls,
      certFile: folder.write('cert.pem', own.certificate),
      keyFile: folder.write('key.pem', own.key),
      trustedCaFile: caFile,
    },
    { autoDirectory: folder.path, hosts: [], clock: systemClockForTests, log: silentLog },
  );
  plain = await serveHttp2();
  secure = await serveHttp2({ tls });
});
after(async () => {
  await plain.listener.close();
  await secure.listener.close();
  folder.remove();
});

interface NodeAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<NodeAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let head = {};
    let trailers = {};
    const chunks: Buffer[] = [];
    stream.on('response', (each) => {
      head = each;
    });
    stream.on('trailers', (each) => {
      trailers = each;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => resolve({ headers: head, trailers, body: Buffer.concat(chunks) }));
    if (body !== undefined) stream.end(body);
  });
}

const grpcHeaders = (path: string): OutgoingHttpHeaders => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
});

describe('node:http2', () => {
  for (const how of ['in the clear', 'over TLS'] as const) {
    test(`requests, calls and large bodies ${how}`, async () => {
      const session =
        how === 'in the clear'
          ? connectHttp2(`http://127.0.0.1:${plain.port}`)
          : connectHttp2(`https://127.0.0.1:${secure.port}`, {
              ca: authority.certificate,
              cert: alice.certificate,
              key: alice.key,
            });
      const got = await request(session, { ':path': '/a?b' });
      assert.equal(got.headers[':status'], 200);
      assert.equal(got.body.toString(), '/a?b');
      const put = await request(session, { ':method': 'PUT', ':path': '/a' }, Buffer.alloc(1_000_000));
      assert.equal(put.body.toString(), '1000000 bytes');
      const input = message(Buffer.alloc(2_000_000, 'abc'));
      const called = await request(session, grpcHeaders('/t.T/Unary'), input);
      assert.deepEqual(called.body, input);
      assert.equal(called.trailers['grpc-status'], '0');
      const many = await Promise.all(
        Array.from({ length: 100 }, (_, i) => request(session, grpcHeaders('/t.T/Unary'), message(`${i}`))),
      );
      assert.deepEqual(
        many.map(({ body }) => body.toString('latin1', 5)),
        many.map((_, i) => `${i}`),
      );
      session.close();
      await once(session, 'close');
    });
  }

  test('any headers, through its HPACK and ours and back, over one connection', async () => {
    const echo = await serve(
      (exchange) => {
        const count = Number(exchange.header('count'));
        const lines = Array.from({ length: count }, (_, i) => `r-${i}: ${exchange.header(`h-${i}`)}\r\n`);
        exchange.send(200, lines.join(''), '');
      },
      { grpc: new Map(), limits: { headerCount: 200 } },
    );
    const session = connectHttp2(`http://127.0.0.1:${echo.port}`);
    const value = fc.oneof(
      fc.constantFrom('application/grpc', 'true', '', 'x'.repeat(300)),
      fc.string({
        maxLength: 60,
        unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 40 }), async (raw) => {
        const values = raw.map((each) => each.trim());
        const fields = Object.fromEntries(values.map((each, i) => [`h-${i}`, each]));
        const { headers } = await request(session, { ':path': '/', count: `${values.length}`, ...fields });
        assert.deepEqual(
          values.map((_, i) => headers[`r-${i}`]),
          values,
        );
      }),
    );
    session.close();
    await echo.close();
  });

  test('an answer whose headers take several frames', async () => {
    const long = await serve((exchange) => exchange.send(200, `X-Long: ${'x~'.repeat(25_000)}\r\n`, 'body'), {
      grpc: new Map(),
    });
    const session = connectHttp2(`http://127.0.0.1:${long.port}`);
    const { headers, body } = await request(session, { ':path': '/' });
    assert.equal(headers['x-long'], 'x~'.repeat(25_000));
    assert.equal(body.toString(), 'body');
    session.close();
    await long.close();
  });

  test('a header table of another size', async () => {
    for (const headerTableSize of [0, 100, 4096, 65536]) {
      const session = connectHttp2(`http://127.0.0.1:${plain.port}`, { settings: { headerTableSize } });
      await once(session, 'localSettings');
      for (let i = 0; i < 3; i++) {
        const { trailers } = await request(session, grpcHeaders('/t.T/Unary'), message('x'));
        assert.equal(trailers['grpc-status'], '0');
        assert.equal((await request(session, { ':path': '/' })).headers['content-type'], 'text/plain');
      }
      session.close();
      await once(session, 'close');
    }
  });

  test('many streams at once, each far larger than the windows', async () => {
    const session = connectHttp2(`http://127.0.0.1:${plain.port}`, { maxSessionMemory: 1000 });
    const input = message(Buffer.alloc(1_000_000, 'x'));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => request(session, grpcHeaders('/t.T/Unary'), input)),
    );
    for (const { body } of answers) assert.equal(body.length, input.length);
    session.close();
    await once(session, 'close');
  });
});

test('TLS: ALPN decides, and who has agreed on HTTP/1.1 gets it', async () => {
  const shown = { ca: authority.certificate, cert: alice.certificate, key: alice.key };
  const agreed = async (ALPNProtocols: string[]): Promise<string | false | null> => {
    const socket = connectTls({ host: '127.0.0.1', port: secure.port, ...shown, ALPNProtocols });
    await once(socket, 'secureConnect');
    const { alpnProtocol } = socket;
    socket.destroy();
    return alpnProtocol;
  };
  assert.equal(await agreed(['h2', 'http/1.1']), 'h2');
  assert.equal(await agreed(['http/1.1', 'h2']), 'h2');
  assert.equal(await agreed(['http/1.1']), 'http/1.1');
  const speak = async (ALPNProtocols: string[], text: string): Promise<string> => {
    const socket = connectTls({ host: '127.0.0.1', port: secure.port, ...shown, ALPNProtocols });
    socket.on('error', () => {});
    let answer = '';
    socket.setEncoding('latin1').on('data', (each: string) => {
      answer += each;
    });
    socket.write(text, 'latin1');
    await once(socket, 'close');
    return answer;
  };
  const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  assert.match(await speak(['http/1.1'], get), /^HTTP\/1.1 200/);
  assert.equal(await speak(['h2'], get), '');
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  assert.match(await speak(['http/1.1'], preface), /HTTP\/2 is not served/);
});

/** What grpc-js needs of a service, for messages that are plain bytes. */
const asIs = (bytes: Buffer): Buffer => bytes;

function unary(client: Client, path: string, input: Buffer, deadlineMs?: number, more = new Metadata()) {
  return new Promise<Buffer | ServiceError>((resolve) => {
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(path, asIs, asIs, input, more, options, (error, answer) =>
      resolve(error ?? answer!),
    );
  });
}

describe('grpc-js', () => {
  for (const how of ['in the clear', 'over TLS'] as const) {
    test(`all kinds of calls ${how}`, async () => {
      const client =
        how === 'in the clear'
          ? new Client(`127.0.0.1:${plain.port}`, credentials.createInsecure())
          : new Client(
              `localhost:${secure.port}`,
              credentials.createSsl(
                Buffer.from(authority.certificate),
                Buffer.from(alice.key),
                Buffer.from(alice.certificate),
              ),
            );
      assert.deepEqual(await unary(client, '/t.T/Unary', Buffer.from('hello')), Buffer.from('hello'));
      const large = Buffer.alloc(1_900_000, 'x');
      assert.deepEqual(await unary(client, '/t.T/Unary', large), large);
      const failed = (await unary(client, '/t.T/Fail', Buffer.from('n\u00f6 100%'))) as ServiceError;
      assert.deepEqual([failed.code, failed.details], [status.NOT_FOUND, 'n\u00f6 100%']);
      const unknown = (await unary(client, '/t.T/None', Buffer.from(''))) as ServiceError;
      assert.equal(unknown.code, status.UNIMPLEMENTED);
      const tooLarge = (await unary(client, '/t.T/Unary', Buffer.alloc(2_200_000))) as ServiceError;
      assert.equal(tooLarge.code, status.RESOURCE_EXHAUSTED);
      assert.equal(tooLarge.details, 'grpc: received message larger than max (2200000 vs. 2097152)');

      const counted: number[] = [];
      const stream = client.makeServerStreamRequest('/t.T/Count', asIs, asIs, Buffer.from([200]));
      stream.on('data', (bytes: Buffer) => counted.push(bytes[0]!));
      await once(stream, 'end');
      assert.deepEqual(
        counted,
        Array.from({ length: 200 }, (_, i) => i + 1),
      );

      const echoed: string[] = [];
      const duplex = client.makeBidiStreamRequest('/t.T/Echo', asIs, asIs);
      duplex.on('data', (bytes: Buffer) => {
        echoed.push(bytes.toString());
        if (echoed.length < 100) duplex.write(Buffer.from(`${echoed.length}`));
        else duplex.end();
      });
      duplex.write(Buffer.from('0'));
      await once(duplex, 'end');
      assert.deepEqual(
        echoed,
        Array.from({ length: 100 }, (_, i) => `${i}`),
      );
      client.close();
    });
  }

  test('deadlines and cancellation reach the method', async () => {
    const client = new Client(`127.0.0.1:${plain.port}`, credentials.createInsecure());
    const closed = plain.closed.length;
    // Connected first, so that the deadline runs on the server and not on the way there.
    await unary(client, '/t.T/Unary', Buffer.from(''));
    const late = (await unary(client, '/t.T/Hang', Buffer.from(''), 3_000)) as ServiceError;
    assert.equal(late.code, status.DEADLINE_EXCEEDED);
    await turnsUntil(() => plain.closed.length === closed + 1);
    const stream = client.makeBidiStreamRequest('/t.T/Open', asIs, asIs);
    stream.on('error', () => {});
    stream.write(Buffer.from('x'));
    const opened = plain.streams.length;
    await turnsUntil(() => plain.streams.length === opened + 1);
    stream.cancel();
    await turnsUntil(() => plain.closed.length === closed + 2);
    client.close();
  });

  test('gzip-compressed requests', async () => {
    const client = new Client(`127.0.0.1:${plain.port}`, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
    });
    const input = Buffer.alloc(100_000, 'abc');
    assert.deepEqual(await unary(client, '/t.T/Unary', input), input);
    client.close();
  });

  test('a drained server: the call under way is answered, the next goes elsewhere', async () => {
    const server = await serveHttp2();
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const answer = unary(client, '/t.T/Hang', Buffer.from(''));
    await turnsUntil(() => server.calls.length === 1);
    const drained = server.listener.drain(30_000);
    server.calls[0]!.respond(Buffer.from('last words'));
    assert.deepEqual(await answer, Buffer.from('last words'));
    await drained;
    const next = (await unary(client, '/t.T/Unary', Buffer.from(''), 60_000)) as ServiceError;
    assert.equal(next.code, status.UNAVAILABLE);
    client.close();
  });
});

function run(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'latin1' }, (error, out) =>
      error === null ? resolve(out) : reject(error),
    );
  });
}

test('curl, by prior knowledge and by ALPN', { skip: needs('curl') }, async () => {
  const curl = (...args: string[]) => run('curl', '-sS', '--noproxy', '*', '--max-time', '120', ...args);
  const at = `http://127.0.0.1:${plain.port}`;
  const clear = ['--http2-prior-knowledge'];
  assert.match(await curl(...clear, '-i', `${at}/a?b`), /^HTTP\/2 200 \r\n[\s\S]*\r\n\/a\?b$/);
  assert.match(
    await curl(...clear, '-I', `${at}/a`),
    /^HTTP\/2 200 \r\ncontent-type: text\/plain\r\ncontent-length: 3\r\n/,
  );
  const file = folder.write('body', Buffer.alloc(1_000_000, 'x'));
  assert.equal(await curl(...clear, '-T', file, `${at}/a`), '1000000 bytes');
  assert.equal(await curl(...clear, '-d', 'value=x', `${at}/a`), '7 bytes');
  assert.equal(await curl(`${at}/a`), '/a?');
  const shown = [
    '--cacert',
    caFile,
    '--cert',
    folder.write('c.pem', alice.certificate),
    '--key',
    folder.write('ck.pem', alice.key),
  ];
  assert.match(await curl(...shown, '-i', `https://127.0.0.1:${secure.port}/a`), /^HTTP\/2 200 /);
  assert.match(
    await curl(...shown, '--http1.1', '-i', `https://127.0.0.1:${secure.port}/a`),
    /^HTTP\/1.1 200 /,
  );
});

test('h2load, many calls at once', { skip: needs('h2load') }, async () => {
  const body = folder.write('call', message('hello'));
  const printed = await run(
    'h2load',
    ...['-n', '5000', '-c', '10', '-m', '20', '-d', body, '-H', 'content-type: application/grpc'],
    `http://127.0.0.1:${plain.port}/t.T/Unary`,
  );
  assert.match(printed, /5000 succeeded, 0 failed, 0 errored/);
});
