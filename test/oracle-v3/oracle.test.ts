/**
 * etcdctl gets the same answers: `transcripts/` holds what etcdctl prints before a real etcd of its own version. Each is played
 *
 *   - against Quorate,
 *   - against that etcd itself, to see that the transcript still holds (all of them at full length).
 *
 * QUORATE_UPDATE=1 rewrites the answers from the real etcd; QUORATE_TRANSCRIPT=word plays only the files whose path holds the word.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseScript, printScript, printStep, type Script } from '../oracle/script.ts';
import { Cluster } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs, which } from '../support/needs.ts';
import { etcd, isFullLength, type Program, underTest } from '../support/program.ts';
import { playCtlScript } from './support/ctl-script.ts';
import { OutputMask } from './support/mask-output.ts';

const folder = new URL('transcripts/', import.meta.url);
const isUpdating = process.env['QUORATE_UPDATE'] === '1';
const only = process.env['QUORATE_TRANSCRIPT'];
/** The one that a short run plays against the real etcd, too. */
const SHORT = 'lease.txt';
const etcd35 = process.env['ETCD_REFERENCE_35'];

interface Line {
  readonly version: string;
  readonly etcd: Program;
  readonly etcdctl: string;
  readonly skip: string | false;
}

/** etcdctl lies beside its server. */
function ctlBeside(server: string): string {
  return join(dirname(which(server) ?? server), 'etcdctl');
}

const lines: readonly Line[] = [
  {
    version: '3.4',
    etcd,
    etcdctl: ctlBeside(etcd.command),
    skip: needs(etcd.command, ctlBeside(etcd.command)),
  },
  {
    version: '3.5',
    etcd: { name: 'etcd 3.5', command: etcd35 ?? '', extraFlags: ['--enable-v2=true'] },
    etcdctl: ctlBeside(etcd35 ?? ''),
    skip:
      etcd35 === undefined
        ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5'
        : needs(etcd35, ctlBeside(etcd35)),
  },
];

interface Served {
  readonly endpoints: readonly string[];
  readonly mask: OutputMask;
  readonly names: Readonly<Record<string, string>>;
}

/** A member that advertises the default URLs wherever it listens, so that its ids are equal in every run. */
async function serveOne(t: TestContext, program: Program, script: Script): Promise<Served> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const data = temporaryFolder('oracle-v3');
  const member = new MemberProcess(program, [
    `--data-dir=${data}/data`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    '--advertise-client-urls=http://127.0.0.1:2379',
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://127.0.0.1:2380',
    ...script.flags,
  ]);
  t.after(() => member.kill());
  await member.start();
  const mask = new OutputMask();
  mask.texts.set(`127.0.0.1:${clientPort}`, '<endpoint>');
  return { endpoints: [`127.0.0.1:${clientPort}`], mask, names: {} };
}

/** The leader comes first. */
async function serveCluster(t: TestContext, program: Program, script: Script): Promise<Served> {
  const cluster = await Cluster.start(t, {
    programs: Array.from({ length: script.memberCount }, () => program),
    flags: script.flags,
  });
  const leader = await cluster.leader();
  const inOrder = [leader, ...cluster.members.filter((member) => member !== leader)];
  const mask = new OutputMask();
  const answer = await leader.client.get('/v2/members');
  const { members } = JSON.parse(answer.text) as { members: { id: string; name: string }[] };
  const ids: Record<string, string> = {};
  for (const { id, name } of members) {
    const at = inOrder.findIndex((member) => member.name === name);
    ids[`member${at}`] = id;
    mask.name(BigInt(`0x${id}`), `<member ${at}>`);
    mask.texts.set(new URL(inOrder[at]!.clientUrl).host, `<client ${at}>`);
    mask.texts.set(new URL(inOrder[at]!.peerUrl).host, `<peer ${at}>`);
    mask.words.set(name, `<name ${at}>`);
  }
  mask.name(BigInt(`0x${String(answer.headers['x-etcd-cluster-id'])}`), '<cluster>');
  return { endpoints: inOrder.map((member) => new URL(member.clientUrl).host), mask, names: ids };
}

async function play(t: TestContext, program: Program, etcdctl: string, script: Script): Promise<Script> {
  const served = await (script.memberCount === 1 ? serveOne : serveCluster)(t, program, script);
  const other = await destination(t, program, script);
  if (other !== undefined) served.mask.texts.set(other, '<destination>');
  return playCtlScript(script, {
    program: etcdctl,
    folder: temporaryFolder('etcdctl'),
    ...served,
    names: other === undefined ? served.names : { destination: other },
  });
}

/** `# second: yes` asks for another cluster, of one member. */
async function destination(t: TestContext, program: Program, script: Script): Promise<string | undefined> {
  if (script.steps[0]?.remarks.includes('# second: yes') !== true) return undefined;
  return (await serveOne(t, program, { ...script, flags: [] })).endpoints[0];
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
    `${differing.length} of ${expected.steps.length} steps differ\n\n${differing.slice(0, 30).join('\n\n')}`,
  );
}

function scriptsOf(version: string): readonly string[] {
  return readdirSync(new URL(`${version}/`, folder))
    .map((file) => `${version}/${file}`)
    .filter((file) => only === undefined || file.includes(only))
    .sort();
}

// More at a time than processors: they wait for leases, elections and one another.
test('etcdctl', { concurrency: 3 }, async (t) => {
  const runs = lines.flatMap(({ version, etcd: real, etcdctl, skip }) =>
    scriptsOf(version).flatMap((file) => {
      const url = new URL(file, folder);
      const script = parseScript(readFileSync(url, 'utf8'));
      const askReal = (): Promise<void> =>
        t.test(`${file}: real etcd`, { skip }, async (run) => {
          const played = await play(run, real, etcdctl, script);
          if (isUpdating) writeFileSync(url, printScript(played));
          else assertSame(script, played);
        });
      if (isUpdating) return [askReal()];
      const ours = t.test(`${file}: quorate`, { skip: skip || needs('quorate') }, async (run) => {
        assertSame(script, await play(run, underTest, etcdctl, script));
      });
      return isFullLength || file.endsWith(SHORT) ? [askReal(), ours] : [ours];
    }),
  );
  await Promise.all(runs);
});
