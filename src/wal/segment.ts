/** One open segment file: where its records end, the zeros ahead of them, and the lock that keeps other servers away. */

import type { Disk, DiskError, DiskFile, DiskLock } from '../ports/disk.ts';
import { type SegmentName, segmentName } from './segment-name.ts';
import { ZeroAhead } from './zero-ahead.ts';

export interface SegmentOptions {
  /** A segment is left for the next one once it is at least this long. */
  readonly segmentBytes: number;
  readonly zeroAheadBytes: number;
  /** Filling ahead failed; it is not tried again in this segment. */
  readonly onFillError: (error: DiskError) => void;
}

export class Segment {
  readonly file: DiskFile;
  readonly zeros: ZeroAhead;
  readonly #lock: DiskLock;
  name: SegmentName;
  /** Where the next write goes: everything before is written or being written. */
  position: number;

  constructor(
    file: DiskFile,
    lock: DiskLock,
    name: SegmentName,
    position: number,
    size: number,
    options: SegmentOptions,
  ) {
    this.file = file;
    this.#lock = lock;
    this.name = name;
    this.position = position;
    this.zeros = new ZeroAhead(file, position, size, {
      aheadBytes: options.zeroAheadBytes,
      limitBytes: options.segmentBytes,
      onError: options.onFillError,
    });
  }

  async close(): Promise<void> {
    await this.zeros.stop();
    await this.file.close();
    await this.#lock.release();
  }

  /** Gives back the zeros behind the last record and closes. */
  async retire(): Promise<void> {
    await this.zeros.stop();
    await this.file.truncate(this.position);
    await this.file.sync();
    await this.close();
  }
}

/**
 * Prepares the segment after the present one as `0.tmp` or `1.tmp`, in the background, so that changing over costs the write
 * that waits no more than a rename and a sync of the folder.
 */
export class SegmentSupply {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #options: SegmentOptions;
  readonly #onError: (error: unknown) => void;
  #preparing: Promise<void> | undefined;
  #ready: Segment | undefined;
  #closed = false;
  /** Of the segment prepared next. One number is never prepared twice while its file may still carry the temporary name. */
  #sequence: number;
  /** Not before the present segment has this length: pushed on by a failure. */
  #startAt: number;

  /** `sequence` is that of the first segment to prepare. */
  constructor(
    disk: Disk,
    folder: string,
    sequence: number,
    options: SegmentOptions,
    onError: (error: unknown) => void,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#sequence = sequence;
    this.#options = options;
    this.#onError = onError;
    this.#startAt = options.segmentBytes / 2;
  }

  temporaryPath(sequence: number): string {
    return `${this.#folder}/${sequence % 2}.tmp`;
  }

  /** To be called as the segment before the prepared one grows. */
  advance(position: number): void {
    if (this.#closed || this.#ready || this.#preparing || position < this.#startAt) return;
    this.#preparing = this.#prepare(this.temporaryPath(this.#sequence))
      .catch((error: unknown) => {
        this.#startAt = position + this.#options.segmentBytes / 8;
        this.#onError(error);
      })
      .then(() => {
        this.#preparing = undefined;
      });
  }

  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** Hands the prepared segment over, still under its temporary name, as the one that begins at `firstIndex`. */
  take(firstIndex: number): Segment {
    const segment = this.#ready;
    if (segment === undefined) throw new Error('invariant: no segment is ready');
    segment.name = segmentName(this.#sequence++, firstIndex);
    this.#ready = undefined;
    this.#startAt = this.#options.segmentBytes / 2;
    return segment;
  }

  /** Drops what is prepared. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#preparing;
    const segment = this.#ready;
    this.#ready = undefined;
    await segment?.close();
    for (const sequence of [0, 1]) {
      const path = this.temporaryPath(sequence);
      if (await this.#disk.exists(path)) await this.#disk.remove(path);
    }
  }

  async #prepare(path: string): Promise<void> {
    // What an earlier attempt left behind.
    await this.#disk.remove(path);
    const file = await this.#disk.create(path);
    try {
      const lock = await this.#disk.lock(path);
      const segment = new Segment(file, lock, segmentName(this.#sequence, 0), 0, 0, this.#options);
      await segment.zeros.fill(this.#options.zeroAheadBytes);
      this.#ready = segment;
    } catch (error) {
      await file.close();
      await this.#disk.remove(path);
      throw error;
    }
  }
}
