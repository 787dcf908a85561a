import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { defaultLimits } from '../../src/net/limits.ts';
import type { Listener } from '../../src/net/listener.ts';
import { AutoCertificate } from '../../src/net/tls/auto-certificate.ts';
import { certificateIdentity } from '../../src/net/tls/certificate-identity.ts';
import { openClientTls } from '../../src/net/tls/client-tls.ts';
import { ensureSelfSigned } from '../../src/net/tls/self-signed.ts';
import { openServerTls } from '../../src/net/tls/server-tls.ts';
import { noTls, TlsError, type TlsOptions } from '../../src/net/tls/tls-options.ts';
import { type Log, silentLog } from '../../src/ports/log.ts';
import { type Issued, TestAuthority, TestFolder } from './certificates.ts';
import { HandClock, systemClockForTests } from './clocks.ts';
import { RawClient, serve, turnsUntil } from './raw-client.ts';

const folder = new TestFolder();
let authority: TestAuthority;
let stranger: TestAuthority;
let server: Issued;
let client: Issued;
let strangersClient: Issued;
/** Names of files in `folder`. */
let files: { ca: string; cert: string; key: string };

before(async () => {
  authority = await TestAuthority.create('authority');
  stranger = await TestAuthority.create('stranger');
  server = await authority.issue('CN=server', ['127.0.0.1', 'localhost']);
  client = await authority.issue('CN=alice, O=people', ['127.0.0.1']);
  strangersClient = await stranger.issue('CN=mallory', ['127.0.0.1']);
  files = {
    ca: folder.write('ca.pem', authority.certificate),
    cert: folder.write('server.pem', server.certificate),
    key: folder.write('server-key.pem', server.key),
  };
});
after(() => folder.remove());

function surroundings(log: Log = silentLog) {
  return {
    autoDirectory: `${folder.path}/fixtures`,
    hosts: ['127.0.0.1', 'localhost'],
    clock: systemClockForTests,
    log,
  };
}

async function serveTls(
  options: Partial<TlsOptions>,
  { verifyClientAddress = false, log = silentLog, limits = {} } = {},
): Promise<Listener> {
  const tls = await openServerTls(
    { ...noTls, certFile: files.cert, keyFile: files.key, ...options },
    surroundings(log),
    verifyClientAddress,
  );
  return serve(
    (request) => request.send(200, '', `${request.secure} ${request.clientCertificate?.commonName}`),
    { tls, log, limits },
  );
}

/** What a TLS client gets for one request: the body, or '' if it is cut off. */
async function ask(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, ...options });
  socket.on('error', () => {});
  socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

function asClient(who: Issued): ConnectionOptions {
  return { cert: who.certificate, key: who.key };
}

test('a certificate and a key serve anybody', async () => {
  const listener = await serveTls({});
  assert.equal(await ask(listener.port, {}), 'true undefined');
  assert.equal(await ask(listener.port, { ALPNProtocols: ['h2', 'http/1.1'] }), 'true undefined');
  assert.equal(await ask(listener.port, { ALPNProtocols: ['http/1.0'] }), 'true undefined');
  assert.equal(await ask(listener.port, { maxVersion: 'TLSv1.2' }), 'true undefined');
  assert.equal(await ask(listener.port, { ALPNProtocols: ['h2'] }), '');
  await listener.close();
});

test('with a trusted CA only its clients are served, and the handler knows who asks', async () => {
  const listener = await serveTls({ trustedCaFile: files.ca, clientCertAuth: true });
  assert.equal(await ask(listener.port, asClient(client)), 'true alice');
  assert.equal(await ask(listener.port, { ...asClient(client), maxVersion: 'TLSv1.2' }), 'true alice');
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.equal(await ask(listener.port, { maxVersion }), '', 'no certificate');
    assert.equal(await ask(listener.port, { ...asClient(strangersClient), maxVersion }), '', 'another CA');
  }
  assert.equal(listener.metrics.requests, 2);
  assert.equal(listener.metrics.tlsHandshakeFailures, 4);
  await listener.close();
});

test('plain HTTP on a TLS port is closed without an answer, and so is a handshake that does not come', async () => {
  const listener = await serveTls({}, { limits: { tlsHandshakeTimeoutMs: 50 } });
  const plain = await RawClient.connect(listener.port);
  plain.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.doesNotMatch(await plain.untilEnd(), /HTTP/);
  const silent = await RawClient.connect(listener.port);
  assert.equal(await silent.untilEnd(), '');
  assert.equal(listener.metrics.tlsHandshakeFailures, 2);
  assert.equal(listener.connectionCount, 0);
  await listener.close();
});

test('handshakes under way count as connections and end with the listener', async () => {
  const listener = await serveTls(
    {},
    { limits: { connections: 1, tlsHandshakeTimeoutMs: defaultLimits.tlsHandshakeTimeoutMs } },
  );
  const first = await RawClient.connect(listener.port);
  await turnsUntil(() => listener.metrics.accepted === 1);
  const second = await RawClient.connect(listener.port);
  assert.equal(await second.untilEnd(), '');
  assert.equal(listener.metrics.refusedConnections, 1);
  await listener.close();
  assert.equal(await first.untilEnd(), '');
});

test('allowed common names and host names', async () => {
  const auth = { trustedCaFile: files.ca, clientCertAuth: true };
  const outcomes: [Partial<TlsOptions>, string][] = [
    [{ allowedCommonNames: ['bob', 'alice'] }, 'true alice'],
    [{ allowedCommonNames: ['bob'] }, ''],
    [{ allowedHostnames: ['example.org', '127.0.0.1'] }, 'true alice'],
    [{ allowedHostnames: ['alice'] }, ''],
  ];
  for (const [options, expected] of outcomes) {
    const listener = await serveTls({ ...auth, ...options });
    assert.equal(await ask(listener.port, asClient(client)), expected, JSON.stringify(options));
    await listener.close();
  }
});

test('the address a client certificate names must be the one it comes from, where that is asked for', async () => {
  const options = { trustedCaFile: files.ca, clientCertAuth: true };
  const elsewhere = await authority.issue('CN=elsewhere', ['192.0.2.1']);
  const localhost = await authority.issue('CN=by-name', ['localhost']);
  const nameless = await authority.issue('CN=nameless', []);
  const listener = await serveTls(options, { verifyClientAddress: true });
  assert.equal(await ask(listener.port, asClient(client)), 'true alice');
  assert.equal(await ask(listener.port, asClient(elsewhere)), '');
  assert.equal(await ask(listener.port, asClient(localhost)), 'true by-name');
  assert.equal(await ask(listener.port, asClient(nameless)), 'true nameless');
  await listener.close();
  const lenient = await serveTls(options);
  assert.equal(await ask(lenient.port, asClient(elsewhere)), 'true elsewhere');
  await lenient.close();
});

test('a revoked certificate is refused from the moment the list says so', async () => {
  const other = await authority.issue('CN=bob', []);
  const crlFile = folder.write('crl.pem', await authority.revoke([other.serial]));
  const listener = await serveTls({ trustedCaFile: files.ca, clientCertAuth: true, crlFile });
  assert.equal(await ask(listener.port, asClient(other)), '');
  assert.equal(await ask(listener.port, asClient(client)), 'true alice');
  folder.write('crl.pem', await authority.revoke([other.serial, client.serial]));
  assert.equal(await ask(listener.port, asClient(client)), '');
  await listener.close();
});

test('new connections get the new certificate and the new CA; bad files change nothing', async () => {
  const warnings: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (message, fields) => warnings.push(`${message} ${fields?.['error']}`),
  };
  const certFile = folder.write('changing.pem', server.certificate);
  const keyFile = folder.write('changing-key.pem', server.key);
  const caFile = folder.write('changing-ca.pem', authority.certificate);
  const listener = await serveTls({ certFile, keyFile, trustedCaFile: caFile }, { log });
  const shown = async (options: ConnectionOptions): Promise<string | undefined> => {
    const socket = connect({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false, ...options });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerX509Certificate()!;
    socket.destroy();
    return subject;
  };
  const kept = connect({
    host: '127.0.0.1',
    port: listener.port,
    ca: authority.certificate,
    ...asClient(client),
  });
  await once(kept, 'secureConnect');
  assert.equal(await shown({}), 'CN=server');

  folder.write('changing.pem', 'nonsense');
  assert.equal(await shown({}), 'CN=server');
  assert.equal(await ask(listener.port, asClient(client)), 'true alice');
  assert.equal(warnings.filter((line) => line.startsWith('TLS files have changed but')).length, 1);

  const renewed = await stranger.issue('CN=renewed', ['127.0.0.1']);
  folder.write('changing.pem', renewed.certificate);
  assert.equal(await shown({}), 'CN=server', 'the key does not fit yet');
  folder.write('changing-key.pem', renewed.key);
  assert.equal(await shown({}), 'CN=renewed');
  folder.write('changing-ca.pem', stranger.certificate);
  assert.equal(
    await ask(listener.port, { ...asClient(strangersClient), ca: stranger.certificate }),
    'true mallory',
  );
  assert.equal(await ask(listener.port, { ...asClient(client), ca: stranger.certificate }), '');

  kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [bytes] = (await once(kept, 'data')) as [Buffer];
  assert.match(bytes.toString(), /true alice$/);
  kept.destroy();
  await listener.close();
});

test('cipher suites and versions', async () => {
  const protocol = async (port: number, options: ConnectionOptions): Promise<string | undefined> => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca: authority.certificate, ...options });
    const result = await new Promise<string | undefined>((resolve) => {
      socket.once('secureConnect', () => resolve(`${socket.getProtocol()} ${socket.getCipher().name}`));
      socket.once('error', () => resolve(undefined));
    });
    socket.destroy();
    return result;
  };
  const chosen = await serveTls({ cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] });
  assert.equal(
    await protocol(chosen.port, { maxVersion: 'TLSv1.2' }),
    'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384',
  );
  assert.match((await protocol(chosen.port, {}))!, /^TLSv1.3 /);
  assert.equal(
    await protocol(chosen.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
    undefined,
  );
  await chosen.close();
  const old = await serveTls({ maxVersion: 'TLSv1.2' });
  assert.match((await protocol(old.port, {}))!, /^TLSv1.2 /);
  await old.close();
  const recent = await serveTls({ minVersion: 'TLSv1.3' });
  assert.equal(await protocol(recent.port, { maxVersion: 'TLSv1.2' }), undefined);
  await recent.close();
});

test('files that can not be used are named', async () => {
  const missing = openServerTls(
    { ...noTls, certFile: '/nowhere/cert.pem', keyFile: files.key },
    surroundings(),
  );
  await assert.rejects(
    missing,
    (error) => error instanceof TlsError && error.message.includes('/nowhere/cert.pem'),
  );
  const half = openServerTls({ ...noTls, certFile: files.cert }, surroundings());
  await assert.rejects(half, TlsError);
  const untrusting = openServerTls(
    { ...noTls, certFile: files.cert, keyFile: files.key, clientCertAuth: true },
    surroundings(),
  );
  await assert.rejects(untrusting, /trusted CA/);
  const swapped = openServerTls({ ...noTls, certFile: files.key, keyFile: files.cert }, surroundings());
  await assert.rejects(swapped, (error) => error instanceof TlsError && error.message.includes(files.key));
  const noCrl = openServerTls(
    { ...noTls, certFile: files.cert, keyFile: files.key, crlFile: folder.write('bad-crl.pem', 'x') },
    surroundings(),
  );
  await assert.rejects(noCrl, /revocation list/);
});

test('drain over TLS: the answer under way is finished', async () => {
  const tls = await openServerTls({ ...noTls, certFile: files.cert, keyFile: files.key }, surroundings());
  const open: (() => void)[] = [];
  const listener = await serve((request) => open.push(() => request.send(200, '', 'done')), { tls });
  const answer = ask(listener.port, {});
  await turnsUntil(() => open.length === 1);
  const drained = listener.drain(60_000);
  open[0]!();
  assert.equal(await answer, 'done');
  await drained;
});

test('auto: a self-signed certificate is made once, kept, and renewed before it ends', async () => {
  const clock = new HandClock();
  const options = {
    directory: `${folder.path}/auto`,
    hosts: ['127.0.0.1', '[::1]', 'localhost', 'localhost'],
    validityYears: 1,
    clock,
    log: silentLog,
  };
  const { certFile, keyFile } = await ensureSelfSigned(options);
  assert.deepEqual([certFile, keyFile], [`${options.directory}/cert.pem`, `${options.directory}/key.pem`]);
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
  const first = new X509Certificate(readFileSync(certFile));
  assert.deepEqual(certificateIdentity(first), {
    commonName: '',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1', '0:0:0:0:0:0:0:1'],
  });
  assert.equal(first.subject, 'O=etcd');
  assert.equal(first.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  const yearMs = 365 * 24 * 3600 * 1000;
  assert.equal(Date.parse(first.validTo), clock.wallTimeMs() + yearMs);

  await ensureSelfSigned(options);
  assert.equal(readFileSync(certFile, 'utf8'), first.toString());
  const keeper = new AutoCertificate(options);
  assert.equal(keeper.sweep(), undefined);
  clock.advance((yearMs / 12) * 11 - 1000);
  await keeper.sweep();
  assert.equal(readFileSync(certFile, 'utf8'), first.toString());
  clock.advance(3_600_000);
  await keeper.sweep();
  const second = new X509Certificate(readFileSync(certFile));
  assert.notEqual(second.serialNumber, first.serialNumber);
  assert.ok(!existsSync(`${certFile}.new`));
});

test('auto on both sides: peers talk without knowing each other', async () => {
  const auto = { ...noTls, auto: true };
  const tls = await openServerTls(auto, surroundings());
  const listener = await serve((request) => request.send(200, '', 'ok'), { tls });
  const outgoing = await openClientTls(auto, surroundings());
  assert.equal(await ask(listener.port, outgoing.connectOptions()), 'ok');
  await listener.close();
});

test('outgoing: our certificate is shown, theirs is verified, new files are used', async () => {
  const own = {
    certFile: folder.write('own.pem', client.certificate),
    keyFile: folder.write('own-key.pem', client.key),
  };
  const listener = await serveTls({ trustedCaFile: files.ca });
  const outgoing = await openClientTls({ ...noTls, ...own, trustedCaFile: files.ca }, surroundings());
  assert.equal(await ask(listener.port, outgoing.connectOptions()), 'true alice');

  const distrusting = await openClientTls(
    { ...noTls, ...own, trustedCaFile: folder.write('other-ca.pem', stranger.certificate) },
    surroundings(),
  );
  assert.equal(await ask(listener.port, distrusting.connectOptions()), '');
  const allowing = await openClientTls(
    { ...noTls, ...own, trustedCaFile: files.ca, allowedCommonNames: ['server'] },
    surroundings(),
  );
  assert.equal(await ask(listener.port, allowing.connectOptions()), 'true alice');
  const picky = await openClientTls(
    { ...noTls, ...own, trustedCaFile: files.ca, allowedCommonNames: ['alice'] },
    surroundings(),
  );
  assert.equal(await ask(listener.port, picky.connectOptions()), '');

  const renewed = await authority.issue('CN=alice2', ['127.0.0.1']);
  folder.write('own.pem', renewed.certificate);
  folder.write('own-key.pem', renewed.key);
  assert.equal(await ask(listener.port, outgoing.connectOptions()), 'true alice2');
  const separate = await openClientTls(
    {
      ...noTls,
      certFile: files.cert,
      keyFile: files.key,
      clientCertFile: own.certFile,
      clientKeyFile: own.keyFile,
      trustedCaFile: files.ca,
    },
    surroundings(),
  );
  assert.equal(await ask(listener.port, separate.connectOptions()), 'true alice2');
  await listener.close();
});

test('outgoing: a server certificate for another host is refused', async () => {
  const elsewhere = await authority.issue('CN=127.0.0.1', ['example.org']);
  const listener = await serveTls({
    certFile: folder.write('elsewhere.pem', elsewhere.certificate),
    keyFile: folder.write('elsewhere-key.pem', elsewhere.key),
  });
  const outgoing = await openClientTls({ ...noTls, trustedCaFile: files.ca }, surroundings());
  assert.equal(await ask(listener.port, outgoing.connectOptions()), '');
  assert.equal(
    await ask(listener.port, { ...outgoing.connectOptions(), servername: 'example.org' }),
    'true undefined',
  );
  await listener.close();
});

test('names with odd characters are read as they are', async () => {
  const odd = await authority.issue('CN=a\\, b+O=c, CN=Zoë', ['xn--zo-jma.example', '*.example.org']);
  assert.deepEqual(certificateIdentity(new X509Certificate(odd.certificate)), {
    commonName: 'Zoë',
    dnsNames: ['xn--zo-jma.example', '*.example.org'],
    ipAddresses: [],
  });
});
