/** A metric that prom-client formats but that keeps no figures of its own: they are read where they are counted, when asked for. */
import type { Metric, Registry } from 'prom-client';
import type { Histogram } from '../../ports/histogram.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly value: number;
  readonly labels?: Labels;
  /** Of the line, if it is not the metric's: histograms have three kinds of lines. */
  readonly metricName?: string;
}

/** One metric: a row of a table. No samples, no lines. */
export interface MetricRow {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samples(): readonly Sample[] | Promise<readonly Sample[]>;
}

export class LazyMetric {
  readonly name: string;
  readonly #row: MetricRow;

  static register(registry: Registry, row: MetricRow): void {
    // The registry asks its metrics for no more than `name` and `get`.
    registry.registerMetric(new LazyMetric(row) as unknown as Metric<string>);
  }

  private constructor(row: MetricRow) {
    this.name = row.name;
    this.#row = row;
  }

  async get(): Promise<object> {
    const { name, help, type } = this.#row;
    const values = (await this.#row.samples()).map((sample) => ({ labels: {}, ...sample }));
    return { name, help, type, values, aggregator: 'sum' };
  }

  reset(): void {}
}

/** Rows of one figure, or of one histogram. */
export function counter(name: string, help: string, read: () => number): MetricRow {
  return { name, help, type: 'counter', samples: () => [{ value: read() }] };
}

export function gauge(name: string, help: string, read: () => number): MetricRow {
  return { name, help, type: 'gauge', samples: () => [{ value: read() }] };
}

export function histogram(name: string, help: string, source: Histogram): MetricRow {
  return { name, help, type: 'histogram', samples: () => histogramSamples(name, source) };
}

/** The lines of a histogram: a rising count for each bound, the sum and the count. */
export function histogramSamples(name: string, histogram: Histogram, labels: Labels = {}): Sample[] {
  const metricName = `${name}_bucket`;
  const samples: Sample[] = [];
  let below = 0;
  for (const [i, bound] of histogram.bounds.entries()) {
    below += histogram.counts[i] ?? 0;
    samples.push({ metricName, labels: { ...labels, le: String(bound) }, value: below });
  }
  samples.push({ metricName, labels: { ...labels, le: '+Inf' }, value: histogram.count });
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sum });
  samples.push({ metricName: `${name}_count`, labels, value: histogram.count });
  return samples;
}
