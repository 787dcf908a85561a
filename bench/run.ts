/**
 * `npm run bench`: real etcd and Quorate by turns on this machine, and a table of ratios; above 1 Quorate is the better one.
 *
 *     npm run bench -- [--quick] [--reference PATH] [--only WORD]
 *
 * --quick         one short round of each (about a minute; the whole takes about six)
 * --reference     the etcd to compare with; else $ETCD_REFERENCE, else .cache/etcd-3.5/usr/bin/etcd, else `etcd` on the PATH
 * --only          the parts whose name contains the word: single, three, growth
 *
 * Both run with their defaults and data on the real disk below .cache/bench. Rounds go A B A B, figures are medians, so that what
 * else the machine does meets both alike; the ratios carry over to other machines, the figures do not.
 */

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../test/support/command.ts';
import { needs } from '../test/support/needs.ts';
import { checkout, type Program } from '../test/support/program.ts';
import { seededRandom } from '../test/support/seeded-random.ts';
import { BenchCluster } from './support/bench-cluster.ts';
import { benchFolder, benchRoot } from './support/bench-folder.ts';
import { h2load, type Load } from './support/h2load.ts';
import { putKeys } from './support/key-load.ts';
import { median, type Row, renderTable } from './support/table.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    reference: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

const unpacked = join(checkout, '.cache', 'etcd-3.5', 'usr', 'bin', 'etcd');
const reference: Program = {
  name: 'etcd',
  command: options.reference ?? process.env['ETCD_REFERENCE'] ?? (existsSync(unpacked) ? unpacked : 'etcd'),
  extraFlags: ['--enable-v2'],
};
const quorate: Program = { name: 'quorate', command: join(checkout, 'bin', 'quorate'), extraFlags: [] };
const programs = [reference, quorate];

const rounds = options.quick ? 1 : 5;
const seconds = options.quick ? 2 : 3;
const form = `value=${'v'.repeat(64)}`;
const path = '/v2/keys/key00001';

interface Measured {
  readonly requestsPerSecond: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  readonly cpuMicroseconds: number[];
}

const scratch = benchFolder('load');
const rows: Row[] = [];
const notes: string[] = [];

/** One load by turns on both. */
async function byTurns(
  clusters: readonly BenchCluster[],
  load: Omit<Load, 'port' | 'seconds'>,
): Promise<Measured[]> {
  const measured = clusters.map(
    () => ({ requestsPerSecond: [], p50Ms: [], p99Ms: [], cpuMicroseconds: [] }) as Measured,
  );
  for (let round = 0; round < rounds; round++) {
    for (const [at, cluster] of clusters.entries()) {
      await h2load({ ...load, port: cluster.port, seconds: 1 }, scratch);
      const before = cluster.usage();
      const result = await h2load({ ...load, port: cluster.port, seconds }, scratch);
      const after = cluster.usage();
      measured[at]!.requestsPerSecond.push(result.requestsPerSecond);
      measured[at]!.p50Ms.push(result.p50Ms);
      measured[at]!.p99Ms.push(result.p99Ms);
      measured[at]!.cpuMicroseconds.push(((after.cpuSeconds - before.cpuSeconds) * 1e6) / result.requests);
      say(
        `  ${cluster.program.name}: ${Math.round(result.requestsPerSecond)}/s, p99 ${result.p99Ms.toFixed(2)} ms`,
      );
    }
  }
  return measured;
}

function addRows(what: string, [etcd, ours]: readonly Measured[], atLeast?: number): void {
  const pair = (of: (measured: Measured) => number[]): Pick<Row, 'reference' | 'quorate'> => ({
    reference: median(of(etcd!)),
    quorate: median(of(ours!)),
  });
  const goal = atLeast === undefined ? {} : { atLeast };
  rows.push({ what, unit: 'requests/s', better: 'more', ...pair((each) => each.requestsPerSecond), ...goal });
  rows.push({ what: '  median latency', unit: 'ms', better: 'less', ...pair((each) => each.p50Ms) });
  rows.push({ what: '  p99 latency', unit: 'ms', better: 'less', ...pair((each) => each.p99Ms) });
  rows.push({
    what: '  CPU per request',
    unit: 'us',
    better: 'less',
    ...pair((each) => each.cpuMicroseconds),
  });
}

async function withBoth(
  memberCount: number,
  body: (clusters: readonly BenchCluster[]) => Promise<void>,
): Promise<void> {
  const clusters: BenchCluster[] = [];
  try {
    for (const program of programs) clusters.push(await BenchCluster.start(program, memberCount));
    await body(clusters);
  } finally {
    for (const cluster of clusters) await cluster.end();
  }
}

function addMemoryRow(what: string, clusters: readonly BenchCluster[]): void {
  const [etcd, ours] = clusters.map((cluster) => cluster.usage().residentBytes / 1024 / 1024);
  rows.push({ what, unit: 'MB', better: 'less', reference: etcd!, quorate: ours! });
}

async function noteHold(what: string, clusters: readonly BenchCluster[]): Promise<void> {
  const hold = await clusters[1]!.metric('quorate_event_loop_longest_hold_seconds');
  if (hold !== undefined)
    notes.push(`longest hold of Quorate's event loop, ${what}: ${(hold * 1000).toFixed(1)} ms`);
}

async function single(): Promise<void> {
  await withBoth(1, async (clusters) => {
    addMemoryRow('memory at the start', clusters);
    const loads: readonly (readonly [string, Omit<Load, 'port' | 'seconds'>, number])[] = [
      ['PUT, 64 connections', { path, form, connections: 64 }, 1.5],
      ['GET, 64 connections', { path, connections: 64 }, 1.5],
      ['PUT, 1 connection', { path, form, connections: 1 }, 1],
      ['GET, 1 connection', { path, connections: 1 }, 1],
    ];
    for (const [what, load, atLeast] of loads) {
      say(what);
      addRows(what, await byTurns(clusters, load), atLeast);
    }
    addMemoryRow('memory afterwards', clusters);
    await noteHold('one member', clusters);
  });
}

async function three(): Promise<void> {
  await withBoth(3, async (clusters) => {
    say('PUT, 64 connections, three members');
    addRows('PUT, 64 connections, three members', await byTurns(clusters, { path, form, connections: 64 }));
    addMemoryRow('memory of three members', clusters);
    await noteHold('leader of three', clusters);
  });
}

/** The cost of a PUT on an existing key while the tree grows. One program after the other: two full trees would not be alike. */
async function growth(): Promise<void> {
  const sizes = options.quick ? [1_000, 10_000, 50_000] : [1_000, 10_000, 100_000, 1_000_000];
  const figures: { rate: number; cpu: number; memory: number }[][] = [];
  for (const program of programs) {
    say(`growth: ${program.name}`);
    const cluster = await BenchCluster.start(program, 1);
    try {
      const measured: (typeof figures)[number] = [];
      const random = seededRandom(1);
      const common = { port: cluster.port, connections: 64, depth: 4, value: 'v'.repeat(64) };
      let held = 0;
      for (const size of sizes) {
        const from = held;
        await putKeys({ ...common, count: size - from, keyOf: (at) => from + at });
        held = size;
        const count = options.quick ? 20_000 : 40_000;
        const before = cluster.usage();
        const took = await putKeys({ ...common, count, keyOf: () => random.below(size) });
        const after = cluster.usage();
        measured.push({
          rate: count / took,
          cpu: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
          memory: after.residentBytes / 1024 / 1024,
        });
        say(`  ${size} keys: ${Math.round(count / took)} PUT/s`);
      }
      figures.push(measured);
      if (program === quorate) await noteHold(`growing to ${sizes.at(-1)} keys`, [cluster, cluster]);
    } finally {
      await cluster.end();
    }
  }
  sizes.forEach((size, at) => {
    const [etcd, ours] = figures.map((each) => each[at]!);
    const what = `PUT with ${size.toLocaleString('en-US')} keys`;
    rows.push({ what, unit: 'requests/s', better: 'more', reference: etcd!.rate, quorate: ours!.rate });
    rows.push({
      what: '  CPU per request',
      unit: 'us',
      better: 'less',
      reference: etcd!.cpu,
      quorate: ours!.cpu,
    });
    rows.push({
      what: '  memory',
      unit: 'MB',
      better: 'less',
      reference: etcd!.memory,
      quorate: ours!.memory,
    });
  });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

const missing = needs('h2load', reference.command, 'quorate');
if (missing !== false) {
  say(`the benchmark ${missing}`);
  process.exit(1);
}
const version = (await command([reference.command, '--version']))
  .split('\n')[0]!
  .replace(/etcd Version: /i, 'etcd ');
say(`${version} (${reference.command}) and Quorate; ${cpus().length} CPUs; data in ${benchRoot}`);
const parts = { single, three, growth };
for (const [name, part] of Object.entries(parts)) if (name.includes(options.only)) await part();
console.log(renderTable(rows, version));
for (const note of notes) console.log(note);
