/**
 * Whether the cluster is to go back to an older version, as the log has decided it. Kept as etcd 3.5 keeps it, in its bucket `cluster`,
 * from the first decision on (it counts in Hash):
 *
 *   key    downgrade      value   {"target-version":"3.4.0","enabled":true}
 */
import type { Backend, BackendTable } from '../../ports/backend.ts';

/** Rows in the form of etcd's bucket of this name. */
export const CLUSTER_TABLE = 'cluster';

const KEY = new TextEncoder().encode('downgrade');

export interface Downgrade {
  readonly enabled: boolean;
  /** 'major.minor.0'; '' while there is no downgrade. */
  readonly targetVersion: string;
}

const NONE: Downgrade = { enabled: false, targetVersion: '' };

export class DowngradeInfo {
  readonly #table: BackendTable;
  #current: Downgrade = NONE;

  constructor(backend: Backend) {
    this.#table = backend.table(CLUSTER_TABLE);
    this.reload();
  }

  get current(): Downgrade {
    return this.#current;
  }

  /** Reads the row again, as after a snapshot. */
  reload(): void {
    const row = this.#table.get(KEY);
    this.#current = row === undefined ? NONE : decodeDowngrade(row);
  }

  /** Applied from the log. */
  set(downgrade: Downgrade): void {
    const { enabled, targetVersion } = downgrade;
    const json = JSON.stringify({ 'target-version': targetVersion, enabled });
    this.#table.put(KEY, new TextEncoder().encode(json));
    this.#current = downgrade;
  }
}

/** From the row's value. Throws a SyntaxError for what is no JSON. */
export function decodeDowngrade(row: Uint8Array): Downgrade {
  const parsed = JSON.parse(new TextDecoder().decode(row)) as {
    readonly 'target-version'?: string;
    readonly enabled?: boolean;
  } | null;
  return { enabled: parsed?.enabled ?? false, targetVersion: parsed?.['target-version'] ?? '' };
}
