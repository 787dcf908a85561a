/**
 * Writes zeros ahead of the end of a segment, so that a durable append finds its blocks allocated and the file long enough:
 * it then costs the disk the data alone and no journal commit (measured: 20 to 40 % off an append). It goes as far ahead as the
 * segment is long so far, within limits: a small server writes half a megabyte at start, not 64.
 *
 * Invariant: no zeros are on their way to a place that an append has reserved.
 */

import { DiskError, type DiskFile } from '../ports/disk.ts';

const STEP_BYTES = 256 * 1024;
const AHEAD_BYTES_MIN = 512 * 1024;
const PAGE_BYTES = 4096;
const ZEROS = new Uint8Array(STEP_BYTES);

export interface ZeroAheadOptions {
  /** At most this far ahead of the end; 0 turns it off. */
  readonly aheadBytes: number;
  /** Not beyond this size of the file. */
  readonly limitBytes: number;
  readonly onError: (error: DiskError) => void;
}

export class ZeroAhead {
  readonly #file: DiskFile;
  readonly #options: ZeroAheadOptions;
  /** Everything before is written, with zeros or with records. */
  #filledTo: number;
  /** End of the records. */
  #end: number;
  /** Zeros are on their way to [#filledTo, #stepEnd). */
  #stepEnd = 0;
  #running: Promise<void> | undefined;
  #stopped: boolean;
  #resume: (() => void) | undefined;

  constructor(file: DiskFile, end: number, size: number, options: ZeroAheadOptions) {
    this.#file = file;
    this.#options = options;
    this.#end = end;
    this.#filledTo = size;
    this.#stopped = options.aheadBytes === 0;
  }

  /** Claims the file up to `end` for a write about to start. False: not yet, `resume` is called once when to ask again. */
  reserve(end: number, resume: () => void): boolean {
    if (this.#running !== undefined && end > this.#filledTo && this.#stepEnd > this.#filledTo) {
      this.#resume = resume;
      return false;
    }
    this.#end = Math.max(this.#end, end);
    this.#filledTo = Math.max(this.#filledTo, end);
    return true;
  }

  /** Starts to fill in the background if the end has come near. */
  advance(): void {
    if (this.#stopped || this.#running !== undefined) return;
    const ahead = Math.min(this.#options.aheadBytes, Math.max(AHEAD_BYTES_MIN, this.#end));
    const target = Math.min(this.#options.limitBytes, this.#end + ahead);
    if (this.#filledTo - this.#end > ahead / 2 || this.#filledTo >= target) return;
    this.#running = this.#fill(target).catch((error: unknown) => {
      this.#stopped = true;
      this.#options.onError(asDiskError(error));
    });
    void this.#running.then(() => {
      this.#running = undefined;
      this.#wake();
    });
  }

  /** Fills up to `target` and syncs: for a file nobody appends to yet. */
  async fill(target: number): Promise<void> {
    if (this.#stopped) return;
    await this.#fill(Math.min(target, this.#options.limitBytes));
  }

  /** Resolves when no zeros are on their way any more; none will be. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #fill(target: number): Promise<void> {
    while (this.#filledTo < target && !this.#stopped) {
      const from = this.#filledTo;
      const to = Math.min(target, from + STEP_BYTES - (from % PAGE_BYTES));
      this.#stepEnd = to;
      try {
        await this.#file.write(ZEROS.subarray(0, to - from), from);
        this.#filledTo = to;
      } finally {
        this.#stepEnd = 0;
      }
      this.#wake();
    }
    await this.#file.sync();
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
}

function asDiskError(error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  throw error;
}
