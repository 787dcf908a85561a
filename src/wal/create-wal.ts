/** Makes a new log. The folder appears under its name only when the first segment in it is complete and durable. */

import type { Disk } from '../ports/disk.ts';
import { parentFolder } from './data-directory.ts';
import { lockSegment } from './open-wal.ts';
import { walExists } from './read-log.ts';
import { RecordEncoder, type WalMetadata } from './record-encoder.ts';
import { Segment, type SegmentOptions } from './segment.ts';
import { segmentName } from './segment-name.ts';
import { Wal, type WalOptions } from './wal.ts';
import { WalExistsError } from './wal-errors.ts';

/**
 * `folder` is `<data directory>/member/wal`; its parent must exist. Throws a WalExistsError if there is a log, and DiskErrors.
 */
export async function createWal(
  disk: Disk,
  folder: string,
  metadata: WalMetadata,
  options: WalOptions,
): Promise<Wal> {
  if (await walExists(disk, folder)) throw new WalExistsError(folder);
  const temporary = `${folder}.tmp`;
  await disk.remove(temporary);
  await disk.makeDirectory(temporary);

  const name = segmentName(0, 0);
  const encoder = new RecordEncoder(0);
  encoder.crcRecord();
  encoder.metadata(metadata);
  encoder.snapshotMark({ index: 0, term: 0 });
  const head = encoder.take();
  const fresh = await disk.create(`${temporary}/${name.name}`);
  try {
    await fresh.writeDurably(head, 0);
  } finally {
    await fresh.close();
  }
  await disk.syncDirectory(temporary);
  await disk.remove(folder);
  await disk.rename(temporary, folder);
  await disk.syncDirectory(parentFolder(folder));

  const lock = await lockSegment(disk, folder, name);
  try {
    // Opened again, so that errors name the file as it is called now.
    const file = await disk.open(`${folder}/${name.name}`);
    const openTail = (segment: SegmentOptions) =>
      new Segment(file, lock, name, head.length, head.length, segment);
    const start = { metadata, hardState: undefined, lastIndex: 0, crc: encoder.crc, segments: [name] };
    return new Wal(disk, folder, { ...start, openTail }, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}
