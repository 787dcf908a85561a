/** A thousand keep-alives of leases under way at once. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
} from '../../src/wire/generated/etcdserverpb/lease_pb.ts';
import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import { GrpcClient } from '../support/grpc-client.ts';

const LEASES = 1_000;
const STREAMS = 100;

export async function v3Leases(bench: Comparison): Promise<void> {
  const rates: number[] = [];
  const cpu: number[] = [];
  for (const program of bench.programs) {
    bench.say(`v3 keep-alives: ${program.name}`);
    const cluster = await BenchCluster.start(program, 1);
    try {
      const { rate, cpuUs } = await measure(cluster, bench.quick ? 2 : 8);
      rates.push(rate);
      cpu.push(cpuUs);
    } finally {
      await cluster.end();
    }
  }
  bench.addRow('v3 lease keep-alive, 1,000 in flight', 'renewals/s', 'more', rates, 1);
  bench.addRow('  CPU per renewal', 'us', 'less', cpu);
}

async function measure(
  cluster: BenchCluster,
  seconds: number,
): Promise<{ readonly rate: number; readonly cpuUs: number }> {
  const client = await GrpcClient.connect(cluster.port);
  const ids: bigint[] = [];
  for (let i = 0; i < LEASES; i++) {
    const request = toBinary(LeaseGrantRequestSchema, create(LeaseGrantRequestSchema, { TTL: 600n }));
    const answer = await client.unary('/etcdserverpb.Lease/LeaseGrant', request);
    ids.push(fromBinary(LeaseGrantResponseSchema, answer).ID);
  }
  const messages = ids.map((ID) =>
    toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID })),
  );
  let renewed = 0;
  let running = true;
  const streams = Array.from({ length: STREAMS }, (_, at) => {
    const own = messages.filter((_, i) => i % STREAMS === at);
    let next = 0;
    const stream = client.stream('/etcdserverpb.Lease/LeaseKeepAlive', () => {
      renewed++;
      if (running) stream.send(own[next++ % own.length]!);
    });
    for (const message of own) stream.send(message);
    return stream;
  });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(1_000);
  const before = { renewed, usage: cluster.usage(), at: performance.now() };
  await pause(seconds * 1_000);
  const count = renewed - before.renewed;
  const took = (performance.now() - before.at) / 1000;
  const cpuSeconds = cluster.usage().cpuSeconds - before.usage.cpuSeconds;
  running = false;
  for (const stream of streams) stream.done();
  client.close();
  return { rate: count / took, cpuUs: (cpuSeconds * 1e6) / count };
}
