/** Reads an existing log and opens it for appending; cuts off the torn rest of an interrupted write. */

import { type Disk, DiskError, type DiskFile, type DiskLock } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import type { Entry, HardState } from '../raft/types.ts';
import { parentFolder } from './data-directory.ts';
import { type LogTail, readLog } from './read-log.ts';
import type { SnapshotMark, WalMetadata } from './record-encoder.ts';
import { Segment } from './segment.ts';
import type { SegmentName } from './segment-name.ts';
import { Wal, type WalOptions } from './wal.ts';
import { DataLockedError } from './wal-errors.ts';

const PIECE_BYTES = 1024 * 1024;

export interface OpenedWal {
  readonly metadata: WalMetadata;
  /** Term 0, vote 0n, commit 0 if none was ever written. */
  readonly hardState: HardState;
  /** Contiguous from `from.index + 1`; each holds the last version written. */
  readonly entries: readonly Entry[];
  readonly wal: Wal;
}

/**
 * `from` is the mark of the snapshot to start after, { index: 0, term: 0 } for none. Rejects with a WalDamagedError, a
 * SnapshotMarkMissingError, a DataLockedError if another process (a real etcd, say) has the log open, and DiskErrors.
 */
export async function openWal(
  disk: Disk,
  folder: string,
  from: SnapshotMark,
  options: WalOptions,
): Promise<OpenedWal> {
  const content = await readLog(disk, folder, from, options.log);
  const { metadata, entries, segments, tail } = content;
  const name = segments.at(-1)!;
  const path = `${folder}/${name.name}`;
  const lock = await lockSegment(disk, folder, name);
  let file: DiskFile | undefined;
  try {
    file = await disk.open(path);
    if (tail.torn) await cutTornTail(disk, file, path, tail, options.log);
    for (const temporary of ['0.tmp', '1.tmp']) await disk.remove(`${folder}/${temporary}`);
    // A killed process may have left names and records that are visible but not durable. From here on they count as durable.
    await file.sync();
    await disk.syncDirectory(folder);
    await disk.syncDirectory(parentFolder(folder));
  } catch (error) {
    await file?.close();
    await lock.release();
    throw error;
  }
  const opened = file;
  const hardState = content.hardState ?? { term: 0, vote: 0n, commit: 0 };
  const wal = new Wal(
    disk,
    folder,
    {
      metadata,
      hardState: content.hardState,
      lastIndex: entries.at(-1)?.index ?? from.index,
      crc: tail.crc,
      segments,
      openTail: (segment) =>
        new Segment(opened, lock, name, tail.offset, tail.torn ? tail.offset : tail.size, segment),
    },
    options,
  );
  wal.releaseBefore(from.index);
  return { metadata, hardState, entries, wal };
}

/** The lock that etcd, too, takes on a segment it writes to. */
export async function lockSegment(disk: Disk, folder: string, name: SegmentName): Promise<DiskLock> {
  const path = `${folder}/${name.name}`;
  try {
    return await disk.lock(path);
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ELOCKED') throw new DataLockedError(path, folder);
    throw error;
  }
}

/** The bytes cut off were never acknowledged; a copy of the whole file stays as `<name>.broken`. */
async function cutTornTail(disk: Disk, file: DiskFile, path: string, tail: LogTail, log: Log): Promise<void> {
  const copyPath = `${path}.broken`;
  await disk.remove(copyPath);
  const copy = await disk.create(copyPath);
  try {
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < tail.size; ) {
      const got = await file.read(piece, at);
      if (got === 0) break;
      await copy.write(piece.subarray(0, got), at);
      at += got;
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
  await file.truncate(tail.offset);
  await file.sync();
  log.warn('cut off the rest of a write to the log that a crash had interrupted', {
    file: path,
    offset: tail.offset,
    copy: copyPath,
  });
}
