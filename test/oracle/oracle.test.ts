/**
 * The same as etcd: the transcripts in `transcripts/` hold what a real etcd 3.4.23 with --enable-v2 answers. Each is played
 * against Quorate and, where one is installed, against a real etcd, and must come out the same: status, headers, body, indexes.
 *
 * A single member advertises the default URLs wherever it listens, so that ids and addresses are equal in every run.
 * QUORATE_UPDATE=1 rewrites the answers from the real etcd.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Cluster } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { etcd, type Program, underTest } from '../support/program.ts';
import { until } from '../support/until.ts';
import { etcdIndexOf, expectStatus, V2Client } from '../support/v2-client.ts';
import type { Names } from './render-answer.ts';
import { runScript } from './run-script.ts';
import { parseScript, printScript, printStep, requestCount, type Script } from './script.ts';

const folder = new URL('transcripts/', import.meta.url);
const isUpdating = process.env['QUORATE_UPDATE'] === '1';
const only = process.env['QUORATE_TRANSCRIPT'];

interface Served {
  readonly ports: readonly number[];
  readonly names: Names;
}

async function serveOne(t: TestContext, program: Program, flags: readonly string[]): Promise<Served> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const data = temporaryFolder('oracle');
  const member = new MemberProcess(program, [
    `--data-dir=${data}/data`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    '--advertise-client-urls=http://127.0.0.1:2379',
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://127.0.0.1:2380',
    ...flags,
  ]);
  t.after(() => member.kill());
  await member.start();
  await decided(`http://127.0.0.1:${clientPort}`);
  return { ports: [clientPort], names: { clusterId: '1c45a069f3a1d796', masks: new Map() } };
}

/**
 * The cluster's version is a write to the store that comes soon after the start, or two of them, if the leader could not ask every member at first: until then
 * indexes are not settled.
 */
async function decided(url: string): Promise<void> {
  const client = new V2Client(url);
  await until('the cluster version', async () =>
    (await client.get('/version')).text.includes('"etcdcluster":"3.4.0"'),
  );
  client.close();
}

/** Where clusters begin, however many writes their start has taken. */
const FIRST_INDEX = 20;

async function writeUpToFirstIndex(client: V2Client): Promise<void> {
  let index = 0;
  while (index < FIRST_INDEX)
    index = etcdIndexOf(expectStatus(await client.put('/settled', { value: '' }), 200, 201));
  if (index > FIRST_INDEX) throw new Error(`the start has taken ${index} writes`);
}

/** Ids and ports differ from run to run here, so transcripts call them by the member's name. */
async function serveCluster(t: TestContext, program: Program, script: Script): Promise<Served> {
  const cluster = await Cluster.start(t, {
    programs: Array.from({ length: script.memberCount }, () => program),
    flags: script.flags,
  });
  const leader = await cluster.leader();
  await decided(leader.clientUrl);
  await writeUpToFirstIndex(leader.client);
  // Transcripts talk to the leader first, so that /v2/stats/leader has a sure answer.
  const inOrder = [leader, ...cluster.members.filter((member) => member !== leader)];
  const answer = await leader.client.get('/v2/members');
  const masks = new Map<string, string>();
  const { members } = JSON.parse(answer.text) as {
    members: { id: string; name: string; peerURLs: string[] }[];
  };
  for (const { id, name } of members) {
    const at = inOrder.findIndex((member) => member.name === name);
    masks.set(id, `<id ${at}>`);
    masks.set(inOrder[at]!.clientUrl, `<client ${at}>`);
    masks.set(inOrder[at]!.peerUrl, `<peer ${at}>`);
    masks.set(`"name":"${name}"`, `"name":"<name ${at}>"`);
  }
  return {
    ports: inOrder.map((member) => Number(new URL(member.clientUrl).port)),
    names: { clusterId: String(answer.headers['x-etcd-cluster-id']), masks },
  };
}

async function play(t: TestContext, program: Program, script: Script): Promise<Script> {
  const served =
    script.memberCount === 1
      ? await serveOne(t, program, script.flags)
      : await serveCluster(t, program, script);
  return runScript(script, served.ports, served.names);
}

/** Fails with the steps that differ; a whole transcript would bury them. */
function assertSame(expected: Script, actual: Script): void {
  const differing = expected.steps.flatMap((step, at) => {
    const want = printStep(step).join('\n');
    const got = printStep(actual.steps[at]!).join('\n');
    return want === got ? [] : [`step ${at + 1}\n--- etcd\n${want}\n+++ got\n${got}`];
  });
  assert.ok(
    differing.length === 0,
    `${differing.length} of ${expected.steps.length} steps differ\n\n${differing.slice(0, 12).join('\n\n')}`,
  );
}

const files = readdirSync(folder)
  .filter((file) => file.endsWith('.txt') && (only === undefined || file.includes(only)))
  .sort();

test('at least 350 requests are compared', { skip: only !== undefined }, (t) => {
  const count = files.reduce(
    (sum, file) => sum + requestCount(parseScript(readFileSync(new URL(file, folder), 'utf8'))),
    0,
  );
  t.diagnostic(`${count} requests in ${files.length} transcripts`);
  assert.ok(count >= 350, `only ${count}`);
});

test('transcripts', { concurrency: 4 }, async (t) => {
  const runs = files.flatMap((file) => {
    const url = new URL(file, folder);
    const script = parseScript(readFileSync(url, 'utf8'));
    const real = t.test(`${file}: real etcd`, { skip: needs(etcd.command) }, async (run) => {
      const played = await play(run, etcd, script);
      if (isUpdating) writeFileSync(url, printScript(played));
      else assertSame(script, played);
    });
    if (isUpdating) return [real];
    const ours = t.test(`${file}: quorate`, { skip: needs('quorate') }, async (run) => {
      assertSame(script, await play(run, underTest, script));
    });
    return [real, ours];
  });
  await Promise.all(runs);
});
