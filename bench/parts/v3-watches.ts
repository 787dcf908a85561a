/**
 * Ten thousand watches, of one key and of ten thousand: events delivered a second, and how long one is under way. The clients are processes of
 * their own that do little; both programs are warm before anything is measured, and take turns, so that the figures are the servers'.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison } from '../support/comparison.ts';
import { median } from '../support/table.ts';
import type { WatchAnswer, WatchOrder } from '../support/watch-client.ts';

const WATCHES = 10_000;
const STREAMS = 20;

interface Case {
  readonly what: string;
  readonly keys: number;
  /** Before anything is measured: puts at once, and one after the other. */
  readonly warmUp: number;
  /** Of a round: puts one after the other, whose events' delays are taken, and puts at once. */
  readonly samples: number;
  readonly puts: number;
  readonly putsUnderWay: number;
}

const cases: readonly Case[] = [
  {
    what: 'v3, 10,000 watchers on one key',
    keys: 1,
    warmUp: 50,
    samples: 40,
    puts: 60,
    putsUnderWay: 4,
  },
  {
    what: 'v3, 10,000 watchers on 10,000 keys',
    keys: WATCHES,
    warmUp: 2000,
    samples: 700,
    puts: 15_000,
    putsUnderWay: 64,
  },
];

export async function v3Watches(bench: Comparison): Promise<void> {
  const rounds = bench.quick ? 3 : 9;
  for (const each of cases) {
    bench.say(each.what);
    await bench.withBoth(1, async (clusters) => {
      const sides = clusters.map((cluster) => new Side(cluster, each));
      try {
        for (const side of sides) await side.prepare();
        for (let round = 0; round < rounds; round++) for (const side of sides) await side.takeDelays();
        for (let round = 0; round < rounds; round++) for (const side of sides) await side.takeRate();
        addRows(bench, each, sides);
      } finally {
        for (const side of sides) side.end();
      }
    });
  }
}

function addRows(bench: Comparison, { what, keys }: Case, sides: readonly Side[]): void {
  const pair = (of: (side: Side) => number): number[] => sides.map(of);
  bench.addRow(
    what,
    'events/s',
    'more',
    pair(({ rates }) => median(rates)),
    1,
  );
  bench.addRow(
    '  CPU per event',
    'us',
    'less',
    pair(({ cpuUs }) => median(cpuUs)),
  );
  bench.addRow(
    `  delay of a single event${keys === 1 ? ' to the last watcher' : ''}`,
    'ms',
    'less',
    pair(({ delaysMs }) => median(delaysMs)),
    1,
  );
  bench.addRow(
    '  p99 of that',
    'ms',
    'less',
    pair(({ delaysMs }) => [...delaysMs].sort((a, b) => a - b)[Math.floor(delaysMs.length * 0.99)]!),
  );
}

/** One program, its client, and what was measured of it. */
class Side {
  readonly rates: number[] = [];
  readonly cpuUs: number[] = [];
  readonly delaysMs: number[] = [];
  readonly #cluster: BenchCluster;
  readonly #case: Case;
  readonly #eventsPerPut: number;
  readonly #client = new WatchClientProcess();

  constructor(cluster: BenchCluster, each: Case) {
    this.#cluster = cluster;
    this.#case = each;
    this.#eventsPerPut = WATCHES / each.keys;
  }

  async prepare(): Promise<void> {
    const { keys, warmUp } = this.#case;
    const { port } = this.#cluster;
    await this.#client.ask({ do: 'watch', port, watches: WATCHES, keys, streams: STREAMS });
    await this.#put(warmUp);
    await this.#client.ask({ do: 'delay', samples: warmUp, eventsPerPut: this.#eventsPerPut });
  }

  async takeDelays(): Promise<void> {
    const order = { do: 'delay', samples: this.#case.samples, eventsPerPut: this.#eventsPerPut } as const;
    this.delaysMs.push(...(await this.#client.ask(order)).delaysMs);
  }

  async takeRate(): Promise<void> {
    const { puts } = this.#case;
    const events = puts * this.#eventsPerPut;
    const before = this.#cluster.usage();
    const tookMs = await this.#put(puts);
    this.rates.push((events / tookMs) * 1000);
    this.cpuUs.push(((this.#cluster.usage().cpuSeconds - before.cpuSeconds) * 1e6) / events);
  }

  end(): void {
    this.#client.end();
  }

  async #put(puts: number): Promise<number> {
    const { putsUnderWay } = this.#case;
    const order = { do: 'put', puts, underWay: putsUnderWay, eventsPerPut: this.#eventsPerPut } as const;
    return (await this.#client.ask(order)).tookMs;
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
