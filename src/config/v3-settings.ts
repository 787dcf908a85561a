/** The settings of the v3 half. */
import { ConfigFault, type ConfigNote } from './config-note.ts';
import { parseGoDuration } from './go-duration.ts';
import type { Settings } from './settings.ts';

const HOUR_MS = 3_600_000;
/** etcd's bound. */
const PROGRESS_INTERVAL_MS_MIN = 100;

export type AutoCompaction =
  | { readonly mode: 'off' }
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retention: number };

export interface V3Config {
  /** 0 for the default, below 0 for no bound. */
  readonly quotaBytes: number;
  /** 0 for the default. */
  readonly batchIntervalMs: number;
  readonly batchLimit: number;
  readonly maxTxnOperations: number;
  readonly autoCompaction: AutoCompaction;
  readonly initialCorruptCheck: boolean;
  /** 0: never. */
  readonly corruptCheckIntervalMs: number;
  /** 0: never. */
  readonly downgradeCheckIntervalMs: number;
  readonly watchProgressIntervalMs: number;
  readonly enableGateway: boolean;
  /** `--metrics extensive`: how long the calls of each gRPC method take. */
  readonly callDurations: boolean;
}

export function readV3Settings(settings: Settings, notes: ConfigNote[]): V3Config {
  let watchProgressIntervalMs = settings.durationMs('experimental-watch-progress-notify-interval');
  if (watchProgressIntervalMs < PROGRESS_INTERVAL_MS_MIN) {
    if (watchProgressIntervalMs !== 0) {
      notes.push({
        level: 'warn',
        message: 'adjusting watch progress notify interval to minimum period',
        fields: { 'min-watch-progress-notify-interval': `${PROGRESS_INTERVAL_MS_MIN}ms` },
      });
    }
    watchProgressIntervalMs = watchProgressIntervalMs === 0 ? HOUR_MS / 6 : PROGRESS_INTERVAL_MS_MIN;
  }
  return Object.freeze({
    quotaBytes: settings.integer('quota-backend-bytes'),
    batchIntervalMs: Math.max(0, settings.durationMs('backend-batch-interval')),
    batchLimit: Math.max(0, settings.integer('backend-batch-limit')),
    maxTxnOperations: settings.count('max-txn-ops'),
    autoCompaction: Object.freeze(
      autoCompactionOf(settings.text('auto-compaction-mode'), settings.text('auto-compaction-retention')),
    ),
    initialCorruptCheck: settings.switch('experimental-initial-corrupt-check'),
    corruptCheckIntervalMs: Math.max(0, settings.durationMs('experimental-corrupt-check-time')),
    downgradeCheckIntervalMs: Math.max(0, settings.durationMs('experimental-downgrade-check-time')),
    watchProgressIntervalMs,
    enableGateway: settings.switch('enable-grpc-gateway'),
    callDurations: settings.text('metrics') === 'extensive',
  });
}

/** A bare number is hours in the periodic mode, as in etcd. */
function autoCompactionOf(mode: string, retention: string): AutoCompaction {
  if (!['', 'periodic', 'revision'].includes(mode))
    throw new ConfigFault(`unknown auto-compaction-mode "${mode}"`);
  const number = /^\d+$/.test(retention) ? Number(retention) : undefined;
  if (mode === 'revision') {
    if (number === undefined && retention !== '') {
      throw new ConfigFault(`--auto-compaction-retention="${retention}" is no number of revisions`);
    }
    return number ? { mode, retention: number } : { mode: 'off' };
  }
  const retentionMs = number === undefined ? parseGoDuration(retention || '0') : number * HOUR_MS;
  if (retentionMs === undefined || retentionMs < 0) {
    throw new ConfigFault(
      `--auto-compaction-retention="${retention}" is neither a duration nor a number of hours`,
    );
  }
  return retentionMs === 0 ? { mode: 'off' } : { mode: 'periodic', retentionMs };
}
