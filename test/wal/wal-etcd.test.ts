/** The files of a real etcd read here, and files written here read by a real etcd. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import test, { type TestContext } from 'node:test';
import { createNodeDisk } from '../../src/platform/node-disk.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Entry, HardState } from '../../src/raft/types.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { dataLayout, lockDataDirectory } from '../../src/wal/data-directory.ts';
import { openNewest } from '../../src/wal/open-newest.ts';
import { openWal } from '../../src/wal/open-wal.ts';
import type { WalMetadata } from '../../src/wal/record-encoder.ts';
import { saveSnapshot } from '../../src/wal/snapshot-file.ts';
import { decodeV2Request } from '../../src/wire/v2-request.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { needs } from '../support/needs.ts';
import { append } from './wal-fixture.ts';

const disk = createNodeDisk();
const options = { log: silentLog };
const skip = needs('etcd');

interface Running {
  readonly process: ChildProcess;
  readonly url: string;
  readonly peerUrl: string;
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** Resolves when etcd serves; rejects with its last lines if it ends before. */
async function startEtcd(
  t: TestContext,
  folder: string,
  snapshotCount: number,
  peerPort?: number,
): Promise<Running> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${peerPort ?? (await freePort())}`;
  const child = spawn(
    'etcd',
    [
      ...['--name', 'one', '--data-dir', folder, '--enable-v2', '--snapshot-count', String(snapshotCount)],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `one=${peerUrl}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const last: string[] = [];
  const lines = createInterface(child.stderr!);
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (last.push(line) > 6) last.shift();
      if (line.includes('ready to serve client requests')) resolve();
    });
    child.once('exit', () => reject(new Error(`etcd ended: ${last.join('\n')}`)));
  });
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await once(child, 'exit');
  };
  return { process: child, url, peerUrl, stop };
}

async function put(url: string, key: string, value: string): Promise<void> {
  const body = new URLSearchParams({ value });
  const response = await fetch(`${url}/v2/keys/${key}`, { method: 'PUT', body });
  assert.ok(response.ok, await response.text());
}

async function get(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/v2/keys/${key}`);
  const body = (await response.json()) as { node?: { value: string } };
  return body.node?.value ?? JSON.stringify(body);
}

/** Keys and values of the v2 writes to clients' keys, in order. */
function writes(entries: readonly Entry[]): string[] {
  return entries
    .filter((entry) => entry.type === 'normal' && entry.data.length > 0)
    .map((entry) => decodeV2Request(entry.data).request)
    .filter((request) => request.path.startsWith('/1/'))
    .map((request) => `${request.path}=${request.value}`);
}

const expectedWrites = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, i) => `/1/key${first + i}=value ${first + i}`);

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a log that etcd wrote until ${signal}`, { skip }, async (t) => {
    const folder = temporaryFolder('etcd');
    const etcd = await startEtcd(t, folder, 10_000);
    for (let i = 1; i <= 30; i++) await put(etcd.url, `key${i}`, `value ${i}`);
    // While it runs, its log is its own.
    await assert.rejects(openNewest(disk, dataLayout(folder), options), { code: 'data-locked' });
    await etcd.stop(signal);

    const opened = await openNewest(disk, dataLayout(folder), options);
    assert.equal(opened.snapshot, undefined);
    assert.deepEqual(writes(opened.entries), expectedWrites(1, 30));
    assert.equal(opened.entries[0]?.type, 'conf-change');
    assert.equal(opened.hardState.vote, opened.metadata.memberId);
    assert.ok(opened.hardState.commit >= opened.entries.length - 2);
    await opened.wal.close();
  });
}

test('snapshots that etcd wrote, and a log that goes on in turns', { skip }, async (t) => {
  const folder = temporaryFolder('etcd');
  const layout = dataLayout(folder);
  const first = await startEtcd(t, folder, 10);
  const peerPort = Number(new URL(first.peerUrl).port);
  for (let i = 1; i <= 45; i++) await put(first.url, `key${i}`, `value ${i}`);
  await first.stop('SIGTERM');

  const opened = await openNewest(disk, layout, options);
  assert.ok(opened.snapshot !== undefined && opened.snapshot.metadata.index >= 30);
  assert.deepEqual(opened.snapshot.metadata.confState.voters, [opened.metadata.memberId]);
  const tree = JSON.parse(new TextDecoder().decode(opened.snapshot.data));
  assert.equal(tree.Root.Children['1'].Children.key20.Value, 'value 20');
  const tail = writes(opened.entries);
  assert.deepEqual(tail, expectedWrites(45 - tail.length + 1, 45));

  // Ours: a write of etcd's with another value, and a hard state that commits it.
  const last = opened.entries.at(-1)!;
  const template = opened.entries.findLast((entry) => writes([entry]).length > 0)!;
  const data = Buffer.from(
    Buffer.from(template.data).toString('latin1').replace('value 45', 'ours  45'),
    'latin1',
  );
  const index = last.index + 1;
  const hardState = { ...opened.hardState, commit: index };
  await append(opened.wal, { entries: [{ index, term: last.term, type: 'normal', data }], hardState });
  await opened.wal.close();

  const second = await startEtcd(t, folder, 10, peerPort);
  assert.equal(await get(second.url, 'key45'), 'ours  45');
  assert.equal(await get(second.url, 'key1'), 'value 1');
  await put(second.url, 'key46', 'value 46');
  await second.stop('SIGTERM');
  const again = await openNewest(disk, layout, options);
  assert.ok(again.entries.length > 0);
  assert.deepEqual(writes(again.entries).at(-1), '/1/key46=value 46');
  await again.wal.close();
});

/** A log of ours with the given content, in many small segments, opened and closed in between. */
async function rewrite(
  folder: string,
  metadata: WalMetadata,
  entries: readonly Entry[],
  hardState: HardState,
): Promise<void> {
  const layout = dataLayout(folder);
  const lock = await lockDataDirectory(disk, layout);
  const small = { ...options, segmentBytes: 2000, zeroAheadBytes: 1000 };
  await (await createWal(disk, layout.wal, metadata, small)).close();
  for (let i = 0; i < entries.length; i += 10) {
    const { wal } = await openWal(disk, layout.wal, { index: 0, term: 0 }, small);
    for (const entry of entries.slice(i, i + 10)) {
      const commit = Math.min(entry.index - 1, hardState.commit);
      await append(wal, { entries: [entry], hardState: { ...hardState, commit } });
      await append(
        wal,
        { hardState: { ...hardState, commit: Math.min(entry.index, hardState.commit) } },
        false,
      );
    }
    await wal.close();
  }
  await lock.release();
}

test('etcd starts on a log and a snapshot that were written here', { skip }, async (t) => {
  const theirs = temporaryFolder('etcd');
  const first = await startEtcd(t, theirs, 10_000);
  const peerPort = Number(new URL(first.peerUrl).port);
  for (let i = 1; i <= 60; i++) await put(first.url, `key${i}`, `value ${i}`);
  await first.stop('SIGTERM');
  const read = await openNewest(disk, dataLayout(theirs), options);
  await read.wal.close();

  const ours = temporaryFolder('quorate');
  await rewrite(ours, read.metadata, read.entries, read.hardState);
  const layout = dataLayout(ours);
  assert.ok(readdirSync(layout.wal).filter((name) => name.endsWith('.wal')).length > 3);
  const second = await startEtcd(t, ours, 10, peerPort);
  for (const i of [1, 30, 60]) assert.equal(await get(second.url, `key${i}`), `value ${i}`);
  // etcd snapshots soon (every 10 entries) and goes on in our segments.
  for (let i = 61; i <= 90; i++) await put(second.url, `key${i}`, `value ${i}`);
  // It holds the lock that we take, too.
  await assert.rejects(openNewest(disk, layout, options), { code: 'data-locked' });
  await second.stop('SIGTERM');

  const opened = await openNewest(disk, layout, options);
  assert.ok(opened.snapshot !== undefined);
  assert.deepEqual(writes(opened.entries).at(-1), '/1/key90=value 90');

  // Its newest snapshot written again by us, in slices, under an index of our own choice: the last one applied.
  const { snapshot } = opened;
  const path = `${layout.snap}/${readdirSync(layout.snap).findLast((name) => name.endsWith('.snap'))}`;
  rmSync(path);
  const slices = Array.from({ length: 10 }, (_, i) => {
    const size = Math.ceil(snapshot.data.length / 10);
    return snapshot.data.subarray(i * size, (i + 1) * size);
  });
  await saveSnapshot(disk, layout.snap, snapshot.metadata, slices);
  assert.ok(statSync(path).size > snapshot.data.length);
  await opened.wal.close();
  const third = await startEtcd(t, ours, 10, peerPort);
  for (const i of [1, 60, 90]) assert.equal(await get(third.url, `key${i}`), `value ${i}`);
  await third.stop('SIGTERM');
});

test('etcd does not start on a log that is open here', { skip }, async (t) => {
  const folder = temporaryFolder('quorate');
  const first = await startEtcd(t, folder, 10_000);
  const peerPort = Number(new URL(first.peerUrl).port);
  await put(first.url, 'key1', 'value 1');
  await first.stop('SIGTERM');
  const opened = await openNewest(disk, dataLayout(folder), options);
  await assert.rejects(
    startEtcd(t, folder, 10_000, peerPort),
    /etcd ended: (.|\n)*(locked|failed to open WAL)/,
  );
  await opened.wal.close();
});

test('a torn tail that etcd left', { skip }, async (t) => {
  const folder = temporaryFolder('etcd');
  const etcd = await startEtcd(t, folder, 10_000);
  for (let i = 1; i <= 10; i++) await put(etcd.url, `key${i}`, `value ${i}`);
  await etcd.stop('SIGKILL');
  const layout = dataLayout(folder);
  const name = readdirSync(layout.wal).find((file) => file.endsWith('.wal'))!;
  const whole = await openNewest(disk, layout, options);
  await whole.wal.close();
  const file = await disk.open(`${layout.wal}/${name}`);
  const all = await disk.readFile(`${layout.wal}/${name}`);
  const end = all.findLastIndex((byte) => byte !== 0);
  await file.truncate(end - 3);
  await file.close();
  const opened = await openNewest(disk, layout, options);
  assert.ok(readdirSync(layout.wal).includes(`${name}.broken`));
  assert.ok(opened.entries.length >= whole.entries.length - 1);
  await opened.wal.close();
});
