/**
 * Where things lie below a data directory, as in etcd, and who may use it:
 *
 *   <data directory>/member/lock          held by the server that runs on it
 *                          /wal/*.wal     the log (wal.ts)
 *                          /snap/*.snap   snapshots (snapshot-file.ts)
 *                          /state/        the v3 state (platform/lmdb-tables.ts)
 */

import { type Disk, DiskError, type DiskLock } from '../ports/disk.ts';
import { DataLockedError } from './wal-errors.ts';

export interface DataLayout {
  readonly root: string;
  readonly member: string;
  readonly lock: string;
  readonly wal: string;
  readonly snap: string;
  readonly state: string;
}

export function dataLayout(root: string): DataLayout {
  const base = root.length > 1 && root.endsWith('/') ? root.slice(0, -1) : root;
  const member = `${base}/member`;
  return {
    root: base,
    member,
    lock: `${member}/lock`,
    wal: `${member}/wal`,
    snap: `${member}/snap`,
    state: `${member}/state`,
  };
}

/**
 * Makes the folders and takes the directory for this process until the lock is released or the process ends. Rejects with
 * a DataLockedError if another server has it.
 */
export async function lockDataDirectory(disk: Disk, layout: DataLayout): Promise<DiskLock> {
  await disk.makeDirectory(layout.member);
  let lock: DiskLock;
  try {
    lock = await disk.lock(layout.lock);
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ELOCKED') {
      throw new DataLockedError(layout.lock, layout.root);
    }
    throw error;
  }
  try {
    await disk.makeDirectory(layout.snap);
    await disk.syncDirectory(layout.member);
    await disk.syncDirectory(layout.root);
    await disk.syncDirectory(parentFolder(layout.root));
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

export function parentFolder(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '.' : end === 0 ? '/' : path.slice(0, end);
}
