/** The rows of the metrics table that tell of the v2 API and its tree. */
import type { QuorateServer } from '../../server/contract.ts';
import type { V2StoreStats } from '../../store/v2/types.ts';
import type { KeyTraffic } from './key-traffic.ts';
import { counter, gauge, histogramSamples, type MetricRow } from './lazy-metric.ts';

/** Requests below /v2/keys. */
export function keyRows(traffic: KeyTraffic): MetricRow[] {
  const methods = Object.entries(traffic.methods);
  const durations = 'etcd_http_successful_duration_seconds';
  return [
    {
      name: 'etcd_http_received_total',
      help: 'Counter of requests received into the system (successfully parsed and authd).',
      type: 'counter',
      samples: () =>
        methods.flatMap(([method, { received }]) =>
          received === 0 ? [] : [{ labels: { method }, value: received }],
        ),
    },
    {
      name: 'etcd_http_failed_total',
      help: 'Counter of handle failures of requests (non-watches), by method (GET/PUT etc.) and code (400, 500 etc.).',
      type: 'counter',
      samples: () =>
        methods.flatMap(([method, { failed }]) =>
          [...failed].map(([code, value]) => ({ labels: { code: String(code), method }, value })),
        ),
    },
    {
      name: durations,
      help: 'Bucketed histogram of processing time (s) of successfully handled requests (non-watches), by method (GET/PUT etc.).',
      type: 'histogram',
      samples: () =>
        methods.flatMap(([method, { durations: spent }]) =>
          spent.count === 0 ? [] : histogramSamples(durations, spent, { method }),
        ),
    },
  ];
}

type StoreAction = readonly [action: string, field: keyof V2StoreStats];

const WRITES: readonly StoreAction[] = [
  ['set', 'setsSuccess'],
  ['create', 'createSuccess'],
  ['update', 'updateSuccess'],
  ['delete', 'deleteSuccess'],
  ['compareAndSwap', 'compareAndSwapSuccess'],
  ['compareAndDelete', 'compareAndDeleteSuccess'],
];
const FAILED_WRITES: readonly StoreAction[] = [
  ['set', 'setsFail'],
  ['create', 'createFail'],
  ['update', 'updateFail'],
  ['delete', 'deleteFail'],
  ['compareAndSwap', 'compareAndSwapFail'],
  ['compareAndDelete', 'compareAndDeleteFail'],
];
const READS: readonly StoreAction[] = [['get', 'getsSuccess']];
const FAILED_READS: readonly StoreAction[] = [['get', 'getsFail']];

/** What the tree did. */
export function storeRows(server: QuorateServer): MetricRow[] {
  const row = (name: string, help: string, actions: readonly StoreAction[]): MetricRow => ({
    name: `etcd_debugging_store_${name}`,
    help,
    type: 'counter',
    samples: () =>
      actions.flatMap(([action, field]) => {
        const value = server.store.stats[field];
        return value === 0 ? [] : [{ labels: { action }, value }];
      }),
  });
  return [
    row('reads_total', 'Total number of reads action by (get/getRecursive), local to this member.', READS),
    row('writes_total', 'Total number of writes (e.g. set/compareAndDelete) seen by this member.', WRITES),
    row(
      'reads_failed_total',
      'Failed read actions by (get/getRecursive), local to this member.',
      FAILED_READS,
    ),
    row(
      'writes_failed_total',
      'Failed write actions (e.g. set/compareAndDelete), seen by this member.',
      FAILED_WRITES,
    ),
    counter(
      'etcd_debugging_store_expires_total',
      'Total number of expired keys.',
      () => server.store.stats.expireCount,
    ),
    gauge(
      'etcd_debugging_store_watchers',
      'Count of currently active watchers.',
      () => server.store.stats.watchers,
    ),
  ];
}
