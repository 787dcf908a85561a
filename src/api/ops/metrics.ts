/**
 * What the process counts, under etcd's metric names. Counting is an addition to a plain number or an array cell; prom-client formats the
 * figures when /metrics is asked for. `createMetrics` comes first; the server's and the peers' parts hold its handles and count.
 *
 *   const metrics = createMetrics();
 *   metrics.server.proposalsFailed++;            // hot path
 *   metrics.walFsync.observe(seconds);
 *   observeServer(metrics, server);              // gauges that are read from the server at scrape time
 *   await metrics.registry.metrics();
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { QuorateServer } from '../../server/contract.ts';
import { DurationHistogram, exponentialBounds } from './duration-histogram.ts';
import type { HealthChecks } from './health.ts';
import { KeyTraffic } from './key-traffic.ts';
import { LazyMetric } from './lazy-metric.ts';
import { processRows, serverRows, standingRows } from './metric-rows.ts';

/** What the replicated server counts. */
export interface ServerCounters {
  leaderChangesSeen: number;
  proposalsPending: number;
  proposalsFailed: number;
  heartbeatSendFailures: number;
  slowApplies: number;
  slowReadIndexes: number;
  readIndexesFailed: number;
  /** 1 while a snapshot from the leader is being applied. */
  snapshotsBeingApplied: number;
  watchRequests: number;
  walWrittenBytes: number;
  /** The longest time in seconds for which one turn held the event loop. */
  eventLoopLongestHoldSeconds: number;
}

/** Traffic with one peer. */
export interface PeerCounters {
  sentBytes: number;
  receivedBytes: number;
  sentFailures: number;
  receivedFailures: number;
  /** Open connections. */
  active: number;
  disconnected: number;
  snapshotsSent: number;
  snapshotSendFailures: number;
  snapshotsReceived: number;
  snapshotReceiveFailures: number;
  readonly roundTrip: DurationHistogram;
}

export interface Metrics {
  readonly registry: Registry;
  readonly server: ServerCounters;
  readonly keys: KeyTraffic;
  readonly health: HealthChecks;
  /** fdatasync of the log. */
  readonly walFsync: DurationHistogram;
  /** fsync of a snapshot file. */
  readonly snapFsync: DurationHistogram;
  /** Saving a snapshot from marshalling to fsync. */
  readonly snapSave: DurationHistogram;
  readonly peers: ReadonlyMap<string, PeerCounters>;
  /** The counters of a peer, by its id in hexadecimal; made on first use. */
  peer(id: string): PeerCounters;
}

export function createMetrics(): Metrics {
  const peers = new Map<string, PeerCounters>();
  const metrics: Metrics = {
    registry: new Registry(),
    server: {
      leaderChangesSeen: 0,
      proposalsPending: 0,
      proposalsFailed: 0,
      heartbeatSendFailures: 0,
      slowApplies: 0,
      slowReadIndexes: 0,
      readIndexesFailed: 0,
      snapshotsBeingApplied: 0,
      watchRequests: 0,
      walWrittenBytes: 0,
      eventLoopLongestHoldSeconds: 0,
    },
    keys: new KeyTraffic(),
    health: { succeeded: 0, failed: 0 },
    walFsync: new DurationHistogram(exponentialBounds(0.001, 14)),
    snapFsync: new DurationHistogram(exponentialBounds(0.001, 14)),
    snapSave: new DurationHistogram(exponentialBounds(0.001, 14)),
    peers,
    peer(id) {
      let counters = peers.get(id);
      if (counters === undefined) {
        counters = newPeerCounters();
        peers.set(id, counters);
      }
      return counters;
    },
  };
  for (const row of standingRows(metrics)) LazyMetric.register(metrics.registry, row);
  return metrics;
}

/** Adds what is read from the server itself. Once for each Metrics. */
export function observeServer(metrics: Metrics, server: QuorateServer): void {
  for (const row of serverRows(metrics, server)) LazyMetric.register(metrics.registry, row);
}

/** Adds process_*, nodejs_* and os_fd_*: this process as the platform sees it. */
export function observeProcess(metrics: Metrics): void {
  collectDefaultMetrics({ register: metrics.registry });
  for (const row of processRows(metrics.registry)) LazyMetric.register(metrics.registry, row);
}

function newPeerCounters(): PeerCounters {
  return {
    sentBytes: 0,
    receivedBytes: 0,
    sentFailures: 0,
    receivedFailures: 0,
    active: 0,
    disconnected: 0,
    snapshotsSent: 0,
    snapshotSendFailures: 0,
    snapshotsReceived: 0,
    snapshotReceiveFailures: 0,
    roundTrip: new DurationHistogram(exponentialBounds(0.0001, 16)),
  };
}
