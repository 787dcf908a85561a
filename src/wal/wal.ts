/**
 * The log on disk, open for appending: group commit over one segment file at a time.
 *
 * Appends are encoded at once into a buffer. At most one write is in flight; what arrives meanwhile goes out together with the
 * next. So under load one sync pays for hundreds of appends, and an idle log answers after exactly one.
 *
 * Invariants:
 *   - an append is reported only after it and all before it are durable, in order;
 *   - after the first failed write nothing is reported durable ever again: the kernel may have dropped the bytes of a failed
 *     sync and would call the next one a success;
 *   - a segment holds records of the log in order without a gap, and each write begins with a crc record (torn-tail.ts).
 */

import type { Clock } from '../ports/clock.ts';
import { type Disk, DiskError } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import type { Entry, HardState } from '../raft/types.ts';
import { RecordEncoder, type SnapshotMark, type WalMetadata } from './record-encoder.ts';
import { type Segment, type SegmentOptions, SegmentSupply } from './segment.ts';
import type { SegmentName } from './segment-name.ts';

export interface WalOptions {
  readonly log: Log;
  /** Length in bytes at which the next segment begins. etcd's and the default: 64,000,000. */
  readonly segmentBytes?: number;
  /** How far ahead of the end zeros are written, at most; 0 = not at all. Default 4 MiB. */
  readonly zeroAheadBytes?: number;
  /** Measures the writes, for `onWrite` and a warning about slow ones. */
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  /** A durable write is done. */
  readonly onWrite?: (durationMs: number, bytes: number) => void;
  /** Called once, with the first failed write. */
  readonly onFailure?: (error: DiskError) => void;
}

export interface WalBatch {
  /** A snapshot that has been saved; from here on the log may be read from it. */
  readonly snapshotMark?: SnapshotMark | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
}

export type AppendDone = (error: DiskError | undefined) => void;

export const SEGMENT_BYTES_DEFAULT = 64_000_000;
export const ZERO_AHEAD_BYTES_DEFAULT = 4 * 1024 * 1024;
const SLOW_WRITE_MS = 1000;

/** What a log that was just created or read looks like; made by create-wal.ts and open-wal.ts. */
export interface WalStart {
  readonly metadata: WalMetadata;
  readonly hardState: HardState | undefined;
  readonly lastIndex: number;
  readonly crc: number;
  /** All segments on disk, oldest first; the last is the tail. */
  readonly segments: readonly SegmentName[];
  openTail(options: SegmentOptions): Segment;
}

export class Wal {
  readonly metadata: WalMetadata;
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #options: WalOptions;
  readonly #log: Log;
  readonly #segmentBytes: number;
  readonly #supply: SegmentSupply;
  readonly #encoder: RecordEncoder;
  readonly #segments: SegmentName[];
  #hardState: HardState | undefined;
  #lastIndex: number;
  /** Restarting needs nothing before this index. */
  #neededFrom = 0;

  #tail: Segment;
  /** The segment that what is in the buffer begins. */
  #opening: Segment | undefined;
  /** Who waits for what is in the buffer; empty unless `#mustWrite`. */
  #waiting: AppendDone[] = [];
  #mustWrite = false;
  /** Who waits for the write in flight. */
  #inFlight: AppendDone[] = [];
  #bytesInFlight: Uint8Array | undefined;
  #startedMs = 0;
  /** Bytes of the buffer that a flush has put into the file without a sync. */
  #flushed = 0;
  readonly #background = new Set<Promise<void>>();
  #failure: DiskError | undefined;
  #closed = false;
  #idle: (() => void)[] = [];
  readonly #resume = (): void => this.#pump();

  constructor(disk: Disk, folder: string, start: WalStart, options: WalOptions) {
    this.metadata = start.metadata;
    this.#disk = disk;
    this.#folder = folder;
    this.#options = options;
    this.#log = options.log;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
    this.#hardState = start.hardState;
    this.#lastIndex = start.lastIndex;
    this.#encoder = new RecordEncoder(start.crc);
    this.#segments = [...start.segments];
    const segmentOptions: SegmentOptions = {
      segmentBytes: this.#segmentBytes,
      zeroAheadBytes: Math.min(this.#segmentBytes, options.zeroAheadBytes ?? ZERO_AHEAD_BYTES_DEFAULT),
      onFillError: (error) => this.#onFillError(error),
    };
    const nextSequence = start.segments.at(-1)!.sequence + 1;
    this.#supply = new SegmentSupply(disk, folder, nextSequence, segmentOptions, (error) =>
      this.#log.warn('the next log segment could not be prepared; the present one goes on', {
        folder,
        error: String(error),
      }),
    );
    this.#tail = start.openTail(segmentOptions);
    this.#tail.zeros.advance();
  }

  /** The error that made the log fail for good. */
  get failure(): DiskError | undefined {
    return this.#failure;
  }

  /** Segments on disk, oldest first. */
  get segments(): readonly SegmentName[] {
    return this.#segments;
  }

  /**
   * Adds to the log and calls `done` once the batch and all before it are durable. With `mustSync` false the batch only says
   * what can be learnt again (a commit index): it goes out with the next write or `flush`, and `done` does not wait for it.
   * `done` is never called from within. Throws a RangeError for an entry of 10 MiB or more.
   */
  append(batch: WalBatch, mustSync: boolean, done: AppendDone): void {
    if (this.#closed) throw new Error('invariant: append to a closed log');
    const failure = this.#failure;
    if (failure !== undefined) {
      queueMicrotask(() => done(failure));
      return;
    }
    if (this.#encoder.length === 0) this.#beginWrite();
    this.#encode(batch);
    if (mustSync) this.#mustWrite = true;
    if (this.#mustWrite) {
      this.#waiting.push(done);
      this.#pump();
    } else if (this.#bytesInFlight !== undefined) this.#inFlight.push(done);
    else queueMicrotask(() => done(this.#failure));
  }

  /** Notes that the snapshot at `index` is saved. The hard state on disk must commit `index` by the same write at the latest. */
  saveSnapshotMark(index: number, term: number, done: AppendDone): void {
    this.append({ entries: [], snapshotMark: { index, term } }, true, done);
  }

  /**
   * Hands batches that wait without a sync to the operating system, so that they survive the end of the process. Cheap; to be
   * called on every tick.
   */
  flush(): void {
    const waiting = this.#encoder.length;
    if (this.#failure || this.#bytesInFlight || this.#mustWrite || this.#opening) return;
    if (waiting === this.#flushed) return;
    const { position, file, zeros } = this.#tail;
    if (!zeros.reserve(position + waiting, () => {})) return;
    this.#flushed = waiting;
    this.#inBackground(file.write(this.#encoder.peek(), position).catch((error) => this.#fail(error)));
  }

  /** A restart will begin at the snapshot at `index` or a later one: segments that end before may be purged. */
  releaseBefore(index: number): void {
    this.#neededFrom = Math.max(this.#neededFrom, index);
  }

  /** Removes the oldest segments that are not needed any more while there are more than `maxWals` (0 = no limit). Returns their names. */
  async purge(maxWals: number): Promise<string[]> {
    const removed: string[] = [];
    while (maxWals > 0 && this.#segments.length > maxWals) {
      const next = this.#segments[1];
      // The segment holds what precedes the next one's first index.
      if (next === undefined || next.firstIndex > this.#neededFrom) break;
      const { name } = this.#segments.shift()!;
      await this.#disk.remove(`${this.#folder}/${name}`);
      this.#log.info('purged a log segment', { file: `${this.#folder}/${name}` });
      removed.push(name);
    }
    return removed;
  }

  /** Writes what waits, durably, and lets go of the files. Rejects with the error of the last write if it fails. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#encoder.length > 0 && this.#failure === undefined) {
      this.#mustWrite = true;
      this.#pump();
    }
    if (this.#bytesInFlight !== undefined || this.#mustWrite) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    await Promise.all(this.#background);
    try {
      await this.#supply.close();
      await this.#opening?.close();
    } finally {
      await this.#tail.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #encode(batch: WalBatch): void {
    const encoder = this.#encoder;
    const { entries, hardState, snapshotMark } = batch;
    if (snapshotMark !== undefined) {
      encoder.snapshotMark(snapshotMark);
      this.#lastIndex = Math.max(this.#lastIndex, snapshotMark.index);
    }
    for (let i = 0; i < entries.length; i++) encoder.entry(entries[i]!);
    if (entries.length > 0) this.#lastIndex = entries[entries.length - 1]!.index;
    if (hardState !== undefined) {
      encoder.state(hardState);
      this.#hardState = hardState;
    }
  }

  /** Puts in front of a write what a reader needs: in a new segment its head, else the mark of the write's beginning. */
  #beginWrite(): void {
    this.#encoder.crcRecord();
    if (this.#tail.position < this.#segmentBytes || !this.#supply.isReady) return;
    this.#opening = this.#supply.take(this.#lastIndex + 1);
    this.#encoder.metadata(this.metadata);
    if (this.#hardState !== undefined) this.#encoder.state(this.#hardState);
  }

  #pump(): void {
    if (this.#bytesInFlight !== undefined || !this.#mustWrite || this.#failure !== undefined) return;
    const opening = this.#opening;
    const segment = opening ?? this.#tail;
    const position = segment.position;
    const end = position + this.#encoder.length;
    if (!segment.zeros.reserve(end, this.#resume)) return;
    const bytes = this.#encoder.take();
    segment.position = end;
    this.#bytesInFlight = bytes;
    this.#inFlight = this.#waiting;
    this.#waiting = [];
    this.#mustWrite = false;
    this.#flushed = 0;
    this.#startedMs = this.#options.clock?.monotonicMs() ?? 0;
    let written: Promise<void>;
    if (opening === undefined) written = segment.file.writeDurably(bytes, position);
    else {
      this.#opening = undefined;
      written = this.#changeSegment(opening, bytes);
    }
    written.then(this.#onWritten, this.#onWriteFailed);
  }

  readonly #onWritten = (): void => {
    // A flush or the zeros ahead failed meanwhile.
    if (this.#failure !== undefined) return;
    const bytes = this.#bytesInFlight!;
    this.#observe(bytes.length);
    this.#encoder.recycle(bytes);
    // Still marked as in flight, so that what these calls append goes out together.
    const done = this.#inFlight;
    for (let i = 0; i < done.length; i++) done[i]!(undefined);
    this.#inFlight = [];
    this.#bytesInFlight = undefined;
    this.#tail.zeros.advance();
    if (this.#opening === undefined) this.#supply.advance(this.#tail.position);
    this.#pump();
    this.#settle();
  };

  readonly #onWriteFailed = (error: unknown): void => this.#fail(error);

  /** The new segment gets its name only once its head and the first write are on the disk. */
  async #changeSegment(next: Segment, bytes: Uint8Array): Promise<void> {
    const previous = this.#tail;
    this.#tail = next;
    const name = next.name;
    const path = `${this.#folder}/${name.name}`;
    try {
      await next.file.writeDurably(bytes, 0);
      await this.#disk.rename(this.#supply.temporaryPath(name.sequence), path);
      await this.#disk.syncDirectory(this.#folder);
    } catch (error) {
      this.#inBackground(previous.close());
      throw error;
    }
    this.#segments.push(name);
    this.#log.info('began a new log segment', { file: path });
    this.#inBackground(
      previous.retire().catch((error: unknown) =>
        this.#log.warn('the end of a finished log segment could not be tidied up', {
          file: `${this.#folder}/${previous.name.name}`,
          error: String(error),
        }),
      ),
    );
  }

  #observe(bytes: number): void {
    const clock = this.#options.clock;
    if (clock === undefined) return;
    const durationMs = clock.monotonicMs() - this.#startedMs;
    this.#options.onWrite?.(durationMs, bytes);
    if (durationMs > SLOW_WRITE_MS) this.#log.warn('slow write to the log', { durationMs, bytes });
  }

  #onFillError(error: DiskError): void {
    if (error.code === 'ENOSPC') {
      this.#log.warn('no space to extend the log ahead of its end', { folder: this.#folder });
    } else this.#fail(error);
  }

  #fail(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#log.error('writing the log failed; nothing is acknowledged any more', {
      folder: this.#folder,
      code: error.code,
      error: error.message,
    });
    const unreported = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    this.#mustWrite = false;
    this.#bytesInFlight = undefined;
    for (const done of unreported) done(error);
    this.#options.onFailure?.(error);
    this.#settle();
  }

  #settle(): void {
    if (this.#bytesInFlight !== undefined || this.#mustWrite) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }
}
