/** Ten thousand watchers, of one key and of ten thousand: events delivered a second, and how long one is under way. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { WatchRequestSchema, WatchResponseSchema } from '../../src/wire/generated/etcdserverpb/watch_pb.ts';
import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import { GrpcClient, type GrpcStream } from '../support/grpc-client.ts';
import { keyOf, putMessage } from '../support/v3-messages.ts';

const WATCHERS = 10_000;
const STREAMS = 20;

interface Figures {
  readonly eventsPerSecond: number;
  readonly delayMs: number;
  readonly cpuPerEventUs: number;
}

export async function v3Watches(bench: Comparison): Promise<void> {
  const cases: readonly (readonly [string, boolean, number])[] = [
    ['v3, 10,000 watchers on one key', true, bench.quick ? 20 : 100],
    ['v3, 10,000 watchers on 10,000 keys', false, bench.quick ? 20_000 : 60_000],
  ];
  for (const [what, onOneKey, puts] of cases) {
    const figures: Figures[] = [];
    for (const program of bench.programs) {
      bench.say(`${what}: ${program.name}`);
      const cluster = await BenchCluster.start(program, 1);
      try {
        figures.push(await measure(cluster, onOneKey, puts));
      } finally {
        await cluster.end();
      }
    }
    const pair = (of: (each: Figures) => number): number[] => figures.map(of);
    bench.addRow(
      what,
      'events/s',
      'more',
      pair((f) => f.eventsPerSecond),
      1,
    );
    bench.addRow(
      '  delay of a single event to the last watcher',
      'ms',
      'less',
      pair((f) => f.delayMs),
    );
    bench.addRow(
      '  CPU per event',
      'us',
      'less',
      pair((f) => f.cpuPerEventUs),
    );
  }
}

async function measure(cluster: BenchCluster, onOneKey: boolean, puts: number): Promise<Figures> {
  const { port } = cluster;
  const watchers = await GrpcClient.connect(port);
  let created = 0;
  let events = 0;
  let look = (): void => {};
  const streams: GrpcStream[] = [];
  for (let i = 0; i < STREAMS; i++) {
    streams.push(
      watchers.stream('/etcdserverpb.Watch/Watch', (message) => {
        const response = fromBinary(WatchResponseSchema, message);
        if (response.created) created++;
        events += response.events.length;
        look();
      }),
    );
  }
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (condition()) resolve();
      };
      look();
    });
  for (let i = 0; i < WATCHERS; i++) {
    const createRequest = { key: keyOf(onOneKey ? 0 : i) };
    const request = create(WatchRequestSchema, {
      requestUnion: { case: 'createRequest', value: createRequest },
    });
    streams[i % STREAMS]!.send(toBinary(WatchRequestSchema, request));
  }
  await until(() => created === WATCHERS);

  const writer = await GrpcClient.connect(port);
  const put = (number: number) => writer.unary('/etcdserverpb.KV/Put', putMessage(number));
  const perPut = onOneKey ? WATCHERS : 1;
  const delays: number[] = [];
  for (let i = 0; i < 20; i++) {
    const before = events;
    const began = performance.now();
    void put(0);
    await until(() => events >= before + perPut);
    delays.push(performance.now() - began);
  }
  delays.sort((a, b) => a - b);

  const before = events;
  const usage = cluster.usage();
  const began = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < puts) await put(onOneKey ? 0 : next++ % WATCHERS);
  };
  const one = async (): Promise<void> => {
    while (next++ < puts) await put(0);
  };
  const writers = Array.from({ length: onOneKey ? 4 : 64 }, () => (onOneKey ? one() : work()));
  await Promise.all([...writers, until(() => events >= before + puts * perPut)]);
  const seconds = (performance.now() - began) / 1000;
  const delivered = events - before;
  const cpuSeconds = cluster.usage().cpuSeconds - usage.cpuSeconds;
  watchers.close();
  writer.close();
  return {
    eventsPerSecond: delivered / seconds,
    delayMs: delays[delays.length >> 1]!,
    cpuPerEventUs: (cpuSeconds * 1e6) / delivered,
  };
}
