/** The table of metrics: one row each, with etcd's name and help where etcd has it. */
import type { Registry } from 'prom-client';
import type { QuorateServer } from '../../server/contract.ts';
import { counter, gauge, histogram, histogramSamples, type MetricRow, type Sample } from './lazy-metric.ts';
import type { Metrics, PeerCounters } from './metrics.ts';
import { keyRows, storeRows } from './v2-metric-rows.ts';
import { ETCD_VERSION } from './version.ts';

/** What is counted by plain numbers, from the start of the process. */
export function standingRows(metrics: Metrics): MetricRow[] {
  const { server, health } = metrics;
  return [
    counter(
      'etcd_server_leader_changes_seen_total',
      'The number of leader changes seen.',
      () => server.leaderChangesSeen,
    ),
    counter(
      'etcd_server_heartbeat_send_failures_total',
      'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
      () => server.heartbeatSendFailures,
    ),
    counter(
      'etcd_server_slow_apply_total',
      'The total number of slow apply requests (likely overloaded from slow disk).',
      () => server.slowApplies,
    ),
    gauge(
      'etcd_server_snapshot_apply_in_progress_total',
      '1 if the server is applying the incoming snapshot. 0 if none.',
      () => server.snapshotsBeingApplied,
    ),
    gauge(
      'etcd_server_proposals_pending',
      'The current number of pending proposals to commit.',
      () => server.proposalsPending,
    ),
    counter(
      'etcd_server_proposals_failed_total',
      'The total number of failed proposals seen.',
      () => server.proposalsFailed,
    ),
    counter(
      'etcd_server_slow_read_indexes_total',
      "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
      () => server.slowReadIndexes,
    ),
    counter(
      'etcd_server_read_indexes_failed_total',
      'The total number of failed read indexes seen.',
      () => server.readIndexesFailed,
    ),
    counter(
      'etcd_server_health_success',
      'The total number of successful health checks',
      () => health.succeeded,
    ),
    counter('etcd_server_health_failures', 'The total number of failed health checks', () => health.failed),
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
      () => server.walWrittenBytes,
    ),
    histogram(
      'etcd_snap_fsync_duration_seconds',
      'The latency distributions of fsync called by snap.',
      metrics.snapFsync,
    ),
    histogram(
      'etcd_debugging_snap_save_total_duration_seconds',
      'The total latency distributions of save called by snapshot.',
      metrics.snapSave,
    ),
    ...peerRows(metrics),
    ...keyRows(metrics.keys),
    counter(
      'etcd_debugging_store_watch_requests_total',
      'Total number of incoming watch requests (new or reestablished).',
      () => server.watchRequests,
    ),
    gauge(
      'quorate_event_loop_longest_hold_seconds',
      'The longest time for which one turn held the event loop since the start.',
      () => server.eventLoopLongestHoldSeconds,
    ),
  ];
}

/** What the server knows at any time. */
export function serverRows(_metrics: Metrics, server: QuorateServer): MetricRow[] {
  return [
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

function peerRows(metrics: Metrics): MetricRow[] {
  const ofPeers = (label: string, read: (peer: PeerCounters) => number) => (): Sample[] =>
    [...metrics.peers].map(([id, peer]) => ({ labels: { [label]: id }, value: read(peer) }));
  const row = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    label: string,
    read: (peer: PeerCounters) => number,
  ): MetricRow => ({
    name: `etcd_network_${name}`,
    help,
    type,
    samples: ofPeers(label, read),
  });
  const roundTrip = 'etcd_network_peer_round_trip_time_seconds';
  return [
    row(
      'active_peers',
      'The current number of active peer connections.',
      'gauge',
      'Remote',
      (peer) => peer.active,
    ),
    row(
      'disconnected_peers_total',
      'The total number of disconnected peers.',
      'counter',
      'Remote',
      (peer) => peer.disconnected,
    ),
    row(
      'peer_sent_bytes_total',
      'The total number of bytes sent to peers.',
      'counter',
      'To',
      (peer) => peer.sentBytes,
    ),
    row(
      'peer_received_bytes_total',
      'The total number of bytes received from peers.',
      'counter',
      'From',
      (peer) => peer.receivedBytes,
    ),
    row(
      'peer_sent_failures_total',
      'The total number of send failures from peers.',
      'counter',
      'To',
      (peer) => peer.sentFailures,
    ),
    row(
      'peer_received_failures_total',
      'The total number of receive failures from peers.',
      'counter',
      'From',
      (peer) => peer.receivedFailures,
    ),
    row(
      'snapshot_send_success',
      'Total number of successful snapshot sends',
      'counter',
      'To',
      (peer) => peer.snapshotsSent,
    ),
    row(
      'snapshot_send_failures',
      'Total number of snapshot send failures',
      'counter',
      'To',
      (peer) => peer.snapshotSendFailures,
    ),
    row(
      'snapshot_receive_success',
      'Total number of successful snapshot receives',
      'counter',
      'From',
      (peer) => peer.snapshotsReceived,
    ),
    row(
      'snapshot_receive_failures',
      'Total number of snapshot receive failures',
      'counter',
      'From',
      (peer) => peer.snapshotReceiveFailures,
    ),
    {
      name: roundTrip,
      help: 'Round-Trip-Time histogram between peers',
      type: 'histogram',
      samples: () =>
        [...metrics.peers].flatMap(([id, peer]) => histogramSamples(roundTrip, peer.roundTrip, { To: id })),
    },
  ];
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
