/**
 * Ten thousand watches, of one key and of ten thousand: events delivered a second, and how long one is under way. The clients are processes of
 * their own that do little, and both programs are warm before anything is measured, so that the figures are the servers'.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import type { WatchAnswer, WatchOrder } from '../support/watch-client.ts';

const WATCHES = 10_000;
const STREAMS = 20;

interface Case {
  readonly what: string;
  readonly keys: number;
  readonly samples: number;
  /** Before anything is measured: puts one after the other, and at once. */
  readonly warmUp: number;
  readonly puts: number;
  readonly putsUnderWay: number;
}

interface Figures {
  readonly eventsPerSecond: number;
  readonly cpuPerEventUs: number;
  readonly delayMs: number;
  readonly delayP99Ms: number;
}

export async function v3Watches(bench: Comparison): Promise<void> {
  const { quick } = bench;
  const cases: readonly Case[] = [
    {
      what: 'v3, 10,000 watchers on one key',
      keys: 1,
      samples: quick ? 100 : 300,
      warmUp: 50,
      puts: quick ? 100 : 300,
      putsUnderWay: 4,
    },
    {
      what: 'v3, 10,000 watchers on 10,000 keys',
      keys: WATCHES,
      samples: quick ? 2000 : 5000,
      warmUp: 1000,
      puts: quick ? 30_000 : 100_000,
      putsUnderWay: 64,
    },
  ];
  for (const each of cases) {
    const figures: Figures[] = [];
    for (const program of bench.programs) {
      bench.say(`${each.what}: ${program.name}`);
      const cluster = await BenchCluster.start(program, 1);
      try {
        figures.push(await measure(cluster, each));
      } finally {
        await cluster.end();
      }
    }
    const pair = (of: (each: Figures) => number): number[] => figures.map(of);
    bench.addRow(
      each.what,
      'events/s',
      'more',
      pair((f) => f.eventsPerSecond),
      1,
    );
    bench.addRow(
      '  CPU per event',
      'us',
      'less',
      pair((f) => f.cpuPerEventUs),
    );
    bench.addRow(
      `  delay of a single event${each.keys === 1 ? ' to the last watcher' : ''}`,
      'ms',
      'less',
      pair((f) => f.delayMs),
      1,
    );
    bench.addRow(
      '  p99 of that',
      'ms',
      'less',
      pair((f) => f.delayP99Ms),
    );
  }
}

async function measure(
  cluster: BenchCluster,
  { keys, samples, warmUp, puts, putsUnderWay }: Case,
): Promise<Figures> {
  const client = new WatchClientProcess();
  try {
    const { port } = cluster;
    const eventsPerPut = WATCHES / keys;
    await client.ask({ do: 'watch', port, watches: WATCHES, keys, streams: STREAMS });
    await client.ask({ do: 'put', puts: warmUp, underWay: putsUnderWay, eventsPerPut });
    await client.ask({ do: 'delay', samples: warmUp, eventsPerPut });
    const { delaysMs } = await client.ask({ do: 'delay', samples, eventsPerPut });
    const sorted = [...delaysMs].sort((a, b) => a - b);

    const before = cluster.usage();
    const { tookMs } = await client.ask({ do: 'put', puts, underWay: putsUnderWay, eventsPerPut });
    const events = puts * eventsPerPut;
    const cpuSeconds = cluster.usage().cpuSeconds - before.cpuSeconds;
    return {
      eventsPerSecond: (events / tookMs) * 1000,
      cpuPerEventUs: (cpuSeconds * 1e6) / events,
      delayMs: sorted[sorted.length >> 1]!,
      delayP99Ms: sorted[Math.floor(sorted.length * 0.99)]!,
    };
  } finally {
    client.end();
  }
}

class WatchClientProcess {
  readonly #process: ChildProcess;

  constructor() {
    const file = new URL('../support/watch-client.ts', import.meta.url);
    this.#process = fork(file, { execArgv: ['--import', 'tsx'] });
  }

  async ask(order: WatchOrder): Promise<WatchAnswer> {
    this.#process.send(order);
    const [answer] = await Promise.race([
      once(this.#process, 'message'),
      once(this.#process, 'exit').then(() => Promise.reject(new Error('the client of the watches failed'))),
    ]);
    return answer as WatchAnswer;
  }

  end(): void {
    this.#process.disconnect();
  }
}
