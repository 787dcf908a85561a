/**
 * The first start on a directory that an etcd 3.4 or 3.5 has left, or that `snapshot restore` has made: its database becomes this member's v3 state.
 *
 *   member/wal/*.wal, member/snap/*.snap     of one format with ours
 *   member/snap/db                           etcd's v3 state: read, and never touched
 *   member/snap/<index>.snap.db              the same from a leader, when etcd ended before it could put it in place
 *   member/state/                            ours, empty so far
 *
 * Entries of the log behind the database's consistent index are applied to it afterwards, as after any start. The state is made beside the empty one and
 * put in its place in one step: an import that breaks off has left nothing, and begins anew with the next start.
 */
import type { Backend } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Log } from '../../ports/log.ts';
import type { SnapshotMetadata } from '../../raft/types.ts';
import type { DataLayout } from '../../wal/data-directory.ts';
import { hex16 } from '../../wal/segment-name.ts';
import { EtcdStateError, openEtcdState } from '../v3/etcd-state.ts';
import type { V3State } from '../v3/v3-state.ts';
import { BootstrapError } from './initial-members.ts';

export interface TakeOverSurroundings {
  readonly disk: Disk;
  readonly layout: DataLayout;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Log;
}

/** Path of etcd's database in a directory; undefined if there is none. */
export async function findEtcdDatabase(disk: Disk, layout: DataLayout): Promise<string | undefined> {
  const path = `${layout.snap}/db`;
  return (await disk.exists(path)) ? path : undefined;
}

/**
 * Fills a state that is still empty from etcd's database. Rejects with a BootstrapError if it can't be taken, or holds less than the snapshot that the
 * log begins with.
 */
export async function takeOver(
  etcdDatabase: string,
  { disk, layout, backend, clock, log }: TakeOverSurroundings,
  v3: V3State,
  snapshot: SnapshotMetadata,
): Promise<void> {
  if (!isEmpty(v3)) return;
  const refusals: string[] = [];
  for (const path of [etcdDatabase, `${layout.snap}/${hex16(snapshot.index)}.snap.db`]) {
    if (!(await disk.exists(path))) continue;
    const file = await disk.open(path);
    try {
      const database = await openEtcdState(file);
      const { meta } = database;
      if (meta.index < snapshot.index) {
        refusals.push(`${path} ends at index ${meta.index}`);
        continue;
      }
      const facts = { file: path, 'size-bytes': await file.size(), 'consistent-index': meta.index };
      log.info("taking over etcd's database", facts);
      const begunMs = clock.monotonicMs();
      const staged = await backend.stageBy((tables) => database.fill(tables, clock, meta));
      v3.replace(staged, clock.monotonicMs());
      const tookMs = Math.round(clock.monotonicMs() - begunMs);
      log.info("took over etcd's database", {
        ...facts,
        revision: v3.kv.revision,
        keys: v3.kv.keyCount,
        'took-ms': tookMs,
      });
      return;
    } catch (error) {
      if (error instanceof EtcdStateError)
        throw new BootstrapError(`${path}: ${error.message}`, { cause: error });
      throw error;
    } finally {
      await file.close();
    }
  }
  if (refusals.length > 0) {
    throw new BootstrapError(
      `${refusals.join(' and ')} of the log, but the log begins after ${snapshot.index}: what is between them is lost; ` +
        "restore etcd's directory as a whole, or remove this member from the cluster and add it again with an empty directory",
    );
  }
}

/** Without its log a database is of no use, and must not be passed over in silence. */
export function refuseWithoutLog(etcdDatabase: string, layout: DataLayout): never {
  throw new BootstrapError(
    `${etcdDatabase} is etcd's database, but there is no log in ${layout.wal}: if etcd kept its log elsewhere, say so with --wal-dir; ` +
      'otherwise restore the log, or begin with an empty directory',
  );
}

function isEmpty({ kv }: V3State): boolean {
  return kv.appliedIndex === 0 && kv.revision <= 1;
}
