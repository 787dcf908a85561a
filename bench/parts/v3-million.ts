/** What a million keys cost: memory, a restart, ranges of a thousand rows, puts. One program after the other. */

import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import { GrpcClient } from '../support/grpc-client.ts';
import { h2load } from '../support/h2load.ts';
import { manyPutsMessage, putMessage, rowsMessage } from '../support/v3-messages.ts';

const PUTS_PER_TXN = 100;
const UNDER_WAY = 32;

interface Figures {
  readonly fillPerSecond: number;
  readonly memoryMb: number;
  readonly restartSeconds: number;
  readonly memoryAfterRestartMb: number;
  readonly putsPerSecond: number;
  readonly rangesPerSecond: number;
  readonly rangeP99Ms: number;
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
  bench.addRow(
    `v3 filling with ${name} keys, 100 a txn`,
    'keys/s',
    'more',
    pair((f) => f.fillPerSecond),
  );
  bench.addRow(
    '  memory',
    'MB',
    'less',
    pair((f) => f.memoryMb),
  );
  bench.addRow(
    '  restart',
    's',
    'less',
    pair((f) => f.restartSeconds),
    1,
  );
  bench.addRow(
    '  memory after it',
    'MB',
    'less',
    pair((f) => f.memoryAfterRestartMb),
  );
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
  const began = performance.now();
  await fill(port, keys);
  const fillPerSecond = (keys / (performance.now() - began)) * 1000;
  const memoryMb = cluster.usage().residentBytes / 1024 / 1024;
  const [member] = cluster.members;
  await member!.process.stop();
  const stopped = performance.now();
  await member!.process.start();
  const restartSeconds = (performance.now() - stopped) / 1000;
  const memoryAfterRestartMb = cluster.usage().residentBytes / 1024 / 1024;
  const load = { port, seconds: 4 };
  const put = await h2load({
    ...load,
    path: '/etcdserverpb.KV/Put',
    message: putMessage(keys >> 1),
    connections: 50,
    streams: 20,
  });
  const range = await h2load({
    ...load,
    path: '/etcdserverpb.KV/Range',
    message: rowsMessage(keys >> 2, 1_000),
    connections: 4,
    streams: 1,
  });
  return {
    fillPerSecond,
    memoryMb,
    restartSeconds,
    memoryAfterRestartMb,
    putsPerSecond: put.requestsPerSecond,
    rangesPerSecond: range.requestsPerSecond,
    rangeP99Ms: range.p99Ms,
  };
}

async function fill(port: number, keys: number): Promise<void> {
  const client = await GrpcClient.connect(port);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < keys) {
      const from = next;
      next = Math.min(keys, next + PUTS_PER_TXN);
      await client.unary('/etcdserverpb.KV/Txn', manyPutsMessage(from, next));
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, worker));
  client.close();
}
