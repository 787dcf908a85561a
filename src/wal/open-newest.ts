/** Restart: the newest snapshot that is whole and that the log knows, and the log from there on. */

import type { Disk } from '../ports/disk.ts';
import type { Snapshot } from '../raft/types.ts';
import type { DataLayout } from './data-directory.ts';
import { type OpenedWal, openWal } from './open-wal.ts';
import { listSnapshots, loadSnapshot } from './snapshot-file.ts';
import type { WalOptions } from './wal.ts';
import { SnapshotMarkMissingError } from './wal-errors.ts';

export interface OpenedLog extends OpenedWal {
  /** Undefined: the log is read from its beginning. */
  readonly snapshot: Snapshot | undefined;
}

/**
 * Tries the snapshots from the newest to the oldest, then the log alone. One whose mark did not reach the log was never
 * finished and is passed over; a broken file is renamed to `<name>.broken`. Rejects as `openWal` does, with the first
 * SnapshotMarkMissingError if no way leads through the log.
 */
export async function openNewest(disk: Disk, layout: DataLayout, options: WalOptions): Promise<OpenedLog> {
  const { log } = options;
  await tidySnapshots(disk, layout.snap);
  let refusal: SnapshotMarkMissingError | undefined;
  for (const { name, index, term } of await listSnapshots(disk, layout.snap)) {
    const path = `${layout.snap}/${name}`;
    const loaded = await loadSnapshot(disk, path);
    if ('broken' in loaded) {
      log.warn('put a broken snapshot aside', { file: path, reason: loaded.broken });
      await disk.rename(path, `${path}.broken`);
      await disk.syncDirectory(layout.snap);
      continue;
    }
    const { snapshot } = loaded;
    const mark = { index: snapshot.metadata.index, term: snapshot.metadata.term };
    if (mark.index !== index || mark.term !== term) {
      log.warn('passed over a snapshot that is not what its name says', { file: path });
      continue;
    }
    try {
      return { ...(await openWal(disk, layout.wal, mark, options)), snapshot };
    } catch (error) {
      if (!(error instanceof SnapshotMarkMissingError)) throw error;
      log.warn('passed over a snapshot that the log does not know', { file: path, reason: error.message });
      refusal ??= error;
    }
  }
  try {
    return { ...(await openWal(disk, layout.wal, { index: 0, term: 0 }, options)), snapshot: undefined };
  } catch (error) {
    throw error instanceof SnapshotMarkMissingError ? (refusal ?? error) : error;
  }
}

/** Removes what interrupted writes of snapshots left. */
async function tidySnapshots(disk: Disk, folder: string): Promise<void> {
  if (!(await disk.exists(folder))) return disk.makeDirectory(folder);
  for (const name of await disk.list(folder)) {
    if (name.endsWith('.snap.tmp')) await disk.remove(`${folder}/${name}`);
  }
}
