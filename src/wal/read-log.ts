/**
 * Reads the log from a snapshot on, without changing anything on disk: which segments, in which order, what is in them,
 * and where the last one ends. Everything that no crash explains is a WalDamagedError.
 */

import type { Disk } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import type { Entry, HardState } from '../raft/types.ts';
import {
  RECORD_CRC,
  RECORD_ENTRY,
  RECORD_METADATA,
  RECORD_SNAPSHOT,
  RECORD_STATE,
  type Record,
} from './record.ts';
import type { SnapshotMark, WalMetadata } from './record-encoder.ts';
import { decodeEntry, decodeMark, decodeMetadata, decodeState } from './record-payload.ts';
import { parseSegmentName, type SegmentName } from './segment-name.ts';
import { type ScanEnd, scanSegment } from './segment-scan.ts';
import { describe, judgeTail } from './torn-tail.ts';
import { SnapshotMarkMissingError, WalDamagedError } from './wal-errors.ts';

export interface LogContent {
  readonly metadata: WalMetadata;
  /** Undefined in a log that never held one. */
  readonly hardState: HardState | undefined;
  /** Contiguous from the mark's index + 1. */
  readonly entries: readonly Entry[];
  /** All segments in the folder, oldest first, whether they were read or not. */
  readonly segments: readonly SegmentName[];
  readonly tail: LogTail;
}

export interface LogTail {
  /** Where the last good record of the last segment ends. */
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
  /** What follows is the torn rest of a write that was never acknowledged. */
  readonly torn: boolean;
}

/** `from` is the mark of the snapshot to start after; index 0, term 0 for the log's beginning. */
export async function readLog(disk: Disk, folder: string, from: SnapshotMark, log: Log): Promise<LogContent> {
  const segments = await listSegments(disk, folder, log);
  const first = segments.findLastIndex((segment) => segment.firstIndex <= from.index);
  if (first < 0) {
    const oldest = segments[0];
    const detail = oldest === undefined ? 'there is no log' : `the log begins at index ${oldest.firstIndex}`;
    throw new SnapshotMarkMissingError(folder, from.index, from.term, detail);
  }
  const content = new Collector(from);
  let end: ScanEnd | undefined;
  let torn = false;
  for (let i = first; i < segments.length; i++) {
    const segment = segments[i]!;
    const path = `${folder}/${segment.name}`;
    const expected = segments[first]!.sequence + i - first;
    if (segment.sequence !== expected) {
      throw new WalDamagedError(path, 0, `the segment before it, number ${expected}, is missing`);
    }
    const isLast = i === segments.length - 1;
    const result = await readSegment(disk, path, end?.crc, content, isLast);
    end = result.end;
    torn = result.torn;
  }
  const path = `${folder}/${segments.at(-1)!.name}`;
  const { metadata, hardState, entries } = content;
  if (end?.crc === undefined || metadata === undefined) {
    throw new WalDamagedError(path, 0, 'the segment has no head');
  }
  if (!content.markSeen) {
    throw new SnapshotMarkMissingError(folder, from.index, from.term, 'no record marks it');
  }
  const commit = hardState?.commit ?? 0;
  if (from.index > commit) {
    const detail = `only entries up to ${commit} are known to be committed`;
    throw new SnapshotMarkMissingError(folder, from.index, from.term, detail);
  }
  const lastIndex = entries.at(-1)?.index ?? from.index;
  if (commit > lastIndex) {
    const reason = `the log ends at entry ${lastIndex}, but entries up to ${commit} are committed`;
    throw new WalDamagedError(path, end.offset, reason);
  }
  return { metadata, hardState, entries, segments, tail: { ...end, crc: end.crc, torn } };
}

/** True if the folder holds at least one segment. */
export async function walExists(disk: Disk, folder: string): Promise<boolean> {
  if (!(await disk.exists(folder))) return false;
  return (await disk.list(folder)).some((name) => parseSegmentName(name) !== undefined);
}

async function listSegments(disk: Disk, folder: string, log: Log): Promise<SegmentName[]> {
  const segments: SegmentName[] = [];
  for (const name of await disk.list(folder)) {
    const segment = parseSegmentName(name);
    if (segment !== undefined) segments.push(segment);
    else if (!name.endsWith('.tmp') && !name.endsWith('.broken')) {
      log.warn('ignored a file in the log folder', { file: `${folder}/${name}` });
    }
  }
  return segments;
}

async function readSegment(
  disk: Disk,
  path: string,
  crc: number | undefined,
  content: Collector,
  isLast: boolean,
): Promise<{ readonly end: ScanEnd; readonly torn: boolean }> {
  const file = await disk.open(path);
  try {
    content.beginSegment();
    const end = await scanSegment(file, crc, (record, bytes) => content.visit(record, bytes));
    if ('refused' in end) throw new WalDamagedError(path, end.offset, end.refused);
    if (end.stop === 'end') return { end, torn: false };
    if (!isLast) throw new WalDamagedError(path, end.offset, describe(end.stop));
    const rest = new Uint8Array(end.size - end.offset);
    const got = await file.read(rest, end.offset);
    const damage = judgeTail(end.stop, rest.subarray(0, got), end.offset, end.crc);
    if (damage !== undefined) throw new WalDamagedError(path, end.offset, damage);
    return { end, torn: true };
  } finally {
    await file.close();
  }
}

/** Puts the records together. Each refusal is a clause for a WalDamagedError. */
class Collector {
  readonly #from: SnapshotMark;
  readonly entries: Entry[] = [];
  metadata: WalMetadata | undefined;
  hardState: HardState | undefined;
  markSeen = false;
  #recordsInSegment = 0;
  /** Term of the entry at the mark's own index, as the log has it. */
  #termAtMark: number | undefined;

  constructor(from: SnapshotMark) {
    this.#from = from;
    if (from.index === 0) this.#termAtMark = from.term;
  }

  beginSegment(): void {
    this.#recordsInSegment = 0;
  }

  visit(record: Record, bytes: Uint8Array): string | undefined {
    const { type, dataStart, dataEnd } = record;
    const place = this.#recordsInSegment++;
    if (place === 0 && type !== RECORD_CRC) return 'a segment does not begin with its checksum';
    if (place === 1 && type !== RECORD_METADATA) return 'a segment does not begin with the metadata';
    switch (type) {
      case RECORD_CRC:
        return undefined;
      case RECORD_METADATA:
        return this.#visitMetadata(decodeMetadata(bytes, dataStart, dataEnd));
      case RECORD_ENTRY:
        return this.#visitEntry(decodeEntry(bytes, dataStart, dataEnd));
      case RECORD_STATE:
        return this.#visitState(decodeState(bytes, dataStart, dataEnd));
      case RECORD_SNAPSHOT:
        return this.#visitMark(decodeMark(bytes, dataStart, dataEnd));
      default:
        return `unknown record type ${type}`;
    }
  }

  #visitMetadata(metadata: WalMetadata): string | undefined {
    const known = this.metadata;
    if (known !== undefined) {
      if (known.memberId !== metadata.memberId || known.clusterId !== metadata.clusterId) {
        return 'the metadata names another member or cluster than before';
      }
    }
    this.metadata = metadata;
    return undefined;
  }

  /** An entry replaces all from its index on. */
  #visitEntry(entry: Entry): string | undefined {
    const place = entry.index - this.#from.index - 1;
    if (place === -1) this.#termAtMark = entry.term;
    if (place < 0) {
      this.entries.length = 0;
      return undefined;
    }
    if (place > this.entries.length) {
      const expected = this.#from.index + 1 + this.entries.length;
      return `entry ${entry.index} follows where entry ${expected} is missing`;
    }
    this.entries.length = place;
    this.entries.push(entry);
    return undefined;
  }

  #visitState(state: HardState): string | undefined {
    const before = this.hardState;
    if (before !== undefined) {
      if (state.term < before.term) return `the term goes back from ${before.term} to ${state.term}`;
      if (state.commit < before.commit) {
        return `the commit index goes back from ${before.commit} to ${state.commit}`;
      }
    }
    this.hardState = state;
    return undefined;
  }

  #visitMark(mark: SnapshotMark): string | undefined {
    if (mark.index !== this.#from.index) return undefined;
    if (mark.term !== this.#from.term) {
      return `the snapshot at index ${mark.index} is of term ${mark.term} here, not ${this.#from.term}`;
    }
    this.markSeen = true;
    // A snapshot from the leader replaced a log that did not contain its last entry: what the log held beyond is void.
    if (this.#termAtMark !== mark.term) this.entries.length = 0;
    this.#termAtMark = mark.term;
    return undefined;
  }
}
