/**
 * TLS towards clients and between members, with certificates that openssl made: who holds none, or one of another authority,
 * gets no answer; nor does plain HTTP on a TLS port.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { type Certificate, CertificateAuthority, replaceFiles } from '../support/certificates.ts';
import { Cluster } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { underTest } from '../support/program.ts';
import { RawConnection, rawRequest } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

const skip = needs('quorate', 'openssl');
const getVersion = 'GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n';

function credentials(ca: string, certificate?: Certificate): ConnectionOptions {
  return {
    ca: readFileSync(ca),
    ...(certificate === undefined
      ? {}
      : { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }),
  };
}

/** Starts one member with these client flags. @returns its member and a port that the flags may use as `{port}`, `{port2}`. */
async function serve(
  t: TestContext,
  flagsOf: (port: number, port2: number) => readonly string[],
): Promise<{ readonly port: number; readonly port2: number; readonly member: MemberProcess }> {
  const [port, port2, peerPort] = [await freePort(), await freePort(), await freePort()];
  const member = new MemberProcess(underTest, [
    `--data-dir=${temporaryFolder('tls')}/data`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ...flagsOf(port, port2),
  ]);
  t.after(() => member.kill());
  await member.start();
  return { port, port2, member };
}

/** The request must bring no HTTP answer: the connection is refused, reset or closed. */
async function assertNoAnswer(port: number, tls: ConnectionOptions | undefined, why: string): Promise<void> {
  const answer = await (async () => {
    const connection = await RawConnection.connect({ port, ...(tls === undefined ? {} : { tls }) });
    try {
      connection.send(getVersion);
      return (await connection.readToEnd()).toString('latin1');
    } finally {
      connection.close();
    }
  })().catch(() => '');
  // A TLS alert is no answer in HTTP.
  assert.doesNotMatch(answer, /HTTP\//, why);
}

test('clients must show a certificate of the trusted authority', { skip }, async (t) => {
  const folder = temporaryFolder('certificates');
  const authority = await CertificateAuthority.create(folder, 'authority');
  const other = await CertificateAuthority.create(folder, 'other');
  const server = await authority.issue('server');
  const client = await authority.issue('client');
  const stranger = await other.issue('stranger');
  const { port } = await serve(t, (clientPort) => [
    `--listen-client-urls=https://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=https://127.0.0.1:${clientPort}`,
    `--cert-file=${server.cert}`,
    `--key-file=${server.key}`,
    `--trusted-ca-file=${authority.ca}`,
    '--client-cert-auth',
  ]);
  const known = credentials(authority.ca, client);
  const version = await rawRequest({ port, tls: known }, getVersion);
  assert.match(version.body.toString(), /etcdserver/);
  const put = await rawRequest(
    { port, tls: known },
    'PUT /v2/keys/a?value=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
  );
  assert.equal(put.status, 201);
  await assertNoAnswer(port, credentials(authority.ca), 'no certificate');
  await assertNoAnswer(port, credentials(authority.ca, stranger), 'a certificate of another authority');
  await assertNoAnswer(port, undefined, 'plain HTTP');
  await assert.rejects(
    rawRequest({ port, tls: credentials(other.ca, client) }, getVersion),
    'a client that trusts another authority does not take this server',
  );
  // Those attempts have not hurt anybody.
  assert.equal((await rawRequest({ port, tls: known }, getVersion)).status, 200);
});

test('both schemes side by side in one listen list', { skip }, async (t) => {
  const folder = temporaryFolder('certificates');
  const authority = await CertificateAuthority.create(folder, 'authority');
  const server = await authority.issue('server');
  const { port, port2 } = await serve(t, (secure, plain) => [
    `--listen-client-urls=https://127.0.0.1:${secure},http://127.0.0.1:${plain}`,
    `--advertise-client-urls=https://127.0.0.1:${secure}`,
    `--cert-file=${server.cert}`,
    `--key-file=${server.key}`,
  ]);
  assert.equal((await rawRequest({ port, tls: credentials(authority.ca) }, getVersion)).status, 200);
  assert.equal((await rawRequest({ port: port2 }, getVersion)).status, 200);
  await assertNoAnswer(port, undefined, 'plain HTTP on the TLS port');
  await assertNoAnswer(port2, credentials(authority.ca), 'TLS on the plain port');
});

test('files that change on disk are used without a restart', { skip }, async (t) => {
  const folder = temporaryFolder('certificates');
  const authority = await CertificateAuthority.create(folder, 'authority');
  const server = await authority.issue('server');
  const renewed = await authority.issue('renewed');
  const { port } = await serve(t, (clientPort) => [
    `--listen-client-urls=https://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=https://127.0.0.1:${clientPort}`,
    `--cert-file=${server.cert}`,
    `--key-file=${server.key}`,
  ]);
  const nameShown = async (): Promise<string> => {
    const connection = await RawConnection.connect({ port, tls: credentials(authority.ca) });
    const shown = (connection.socket as TLSSocket).getPeerCertificate().subject.CN;
    connection.close();
    return String(shown);
  };
  assert.equal(await nameShown(), 'server');
  const kept = await RawConnection.connect({ port, tls: credentials(authority.ca) });
  t.after(() => kept.close());
  replaceFiles(renewed, server);
  await until('new connections are shown the new certificate', async () => (await nameShown()) === 'renewed');
  // A connection made before goes on.
  kept.send(getVersion);
  assert.equal((await kept.readResponse()).status, 200);
});

test('a certificate made by the server itself (--auto-tls)', { skip }, async (t) => {
  const { port } = await serve(t, (clientPort) => [
    `--listen-client-urls=https://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=https://127.0.0.1:${clientPort}`,
    '--auto-tls',
  ]);
  // Nobody has signed it, so it cannot be verified.
  const tls = { rejectUnauthorized: false };
  assert.equal((await rawRequest({ port, tls }, getVersion)).status, 200);
  await assertNoAnswer(port, undefined, 'plain HTTP');
});

test('members that know each other by their certificates', { skip }, async (t) => {
  const folder = temporaryFolder('certificates');
  const authority = await CertificateAuthority.create(folder, 'authority');
  const other = await CertificateAuthority.create(folder, 'other');
  const peer = await authority.issue('peer');
  const stranger = await other.issue('stranger');
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
    peerScheme: 'https',
    flags: [
      `--peer-cert-file=${peer.cert}`,
      `--peer-key-file=${peer.key}`,
      `--peer-trusted-ca-file=${authority.ca}`,
      '--peer-client-cert-auth',
    ],
  });
  assert.equal((await cluster.members[0]!.client.put('/a', { value: '1' })).status, 201);
  await cluster.agreedTree();
  const port = Number(new URL(cluster.members[0]!.peerUrl).port);
  await assertNoAnswer(port, credentials(authority.ca), 'no certificate');
  await assertNoAnswer(port, credentials(authority.ca, stranger), 'another authority');
  await assertNoAnswer(port, undefined, 'plain HTTP');
  const version = await rawRequest({ port, tls: credentials(authority.ca, peer) }, getVersion);
  assert.match(version.body.toString(), /etcdserver/);
});

test('members with certificates they made themselves (--peer-auto-tls)', { skip }, async (t) => {
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
    peerScheme: 'https',
    flags: ['--peer-auto-tls'],
  });
  assert.equal((await cluster.members[1]!.client.put('/a', { value: '1' })).status, 201);
  await cluster.agreedTree();
  await assertNoAnswer(Number(new URL(cluster.members[0]!.peerUrl).port), undefined, 'plain HTTP');
});
