/**
 * /metrics beside a real etcd 3.5: after the same requests the same counts of gRPC calls; every name of etcd's own is given or stands in docs/METRICS.md with the
 * reason. And what only Quorate tells: refused floods and broken HTTP/2.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { PATIENCE } from '../support/patient-etcdctl.ts';
import { type Program, underTest } from '../support/program.ts';
import { until } from '../support/until.ts';
import { callGateway, type GatewayFields } from './v3-gateway.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const run = promisify(execFile);

const requests: readonly (readonly [path: string, body: GatewayFields])[] = [
  ['kv/put', { key: 'YQ==', value: 'MQ==' }],
  ['kv/put', { key: 'Yg==', value: 'MQ==' }],
  ['kv/range', { key: 'YQ==' }],
  ['kv/range', { key: 'YQ==', revision: '77' }],
  ['kv/range', {}],
  ['kv/txn', { success: [{ request_put: { key: 'Yw==' } }, { request_range: { key: 'Yw==' } }] }],
  ['kv/txn', { success: [{ request_delete_range: { key: 'Yw==' } }] }],
  ['kv/deleterange', { key: 'Yg==' }],
  ['kv/compaction', { revision: '3' }],
  ['kv/compaction', { revision: '2' }],
  ['lease/grant', { ID: '7', TTL: '100' }],
  ['lease/grant', { ID: '7', TTL: '100' }],
  ['lease/grant', { ID: '8', TTL: '100' }],
  ['lease/revoke', { ID: '8' }],
  ['lease/keepalive', { ID: '7' }],
  ['maintenance/downgrade', { action: 'VALIDATE', version: 'x' }],
  ['maintenance/status', {}],
];
/** Equal after them, whoever counts. */
const equalGauges =
  /^etcd_(?:mvcc_(?:put|delete|txn)_total|debugging_lease_(?:granted|revoked)_total|debugging_mvcc_(?:current_revision|compact_revision|keys_total|watcher_total|slow_watcher_total|watch_stream_total)|server_is_leader) /;

async function scrape({ clientUrl }: ClusterMember): Promise<string[]> {
  return (await (await fetch(`${clientUrl}/metrics`)).text()).split('\n');
}

function namesOf(lines: readonly string[]): string[] {
  const names = lines.flatMap((line) => /^# TYPE (\w+) /.exec(line)?.[1] ?? []);
  return names.filter((name) => /^(?:etcd|grpc)_/.test(name)).sort();
}

async function askedEach(t: TestContext, program: Program): Promise<string[]> {
  const cluster = await Cluster.start(t, { programs: [program], flags: ['--metrics=extensive'] });
  const [member] = cluster.members as [ClusterMember];
  for (const [path, body] of requests) {
    await callGateway(member.clientUrl, `/v3/${path}`, body).catch((error: Error) => {
      // What is wrong on purpose; the answers themselves are the gateway's tests' business.
      assert.match(error.message, /"code":/);
    });
  }
  const etcdctl = join(dirname(etcd35.command), 'etcdctl');
  await run(etcdctl, [...PATIENCE, `--endpoints=${member.clientUrl}`, 'put', 'by', 'gRPC']);
  await run(etcdctl, [...PATIENCE, `--endpoints=${member.clientUrl}`, 'get', 'by', '--rev=99']).catch(
    () => {},
  );
  // A call may be counted a moment after its answer has come.
  return until('all calls have ended', async () => {
    const lines = await scrape(member);
    const total = (name: string): number =>
      lines
        .filter((line) => line.startsWith(`grpc_server_${name}_total{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    return total('started') === total('handled') && lines;
  });
}

test('the names and the counts of etcd 3.5', { skip: needsEtcd35('quorate') }, async (t) => {
  const [theirs, ours] = await Promise.all([askedEach(t, etcd35), askedEach(t, underTest)]);
  const calls = (lines: readonly string[]): string[] =>
    lines
      .filter((line) => /^grpc_server_(?:started|handled|msg_\w+)_total\{/.test(line) && !line.endsWith(' 0'))
      .sort();
  assert.deepEqual(calls(ours), calls(theirs));
  assert.ok(calls(ours).length > 40, `${calls(ours).length}`);
  const gauges = (lines: readonly string[]): string[] =>
    lines.filter((line) => equalGauges.test(line)).sort();
  assert.deepEqual(gauges(ours), gauges(theirs));
  const measured = (lines: readonly string[]): string[] =>
    lines.filter((line) => /^grpc_server_handling_seconds_count\{/.test(line) && !line.endsWith(' 0')).sort();
  assert.deepEqual(measured(ours), measured(theirs));

  const document = readFileSync(new URL('../../docs/METRICS.md', import.meta.url), 'utf8');
  const leftOut = [...document.slice(document.indexOf('## Left out')).matchAll(/^\| `(\w+)` \|/gm)].map(
    ([, name]) => name!,
  );
  const given = new Set(namesOf(ours));
  assert.deepEqual(
    namesOf(theirs).filter((name) => !given.has(name)),
    [...leftOut].sort(),
  );
});

/** Sends bytes after HTTP/2's preface and its settings, and resolves when the server has ended the connection. */
async function speak(port: number, frames: Uint8Array): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  const settings = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, frames]));
  await new Promise((resolve) => socket.on('close', resolve));
}

test('broken HTTP/2 and floods are counted', { skip: needs('quorate') }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const [member] = cluster.members as [ClusterMember];
  const figure = async (name: string): Promise<number> => {
    const start = `quorate_listener_${name}_total{url="${member.clientUrl}"} `;
    const line = (await scrape(member)).find((each) => each.startsWith(start));
    return Number(line?.slice(start.length));
  };
  assert.deepEqual([await figure('http2_protocol_errors'), await figure('http2_floods')], [0, 0]);
  const port = Number(new URL(member.clientUrl).port);
  // DATA on stream 0.
  await speak(port, Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0, 0, 7));
  assert.deepEqual([await figure('http2_protocol_errors'), await figure('http2_floods')], [1, 0]);
  const ping = Uint8Array.of(0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  await speak(port, Buffer.concat(Array(20_000).fill(ping)));
  assert.deepEqual([await figure('http2_protocol_errors'), await figure('http2_floods')], [2, 1]);
  assert.equal(await figure('http2_connections'), 2);
});
