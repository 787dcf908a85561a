/**
 * The store against a real etcd 3.4 over its HTTP v2 API: the same random requests, the same answers byte for byte (status, index header
 * and body; expiry times aside), the same errors, the same history and the same streams.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { httpStatusOfV2Error } from '../../../src/store/v2/errors.ts';
import { encodeError, encodeEvent } from '../../../src/store/v2/event-encoder.ts';
import { encodeStoreStats } from '../../../src/store/v2/store-stats.ts';
import type { V2Outcome, V2Store } from '../../../src/store/v2/types.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';
import { fc } from '../../support/fast-check.ts';
import { freePort } from '../../support/free-ports.ts';
import { MemberProcess } from '../../support/member-process.ts';
import { needs } from '../../support/needs.ts';
import { etcd } from '../../support/program.ts';
import { applyRequest, prevIndexOf, type Request, requestArbitrary } from './request.ts';

/** What etcd writes below /0 before it serves clients: the member's two keys and the version. */
const FIRST_INDEX = 3;
const FOREVER = { expireTimeNs: undefined, refresh: false };
const agent = new Agent({ keepAlive: true });

interface Answer {
  readonly status: number;
  readonly index: string;
  readonly body: string;
}

/** Of etcd. */
let port = 0;

test('a real etcd 3.4 answers the same', { skip: needs(etcd.command) }, async (t) => {
  await startEtcd(t);
  const store = createV2Store(['/0', '/1']);
  for (let n = 0; n < FIRST_INDEX; n += 1) store.set(`/0/${n}`, false, '', FOREVER, 0n);

  const seed = Number(process.env['V2_ORACLE_SEED'] ?? 20_261_122);
  t.diagnostic(`seed ${seed}`);

  await t.test('random requests and streams', async () => {
    const paths = ['/1', '/1/a', '/1/a/b', '/1/_h', '/1/b', '/1/a/_h'];
    const streams = await Promise.all(
      paths.flatMap((path) => [openStream(store, path, true), openStream(store, path, false)]),
    );
    const requests = fc.sample(requestArbitrary(false), { numRuns: 4000, seed });
    for (const [at, request] of requests.entries()) {
      await compareRequest(store, request, `request ${at} (seed ${seed}): ${JSON.stringify(request)}`);
    }
    // A last event for every stream that every one of them hears.
    for (const path of ['/1/a/_h', '/1/a/b', '/1/a', '/1/_h', '/1/b']) {
      await compareRequest(store, { ...BLANK, method: 'DELETE', path, recursive: true }, `end ${path}`);
      await compareRequest(store, { ...BLANK, method: 'PUT', path, value: 'end' }, `end ${path}`);
    }
    for (const stream of streams) {
      await stream.arrived();
      assert.equal(mask(stream.received()), mask(stream.expected()), `stream on ${stream.name}`);
      stream.close();
    }
  });

  await t.test('the history, and 401 beyond it', async () => {
    assert.ok(store.currentIndex > 1100, 'the history has wrapped');
    const last = store.currentIndex;
    let compared = 0;
    for (const path of ['/1', '/1/a', '/1/a/b', '/1/_h', '/1/ab', '/1/a/a/b']) {
      for (const back of [1200, 1000, 999, 998, 700, 500, 321, 123, 77, 31, 9, 4, 1, 0]) {
        for (const recursive of [true, false]) {
          const since = Math.max(1, last - back);
          const expected = watchNow(store, path, recursive, since);
          if (expected === undefined) continue;
          const query = `?wait=true&waitIndex=${since}&recursive=${recursive}`;
          const answer = await send('GET', `${apiPath(path)}${query}`, '');
          assert.equal(mask(answer.body), mask(expected), `${path} since ${since}`);
          compared += 1;
        }
      }
    }
    assert.ok(compared > 80, `only ${compared} watches had something to compare`);
  });

  await t.test('counters', async () => {
    const theirs = JSON.parse((await send('GET', '/v2/stats/store', '')).body) as Record<string, number>;
    const ours = JSON.parse(encodeStoreStats(store.stats)) as Record<string, number>;
    assert.deepEqual(Object.keys(theirs), Object.keys(ours));
    for (const name of Object.keys(ours)) {
      // Etcd's own start-up writes and reads below /0, and its closing watchers, are not ours to repeat.
      if (['getsSuccess', 'getsFail', 'setsSuccess', 'createSuccess', 'watchers'].includes(name)) continue;
      assert.equal(ours[name], theirs[name], name);
    }
  });

  await t.test('keys and directories expire with the same events', async () => {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    const since = store.currentIndex + 1;
    const ttl = (seconds: number) => ({
      expireTimeNs: nowNs + BigInt(seconds) * 1_000_000_000n,
      refresh: false,
    });
    // Long enough for all to be there before the first ends.
    const expiring: [path: string, dir: boolean, seconds: number][] = [
      ['/1/x/file', false, 10],
      ['/1/x/dir', true, 11],
      ['/1/x/dir/child', false, 500],
    ];
    for (const [path, dir, seconds] of expiring) {
      store.set(path, dir, '', ttl(seconds), nowNs);
      await send(
        'PUT',
        apiPath(path),
        new URLSearchParams({ dir: String(dir), ttl: String(seconds) }).toString(),
      );
    }
    store.deleteExpired(nowNs + 11_000_000_000n);
    for (const index of [since + 3, since + 4]) {
      const answer = await send('GET', `/v2/keys/?wait=true&recursive=true&waitIndex=${index}`, '');
      assert.equal(mask(answer.body), mask(watchNow(store, '/1', true, index)!));
    }
    await compareRequest(
      store,
      { ...BLANK, method: 'GET', path: '/1', recursive: true },
      'the tree at the end',
    );
  });
});

const BLANK: Request = {
  method: 'GET',
  path: '/1',
  value: '',
  dir: false,
  ttlSeconds: undefined,
  refresh: false,
  prevExist: undefined,
  prevValue: '',
  prevIndexBack: 0,
  recursive: false,
};

async function compareRequest(store: V2Store, request: Request, label: string): Promise<void> {
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const prevIndex = prevIndexOf(request, store.currentIndex, store.currentIndex);
  const outcome = applyRequest(store, request, prevIndex, nowNs)!;
  const query = new URLSearchParams();
  if (request.dir) query.set('dir', 'true');
  if (request.recursive) query.set('recursive', 'true');
  if (request.method === 'GET') query.set('sorted', 'true');
  const form = new URLSearchParams();
  if (request.method === 'PUT' || request.method === 'POST') {
    if (!request.refresh) form.set('value', request.value);
    if (request.ttlSeconds !== undefined) form.set('ttl', String(request.ttlSeconds));
    if (request.refresh) form.set('refresh', 'true');
  }
  if (request.method === 'PUT' && request.prevExist !== undefined) {
    form.set('prevExist', String(request.prevExist));
  }
  if (request.method === 'PUT' || request.method === 'DELETE') {
    if (request.prevValue !== '') query.set('prevValue', request.prevValue);
    if (prevIndex > 0) query.set('prevIndex', String(prevIndex));
  }
  const answer = await send(request.method, `${apiPath(request.path)}?${query}`, form.toString());
  assert.deepEqual({ ...answer, body: mask(answer.body) }, expectedAnswer(outcome), label);
}

function expectedAnswer(outcome: V2Outcome): Answer {
  const { event, error } = outcome;
  if (error !== undefined) {
    return {
      status: httpStatusOfV2Error(error),
      index: String(error.index),
      body: encodeError(error, '/1'),
    };
  }
  const isCreated = event.action === 'create' || (event.action === 'set' && event.prevNode === undefined);
  return {
    status: isCreated ? 201 : 200,
    index: String(event.etcdIndex),
    body: mask(encodeEvent(event, 2)),
  };
}

/** Times differ between two processes. */
function mask(body: string): string {
  return body.replace(/"expiration":"[^"]*Z"(,"ttl":-?\d+)?/g, '"expiration":T');
}

/** What a watch in the past is answered, or undefined if it would wait. */
function watchNow(store: V2Store, path: string, recursive: boolean, since: number): string | undefined {
  let text: string | undefined;
  const { watcher, error } = store.watch(
    path,
    recursive,
    false,
    since,
    (event) => {
      text = encodeEvent(event, 2);
    },
    0n,
  );
  watcher?.remove();
  return error === undefined ? text : encodeError(error, '/1');
}

async function openStream(store: V2Store, path: string, recursive: boolean) {
  let expected = '';
  let received = '';
  let wake = (): void => {};
  store.watch(
    path,
    recursive,
    true,
    0,
    (event) => {
      expected += encodeEvent(event, 2);
    },
    0n,
  );
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const url = `${apiPath(path)}?wait=true&stream=true&recursive=${recursive}`;
    httpRequest({ host: '127.0.0.1', port, path: url, agent: false }, resolve).on('error', reject).end();
  });
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    received += text;
    wake();
  });
  response.on('error', () => {});
  return {
    name: `${path}${recursive ? ' recursive' : ''}`,
    expected: () => expected,
    received: () => received,
    close: () => response.destroy(),
    /** Resolves once as many events have come as are expected. */
    async arrived(): Promise<void> {
      while (received.split('\n').length < expected.split('\n').length) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function apiPath(storePath: string): string {
  return `/v2/keys${storePath.slice(2).split('/').map(encodeURIComponent).join('/')}`;
}

function send(method: string, path: string, form: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(form),
    };
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode!, index: String(response.headers['x-etcd-index']), body });
      });
    });
    request.on('error', reject);
    request.end(form);
  });
}

/** Resolves when all that etcd writes for itself is written. */
async function startEtcd(t: TestContext): Promise<void> {
  const dataDir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'quorate-v2-'));
  port = await freePort();
  const clientUrl = `http://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const member = new MemberProcess(etcd, [
    '--name=oracle',
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=oracle=${peerUrl}`,
  ]);
  t.after(async () => {
    agent.destroy();
    await member.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  // It is ready when it has published itself; the version may come before or after.
  await member.start();
  await member.waitForLog(
    /updated the cluster version|cluster version is updated|set the initial cluster version/,
  );
  const answer = await send('GET', '/v2/keys/?quorum=true', '');
  assert.equal(answer.index, String(FIRST_INDEX), 'etcd wrote what was expected before serving');
}
