/** Both programs under the same loads by turns, and the rows that come of it. */

import type { Program } from '../../test/support/program.ts';
import { BenchCluster } from './bench-cluster.ts';
import type { LoadResult } from './h2load.ts';
import { median, type Row } from './table.ts';

export interface Measured {
  readonly requestsPerSecond: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  readonly cpuMicroseconds: number[];
}

/** A load of so many seconds on a port. */
export type Loader = (port: number, seconds: number) => Promise<LoadResult>;

export class Comparison {
  readonly quick: boolean;
  /** The reference first. */
  readonly programs: readonly [Program, Program];
  readonly rows: Row[] = [];
  readonly notes: string[] = [];
  readonly #rounds: number;
  readonly #seconds: number;

  constructor(programs: readonly [Program, Program], quick: boolean) {
    this.programs = programs;
    this.quick = quick;
    this.#rounds = quick ? 1 : 5;
    this.#seconds = quick ? 2 : 3;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  async withBoth(
    memberCount: number,
    body: (clusters: readonly BenchCluster[]) => Promise<void>,
    flags: readonly string[] = [],
  ): Promise<void> {
    const clusters: BenchCluster[] = [];
    try {
      for (const program of this.programs)
        clusters.push(await BenchCluster.start(program, memberCount, flags));
      await body(clusters);
    } finally {
      for (const cluster of clusters) await cluster.end();
    }
  }

  /** One load by turns on both, a second to warm up each time; adds its rows. */
  async compare(what: string, clusters: readonly BenchCluster[], load: Loader, goal?: number): Promise<void> {
    this.say(what);
    const measured = clusters.map(
      () => ({ requestsPerSecond: [], p50Ms: [], p99Ms: [], cpuMicroseconds: [] }) as Measured,
    );
    for (let round = 0; round < this.#rounds; round++) {
      for (const [at, cluster] of clusters.entries()) {
        await load(cluster.port, 1);
        const before = cluster.usage();
        const result = await load(cluster.port, this.#seconds);
        const after = cluster.usage();
        const each = measured[at]!;
        each.requestsPerSecond.push(result.requestsPerSecond);
        each.p50Ms.push(result.p50Ms);
        each.p99Ms.push(result.p99Ms);
        each.cpuMicroseconds.push(((after.cpuSeconds - before.cpuSeconds) * 1e6) / result.requests);
        const rate = Math.round(result.requestsPerSecond);
        this.say(`  ${cluster.program.name}: ${rate}/s, p99 ${result.p99Ms.toFixed(2)} ms`);
      }
    }
    this.#addLoadRows(what, measured, goal);
  }

  addMemoryRow(what: string, clusters: readonly BenchCluster[]): void {
    const [reference, quorate] = clusters.map((cluster) => cluster.usage().residentBytes / 1024 / 1024);
    this.rows.push({ what, unit: 'MB', better: 'less', reference: reference!, quorate: quorate! });
  }

  /** `of` is the figure of one program's cluster. */
  addRow(
    what: string,
    unit: string,
    better: Row['better'],
    [reference, quorate]: readonly number[],
    goal?: number,
  ): void {
    const atLeast = goal === undefined ? {} : { atLeast: goal };
    this.rows.push({ what, unit, better, reference: reference!, quorate: quorate!, ...atLeast });
  }

  async noteHold(what: string, cluster: BenchCluster): Promise<void> {
    const hold = await cluster.metric('quorate_event_loop_longest_hold_seconds');
    if (hold === undefined) return;
    this.notes.push(`longest hold of Quorate's event loop, ${what}: ${(hold * 1000).toFixed(1)} ms`);
  }

  #addLoadRows(what: string, measured: readonly Measured[], goal: number | undefined): void {
    const pair = (of: (each: Measured) => number[]): number[] => measured.map((each) => median(of(each)));
    this.addRow(
      what,
      'requests/s',
      'more',
      pair((each) => each.requestsPerSecond),
      goal,
    );
    this.addRow(
      '  median latency',
      'ms',
      'less',
      pair((each) => each.p50Ms),
    );
    this.addRow(
      '  p99 latency',
      'ms',
      'less',
      pair((each) => each.p99Ms),
    );
    this.addRow(
      '  CPU per request',
      'us',
      'less',
      pair((each) => each.cpuMicroseconds),
    );
  }
}
