/**
 * Much data read by several clients at once, over sockets: what the server holds besides stays small, however slowly they read. (The pages of the mapped file, which the
 * system takes back as it likes, do not count.)
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientReadableStream, credentials } from '@grpc/grpc-js';
import {
  PutRequestSchema,
  RangeRequestSchema,
  type RangeResponse,
  RangeResponseSchema,
  RangeStreamResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { temporaryFolder } from '../../support/data-folder.ts';
import { freePort } from '../../support/free-ports.ts';
import { MemberProcess } from '../../support/member-process.ts';
import { needs } from '../../support/needs.ts';
import { isFullLength, isStandIn, underTest } from '../../support/program.ts';

const MIB = 1024 * 1024;
const CLIENTS = 5;
const VALUE_BYTES = 256 * 1024;
const ROWS = isFullLength ? 4096 : 256;
/** Beside what it held before; all clients' data would be five times the whole. */
const EXTRA_BYTES_MAX = (isFullLength ? 300 : 100) * MIB;

const skip = isStandIn ? 'etcd 3.5 has no RangeStream' : needs('quorate');
const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const ALL = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

async function start(t: TestContext): Promise<{ readonly member: MemberProcess; readonly port: number }> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const member = new MemberProcess(underTest, [
    `--data-dir=${temporaryFolder('range-memory')}/data`,
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--advertise-client-urls=http://127.0.0.1:${port}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
  ]);
  t.after(() => member.kill());
  await member.start();
  return { member, port };
}

function client(t: TestContext, port: number): Client {
  const options = { 'grpc.max_receive_message_length': -1 };
  const made = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  t.after(() => made.close());
  return made;
}

function unary(to: Client, path: string, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    to.makeUnaryRequest(
      path,
      asIs,
      (bytes) => bytes,
      request,
      (error, answer) => (error === null ? resolve(answer!) : reject(error)),
    );
  });
}

async function fill(to: Client): Promise<void> {
  for (let row = 0; row < ROWS; row++) {
    const key = Buffer.from(String(row).padStart(6, '0'));
    const value = Buffer.alloc(VALUE_BYTES, row);
    const request = create(PutRequestSchema, { key, value });
    await unary(to, '/etcdserverpb.KV/Put', toBinary(PutRequestSchema, request));
  }
}

/** Of memory that belongs to no file. */
function ownBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

function checkRows(kvs: RangeResponse['kvs'], from: number): void {
  kvs.forEach(({ key, value }, at) => {
    assert.equal(Buffer.from(key).toString(), String(from + at).padStart(6, '0'));
    assert.equal(value.length, VALUE_BYTES);
    assert.equal(value[VALUE_BYTES - 1], (from + at) % 256);
  });
}

test('five clients stream everything, one of them after the other', { skip }, async (t) => {
  const { member, port } = await start(t);
  await fill(client(t, port));
  const before = ownBytes(member.pid);
  const request = toBinary(RangeRequestSchema, create(RangeRequestSchema, ALL));
  const streams: ClientReadableStream<Uint8Array>[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const path = '/etcdserverpb.KV/RangeStream';
    streams.push(client(t, port).makeServerStreamRequest(path, asIs, (bytes) => bytes, request));
  }
  // All have begun, and none reads on.
  await Promise.all(streams.map((stream) => once(stream, 'readable')));
  let extra = ownBytes(member.pid) - before;
  for (const stream of streams) {
    let rows = 0;
    let last: RangeResponse | undefined;
    for await (const message of stream) {
      last = fromBinary(RangeStreamResponseSchema, message as Uint8Array).rangeResponse!;
      checkRows(last.kvs, rows);
      rows += last.kvs.length;
      extra = Math.max(extra, ownBytes(member.pid) - before);
    }
    assert.deepEqual([rows, last?.count, last?.more], [ROWS, BigInt(ROWS), false]);
  }
  t.diagnostic(`${(ROWS * VALUE_BYTES) / MIB} MiB, ${CLIENTS} clients: ${Math.round(extra / MIB)} MiB`);
  assert.ok(extra < EXTRA_BYTES_MAX, `${extra} bytes`);
});

test('one large unary answer needs little more than its own size', { skip }, async (t) => {
  const { member, port } = await start(t);
  const reader = client(t, port);
  await fill(reader);
  const before = ownBytes(member.pid);
  const request = toBinary(RangeRequestSchema, create(RangeRequestSchema, { ...ALL, limit: 200n }));
  const { kvs, count, more } = fromBinary(
    RangeResponseSchema,
    await unary(reader, '/etcdserverpb.KV/Range', request),
  );
  const extra = ownBytes(member.pid) - before;
  checkRows(kvs, 0);
  assert.deepEqual([kvs.length, count, more], [200, BigInt(ROWS), true]);
  t.diagnostic(`${(200 * VALUE_BYTES) / MIB} MiB: ${Math.round(extra / MIB)} MiB`);
  assert.ok(extra < 200 * VALUE_BYTES * 2.5, `${extra} bytes`);
});
