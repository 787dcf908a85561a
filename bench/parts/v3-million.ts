/**
 * What a million keys cost: filling, memory, a restart, ranges of a thousand rows, puts. One program after the other.
 *
 * The load of the filling costs a tenth of what the servers do for it (support/fill-load.ts), and its first tenth is not timed: as in the other parts
 * the programs are warm. Memory is what is resident, and then the anonymous part of it alone: pages of a mapped file (LMDB's; etcd maps its own as well)
 * belong to the system's cache, which takes them back whenever it needs them, and count as resident in whoever touched them last.
 */

import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import { fillKeys } from '../support/fill-load.ts';
import { h2load, type Load, type LoadResult } from '../support/h2load.ts';
import { putMessage, rowsMessage } from '../support/v3-messages.ts';

const PUTS_PER_TXN = 100;
const UNDER_WAY = 32;

interface Figures {
  readonly fillPerSecond: number;
  readonly fillCpuMicroseconds: number;
  readonly memory: Memory;
  readonly restartSeconds: number;
  readonly memoryAfterRestart: Memory;
  readonly putsPerSecond: number;
  readonly rangesPerSecond: number;
  readonly rangeP99Ms: number;
}

interface Memory {
  readonly residentMb: number;
  readonly anonymousMb: number;
}

export async function v3Million(bench: Comparison): Promise<void> {
  const keys = bench.quick ? 100_000 : 1_000_000;
  const figures: Figures[] = [];
  for (const program of bench.programs) {
    bench.say(`v3 with ${keys} keys: ${program.name}`);
    const cluster = await BenchCluster.start(program, 1);
    try {
      figures.push(await measure(cluster, keys));
      if (program === bench.programs[1]) await bench.noteHold(`v3, ${keys} keys`, cluster);
    } finally {
      await cluster.end();
    }
  }
  const pair = (of: (each: Figures) => number): number[] => figures.map(of);
  const name = keys.toLocaleString('en-US');
  const addMemory = (what: string, of: (each: Figures) => Memory): void => {
    bench.addRow(
      `  ${what}`,
      'MB',
      'less',
      pair((f) => of(f).residentMb),
    );
    bench.addRow(
      '    without pages of mapped files',
      'MB',
      'less',
      pair((f) => of(f).anonymousMb),
    );
  };
  bench.addRow(
    `v3 filling with ${name} keys, 100 a txn`,
    'keys/s',
    'more',
    pair((f) => f.fillPerSecond),
    1.2,
  );
  bench.addRow(
    '  CPU per key',
    'us',
    'less',
    pair((f) => f.fillCpuMicroseconds),
  );
  addMemory('memory', (f) => f.memory);
  bench.addRow(
    '  restart',
    's',
    'less',
    pair((f) => f.restartSeconds),
    1,
  );
  addMemory('memory after it', (f) => f.memoryAfterRestart);
  bench.addRow(
    '  put, 50 x 20',
    'requests/s',
    'more',
    pair((f) => f.putsPerSecond),
    1,
  );
  bench.addRow(
    '  range of 1,000 rows, 4 x 1',
    'requests/s',
    'more',
    pair((f) => f.rangesPerSecond),
    1,
  );
  bench.addRow(
    '    p99 latency',
    'ms',
    'less',
    pair((f) => f.rangeP99Ms),
  );
}

async function measure(cluster: BenchCluster, keys: number): Promise<Figures> {
  const { port } = cluster;
  const load = { port, putsPerTxn: PUTS_PER_TXN, underWay: UNDER_WAY };
  const untimed = keys / 10;
  await fillKeys({ ...load, from: 0, to: untimed });
  const { cpuSeconds } = cluster.usage();
  const seconds = await fillKeys({ ...load, from: untimed, to: keys });
  const timed = keys - untimed;
  const fillCpuMicroseconds = ((cluster.usage().cpuSeconds - cpuSeconds) * 1e6) / timed;
  const memory = memoryOf(cluster);
  const [member] = cluster.members;
  await member!.process.stop();
  const stopped = performance.now();
  await member!.process.start();
  const restartSeconds = (performance.now() - stopped) / 1000;
  const memoryAfterRestart = memoryOf(cluster);
  const put = await warmLoad({
    port,
    path: '/etcdserverpb.KV/Put',
    message: putMessage(keys >> 1),
    connections: 50,
    streams: 20,
  });
  const range = await warmLoad({
    port,
    path: '/etcdserverpb.KV/Range',
    message: rowsMessage(keys >> 2, 1_000),
    connections: 4,
    streams: 1,
  });
  return {
    fillPerSecond: timed / seconds,
    fillCpuMicroseconds,
    memory,
    restartSeconds,
    memoryAfterRestart,
    putsPerSecond: put.requestsPerSecond,
    rangesPerSecond: range.requestsPerSecond,
    rangeP99Ms: range.p99Ms,
  };
}

/** A second to warm up, as in the other parts: the member has just been started. */
async function warmLoad(load: Omit<Load, 'seconds'>): Promise<LoadResult> {
  await h2load({ ...load, seconds: 1 });
  return h2load({ ...load, seconds: 4 });
}

function memoryOf(cluster: BenchCluster): Memory {
  const { residentBytes, anonymousBytes } = cluster.usage();
  return { residentMb: residentBytes / 1024 / 1024, anonymousMb: anonymousBytes / 1024 / 1024 };
}
