/** The rows of the metrics table that tell of the v3 store, read from it when they are asked for. */
import type { V3Maintenance, V3Server } from '../../server/v3-contract.ts';
import { counter, gauge, type MetricRow } from './lazy-metric.ts';

export function v3Rows({ kv, watches, counts }: V3Server, maintenance: V3Maintenance): MetricRow[] {
  return [
    gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.', () => kv.revision),
    gauge(
      'etcd_debugging_mvcc_compact_revision',
      'The revision of the last compaction in store.',
      () => kv.compactedRevision,
    ),
    gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.', () => kv.keyCount),
    gauge('etcd_debugging_mvcc_watcher_total', 'Total number of watchers.', () => watches.watchCount),
    gauge(
      'etcd_debugging_mvcc_slow_watcher_total',
      'Total number of unsynced slow watchers.',
      () => watches.slowWatchCount,
    ),
    counter('etcd_mvcc_put_total', 'Total number of puts seen by this member.', () => counts.puts),
    counter('etcd_mvcc_delete_total', 'Total number of deletes seen by this member.', () => counts.deletes),
    counter('etcd_mvcc_txn_total', 'Total number of txns seen by this member.', () => counts.txns),
    counter(
      'etcd_debugging_lease_granted_total',
      'The total number of granted leases.',
      () => counts.leasesGranted,
    ),
    counter(
      'etcd_debugging_lease_revoked_total',
      'The total number of revoked leases.',
      () => counts.leasesRevoked,
    ),
    gauge(
      'etcd_mvcc_db_total_size_in_bytes',
      'Total size of the underlying database physically allocated in bytes.',
      () => maintenance.status().dbSizeBytes,
    ),
    gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'Total size of the underlying database logically in use in bytes.',
      () => maintenance.status().dbSizeInUseBytes,
    ),
    gauge(
      'etcd_server_quota_backend_bytes',
      'Current backend storage quota size in bytes.',
      () => maintenance.status().quotaBytes,
    ),
  ];
}
