/**
 * What the process counts, under etcd's metric names. Counting is an addition to a plain number or an array cell; prom-client formats the
 * figures when /metrics is asked for. `createMetrics` comes first and holds what the API and the log feed; all else is read where
 * it is counted, at scrape time.
 *
 *   const metrics = createMetrics();
 *   metrics.walFsync.observe(seconds);           // hot path
 *   observeServer(metrics, server);
 *   await metrics.registry.metrics();
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { CountedMethods } from '../../net/grpc/grpc-traffic.ts';
import { exponentialBounds, Histogram } from '../../ports/histogram.ts';
import type { MemberId } from '../../raft/types.ts';
import type { QuorateServer } from '../../server/contract.ts';
import type { V3Maintenance, V3Server } from '../../server/v3-contract.ts';
import { grpcRows } from './grpc-metric-rows.ts';
import type { HealthChecks } from './health.ts';
import { KeyTraffic } from './key-traffic.ts';
import { LazyMetric, type MetricRow } from './lazy-metric.ts';
import { type ListenerFigures, listenerRows } from './listener-metric-rows.ts';
import { eventLoopRows, processRows, serverRows, standingRows } from './metric-rows.ts';
import { type PeerCountersSource, peerRows } from './peer-metric-rows.ts';
import { v3Rows } from './v3-metric-rows.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly keys: KeyTraffic;
  readonly health: HealthChecks;
  /** Bytes written to the log. */
  walWrittenBytes: number;
  /** Writing and syncing a batch of the log, in seconds. */
  readonly walFsync: Histogram;
  /** Saving a snapshot from rendering to fsync, in seconds. */
  readonly snapshotSave: Histogram;
}

export function createMetrics(): Metrics {
  const metrics: Metrics = {
    registry: new Registry(),
    keys: new KeyTraffic(),
    health: { succeeded: 0, failed: 0, probes: new Map() },
    walWrittenBytes: 0,
    walFsync: new Histogram(exponentialBounds(0.001, 14)),
    snapshotSave: new Histogram(exponentialBounds(0.001, 14)),
  };
  register(metrics, standingRows(metrics));
  return metrics;
}

/** Adds what is read from the server itself. Each of these functions is called at most once for a Metrics. */
export function observeServer(metrics: Metrics, server: QuorateServer): void {
  register(metrics, serverRows(server));
}

/** Adds the v3 store and what is done to it. */
export function observeV3(metrics: Metrics, v3: V3Server, maintenance: V3Maintenance): void {
  register(metrics, v3Rows(v3, maintenance));
}

/** Adds the calls of gRPC methods. */
export function observeCalls(metrics: Metrics, methods: CountedMethods): void {
  register(metrics, grpcRows(methods));
}

/** Adds what the listeners took and refused. */
export function observeListeners(metrics: Metrics, listeners: () => readonly ListenerFigures[]): void {
  register(metrics, listenerRows(listeners));
}

/** Adds the traffic with other members. */
export function observePeers(metrics: Metrics, self: MemberId, peers: PeerCountersSource): void {
  register(metrics, peerRows(self, peers));
}

/** Adds how long one turn held the event loop at most. */
export function observeEventLoop(metrics: Metrics, longestHoldSeconds: () => number): void {
  register(metrics, eventLoopRows(longestHoldSeconds));
}

/** Adds process_*, nodejs_* and os_fd_*: this process as the platform sees it. */
export function observeProcess(metrics: Metrics): void {
  collectDefaultMetrics({ register: metrics.registry });
  register(metrics, processRows(metrics.registry));
}

function register(metrics: Metrics, rows: readonly MetricRow[]): void {
  for (const row of rows) LazyMetric.register(metrics.registry, row);
}
