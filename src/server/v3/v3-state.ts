/** The v3 half of a member's state: everything that lives in the backend, opened together and replaced together. */
import { createLessor } from '../../lease/create-lessor.ts';
import type { Lessor } from '../../lease/types.ts';
import type { Backend, StagedContent } from '../../ports/backend.ts';
import { createMvccStore } from '../../store/mvcc/create-mvcc-store.ts';
import { appliedIndexOf } from '../../store/mvcc/tables.ts';
import type { MvccStore } from '../../store/mvcc/types.ts';
import { createWatchHub, type WatchHubOptions } from '../../watch/create-watch-hub.ts';
import type { WatchHub } from '../../watch/types.ts';
import { Alarms } from './alarms.ts';
import { DowngradeInfo } from './downgrade-info.ts';

export interface V3StateOptions {
  /** Leases shorter than this are granted this; seconds. */
  readonly minLeaseTtlSeconds: number;
  /** Between two checkpoints of a lease's remaining time; left out: etcd's 5 minutes. */
  readonly leaseCheckpointIntervalMs?: number;
  /** Bounds of what watches keep in memory and do in a turn, where they are not to be the usual ones. */
  readonly watchSizes?: WatchHubOptions;
  /** Keys deleted in one slice, likewise. */
  readonly deletionSliceKeys?: number;
}

export class V3State {
  readonly backend: Backend;
  readonly kv: MvccStore;
  readonly lessor: Lessor;
  readonly watches: WatchHub;
  readonly alarms: Alarms;
  readonly downgrade: DowngradeInfo;

  constructor(backend: Backend, options: V3StateOptions) {
    this.backend = backend;
    const { minLeaseTtlSeconds, leaseCheckpointIntervalMs, deletionSliceKeys } = options;
    this.lessor = createLessor(backend, {
      minTtlSeconds: minLeaseTtlSeconds,
      ...(leaseCheckpointIntervalMs !== undefined && { checkpointIntervalMs: leaseCheckpointIntervalMs }),
    });
    this.kv = createMvccStore(backend, {
      leases: this.lessor,
      ...(deletionSliceKeys !== undefined && { deletionSliceKeys }),
    });
    this.watches = createWatchHub(this.kv, options.watchSizes ?? {});
    this.alarms = new Alarms(backend);
    this.downgrade = new DowngradeInfo(backend);
    this.kv.onRevision((events) => this.watches.append(events));
  }

  /** As `replace`, unless what is here is as new: then the content is thrown away. True if it was taken. */
  replaceIfNewer(staged: StagedContent, nowMs: number): boolean {
    if (appliedIndexOf(staged) <= this.kv.appliedIndex) {
      staged.discard();
      return false;
    }
    this.replace(staged, nowMs);
    return true;
  }

  /** Takes a snapshot's content in place of all there is, in one step and durably. */
  replace(staged: StagedContent, nowMs: number): void {
    staged.activate();
    this.lessor.reload(nowMs);
    this.kv.reload();
    this.alarms.reload();
    this.downgrade.reload();
    this.watches.reset();
  }
}
