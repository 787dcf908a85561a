/** The v2 API: writes and reads of one key, three members, and what a growing tree costs. */

import { seededRandom } from '../../test/support/seeded-random.ts';
import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison, Loader } from '../support/comparison.ts';
import { h2load } from '../support/h2load.ts';
import { putKeys } from '../support/key-load.ts';

const form = `value=${'v'.repeat(64)}`;
const path = '/v2/keys/key00001';

const put = (connections: number): Loader => {
  return (port, seconds) => h2load({ port, path, form, connections, seconds });
};
const get = (connections: number): Loader => {
  return (port, seconds) => h2load({ port, path, connections, seconds });
};

export async function single(bench: Comparison): Promise<void> {
  await bench.withBoth(1, async (clusters) => {
    bench.addMemoryRow('memory at the start', clusters);
    await bench.compare('PUT, 64 connections', clusters, put(64), 1.5);
    await bench.compare('GET, 64 connections', clusters, get(64), 1.5);
    await bench.compare('PUT, 1 connection', clusters, put(1), 1);
    await bench.compare('GET, 1 connection', clusters, get(1), 1);
    bench.addMemoryRow('memory afterwards', clusters);
    await bench.noteHold('one member', clusters[1]!);
  });
}

export async function three(bench: Comparison): Promise<void> {
  await bench.withBoth(3, async (clusters) => {
    await bench.compare('PUT, 64 connections, three members', clusters, put(64));
    bench.addMemoryRow('memory of three members', clusters);
    await bench.noteHold('leader of three', clusters[1]!);
  });
}

/** The cost of a PUT on an existing key while the tree grows. One program after the other: two full trees would not be alike. */
export async function growth(bench: Comparison): Promise<void> {
  const sizes = bench.quick ? [1_000, 10_000, 50_000] : [1_000, 10_000, 100_000, 1_000_000];
  const figures: { rate: number; cpu: number; memory: number }[][] = [];
  for (const program of bench.programs) {
    bench.say(`growth: ${program.name}`);
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
        const count = bench.quick ? 20_000 : 40_000;
        const before = cluster.usage();
        const took = await putKeys({ ...common, count, keyOf: () => random.below(size) });
        const after = cluster.usage();
        measured.push({
          rate: count / took,
          cpu: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
          memory: after.residentBytes / 1024 / 1024,
        });
        bench.say(`  ${size} keys: ${Math.round(count / took)} PUT/s`);
      }
      figures.push(measured);
      if (program === bench.programs[1]) await bench.noteHold(`growing to ${sizes.at(-1)} keys`, cluster);
    } finally {
      await cluster.end();
    }
  }
  sizes.forEach((size, at) => {
    const pair = (of: (figure: { rate: number; cpu: number; memory: number }) => number): number[] =>
      figures.map((each) => of(each[at]!));
    bench.addRow(
      `PUT with ${size.toLocaleString('en-US')} keys`,
      'requests/s',
      'more',
      pair((f) => f.rate),
    );
    bench.addRow(
      '  CPU per request',
      'us',
      'less',
      pair((f) => f.cpu),
    );
    bench.addRow(
      '  memory',
      'MB',
      'less',
      pair((f) => f.memory),
    );
  });
}
