/** The table of metrics: one row each, with etcd's name and help where etcd has it. */
import type { Registry } from 'prom-client';
import type { QuorateServer } from '../../server/contract.ts';
import { counter, gauge, histogram, type MetricRow, type Sample } from './lazy-metric.ts';
import type { Metrics } from './metrics.ts';
import { probeRows } from './probes.ts';
import { keyRows, storeRows } from './v2-metric-rows.ts';
import { ETCD_VERSION } from './version.ts';

/** What the API and the log count, from the start of the process. */
export function standingRows(metrics: Metrics): MetricRow[] {
  const { health, keys } = metrics;
  return [
    counter(
      'etcd_server_health_success',
      'The total number of successful health checks',
      () => health.succeeded,
    ),
    counter('etcd_server_health_failures', 'The total number of failed health checks', () => health.failed),
    ...probeRows(health.probes),
    {
      name: 'etcd_server_version',
      help: "Which version is running. 1 for 'server_version' label with current version.",
      type: 'gauge',
      samples: () => [{ labels: { server_version: ETCD_VERSION }, value: 1 }],
    },
    histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'The latency distributions of fsync called by WAL.',
      metrics.walFsync,
    ),
    gauge(
      'etcd_disk_wal_write_bytes_total',
      'Total number of bytes written in WAL.',
      () => metrics.walWrittenBytes,
    ),
    histogram(
      'etcd_debugging_snap_save_total_duration_seconds',
      'The total latency distributions of save called by snapshot.',
      metrics.snapshotSave,
    ),
    ...keyRows(keys),
    counter(
      'etcd_debugging_store_watch_requests_total',
      'Total number of incoming watch requests (new or reestablished).',
      () => keys.watchRequests,
    ),
  ];
}

export function eventLoopRows(longestHoldSeconds: () => number): MetricRow[] {
  return [
    gauge(
      'quorate_event_loop_longest_hold_seconds',
      'The longest time for which one turn held the event loop since the member began to serve.',
      longestHoldSeconds,
    ),
  ];
}

/** What the server knows at any time. */
export function serverRows(server: QuorateServer): MetricRow[] {
  return [
    counter(
      'etcd_server_leader_changes_seen_total',
      'The number of leader changes seen.',
      () => server.counters.leaderChanges,
    ),
    gauge(
      'etcd_server_proposals_pending',
      'The current number of pending proposals to commit.',
      () => server.counters.proposalsPending,
    ),
    counter(
      'etcd_server_proposals_failed_total',
      'The total number of failed proposals seen.',
      () => server.counters.proposalsFailed,
    ),
    gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', () =>
      server.leaderId === 0n ? 0 : 1,
    ),
    gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', () =>
      server.isLeader ? 1 : 0,
    ),
    gauge('etcd_server_is_learner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.', () =>
      server.member(server.memberId)?.isLearner ? 1 : 0,
    ),
    gauge(
      'etcd_server_proposals_committed_total',
      'The total number of consensus proposals committed.',
      () => server.raftIndex,
    ),
    gauge(
      'etcd_server_proposals_applied_total',
      'The total number of consensus proposals applied.',
      () => server.appliedIndex,
    ),
    {
      name: 'etcd_server_id',
      help: "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      type: 'gauge',
      samples: () => [{ labels: { server_id: server.memberId.toString(16) }, value: 1 }],
    },
    {
      name: 'etcd_cluster_version',
      help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
      type: 'gauge',
      samples: () => clusterVersionSamples(server.clusterVersion),
    },
    ...storeRows(server),
  ];
}

/** From what prom-client already reads of the process. */
export function processRows(registry: Registry): MetricRow[] {
  return [
    copyOf(registry, 'process_open_fds', 'os_fd_used', 'The number of used file descriptors.'),
    copyOf(registry, 'process_max_fds', 'os_fd_limit', 'The file descriptor limit.'),
  ];
}

/** Without the patch number; nothing while the members have not agreed yet. */
function clusterVersionSamples(version: string): Sample[] {
  const short = /^\d+\.\d+/.exec(version)?.[0];
  return short === undefined ? [] : [{ labels: { cluster_version: short }, value: 1 }];
}

/** Nothing where the platform does not tell the source. */
function copyOf(registry: Registry, source: string, name: string, help: string): MetricRow {
  return {
    name,
    help,
    type: 'gauge',
    samples: async () => {
      const metric = await registry.getSingleMetric(source)?.get();
      return metric?.values.map(({ value }) => ({ value })) ?? [];
    },
  };
}
