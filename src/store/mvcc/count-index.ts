/**
 * How many keys a range has, without walking over them: etcd's answers hold that number whatever their limit. In memory, one entry per some
 * hundred keys:
 *
 *     fences   [ ''      'f'     'n'  ]   where each bucket begins
 *     counts   [ 512     487     530  ]   keys of `current` in each bucket
 *     frontier 'u'                        keys from here on have not been counted yet; undefined: all have
 *
 * It is built after opening, in slices; until then the tables count what is beyond the frontier. Invariants: counts follow every key that comes or goes
 * at once; buckets that have grown are cut in slices, too, so that a write never waits for it. A key above all others begins a bucket of its own where the
 * last one is full: keys that come in rising order never make one to be cut.
 */

import type { BackendTable } from '../../ports/backend.ts';
import { compareBytes } from '../../ports/byte-order.ts';
import { isEmptyBounds, type KeyBounds } from './key-bounds.ts';

const BUCKET_KEYS = 512;
/** A bucket is cut when it has so many times BUCKET_KEYS. */
const GROWN = 4;
const SLICE_ROWS = 2048;
const LOWEST = new Uint8Array(0);

export class CountIndex {
  readonly #current: BackendTable;
  readonly #bucketKeys: number;
  #fences: Uint8Array[] = [LOWEST];
  #counts: number[] = [0];
  #frontier: Uint8Array | undefined = LOWEST;
  /** First keys of buckets that are to be cut. */
  #grown: Uint8Array[] = [];
  #onWork: () => void = () => {};
  /** No key is above; undefined: not known. */
  #last: Uint8Array | undefined;
  /** Neighbouring keys come and go together. */
  #lastBucket = 0;

  /** @param bucketKeys smaller ones are for tests */
  constructor(current: BackendTable, bucketKeys: number = BUCKET_KEYS) {
    this.#current = current;
    this.#bucketKeys = bucketKeys;
  }

  /** Called when a slice has something to do again. */
  set onWork(callback: () => void) {
    this.#onWork = callback;
  }

  /** All keys are counted. */
  get isComplete(): boolean {
    return this.#frontier === undefined;
  }

  /** The table holds other keys now. */
  reset(): void {
    this.#fences = [LOWEST];
    this.#counts = [0];
    this.#frontier = LOWEST;
    this.#grown = [];
    this.#last = undefined;
    this.#lastBucket = 0;
    this.#onWork();
  }

  /** Does some work; true while more is left. */
  slice(): boolean {
    if (this.#frontier !== undefined) this.#advance(this.#frontier);
    else this.#cut();
    return this.#frontier !== undefined || this.#grown.length > 0;
  }

  /** The key is in the table now and was not before. */
  added(key: Uint8Array): void {
    if (this.#isBeyond(key)) return;
    const isLast = this.#raiseLast(key);
    const bucket = this.#bucketOf(key);
    const count = this.#counts[bucket]! + 1;
    if (isLast && count > this.#bucketKeys) {
      this.#fences.push(key.slice());
      this.#counts.push(1);
      return;
    }
    this.#counts[bucket] = count;
    if (count === this.#bucketKeys * GROWN) {
      this.#grown.push(this.#fences[bucket]!);
      if (this.isComplete && this.#grown.length === 1) this.#onWork();
    }
  }

  /** True if the key is above all that were here before. */
  #raiseLast(key: Uint8Array): boolean {
    if (this.#last === undefined || compareBytes(key, this.#last) <= 0) return false;
    this.#last = key;
    return true;
  }

  /** The key was in the table and is not any more. */
  removed(key: Uint8Array): void {
    if (this.#isBeyond(key)) return;
    const bucket = this.#bucketOf(key);
    const count = this.#counts[bucket]! - 1;
    this.#counts[bucket] = count;
    if (count > 0 || this.#counts.length === 1) return;
    // The keys to come belong to the bucket before; the first one takes over those of the second.
    this.#counts.splice(bucket, 1);
    this.#fences.splice(Math.max(1, bucket), 1);
    this.#lastBucket = 0;
  }

  /** The table has no key in this range any more. The buckets there become one. */
  cleared(bounds: KeyBounds): void {
    if (isEmptyBounds(bounds)) return;
    const { start = LOWEST, end } = bounds;
    if (this.#isBeyond(start)) return;
    const first = this.#bucketOf(start);
    const isToTheEnd = end === undefined || this.#isBeyond(end);
    const last = isToTheEnd ? this.#counts.length - 1 : this.#bucketOf(end);
    const above = this.#fences[last + 1] ?? this.#frontier;
    let count = this.#scanned(this.#fences[first], start);
    if (!isToTheEnd) count += this.#scanned(end, above);
    this.#fences.splice(first + 1, last - first);
    this.#counts.splice(first, last - first + 1, count);
    this.#lastBucket = 0;
  }

  /** Keys of the table in a range. */
  count(bounds: KeyBounds): number {
    if (isEmptyBounds(bounds)) return 0;
    const { start, end } = bounds;
    const frontier = this.#frontier;
    if (frontier === undefined) return this.#below(start, end);
    if (start !== undefined && this.#isBeyond(start)) return this.#scanned(start, end);
    if (end !== undefined && !this.#isBeyond(end)) return this.#below(start, end);
    if (frontier.length === 0) return this.#scanned(start, end);
    return this.#below(start, frontier) + this.#scanned(frontier, end);
  }

  /** A range of counted keys; no end: all there are. */
  #below(start: Uint8Array | undefined, end: Uint8Array | undefined): number {
    const first = start === undefined ? 0 : this.#bucketOf(start);
    const last = end === undefined ? this.#counts.length : this.#bucketOf(end);
    if (first === last) return this.#scanned(start, end);
    let count = 0;
    for (let bucket = first; bucket < last; bucket++) count += this.#counts[bucket]!;
    if (start !== undefined) count -= this.#scanned(this.#fences[first], start);
    if (end !== undefined) count += this.#scanned(this.#fences[last], end);
    return count;
  }

  #scanned(start: Uint8Array | undefined, end: Uint8Array | undefined): number {
    const from = start === undefined || start.length === 0 ? undefined : start;
    if (from !== undefined && end !== undefined && compareBytes(from, end) >= 0) return 0;
    return this.#current.count({ ...(from && { start: from }), ...(end && { end }) });
  }

  #isBeyond(key: Uint8Array): boolean {
    return this.#frontier !== undefined && compareBytes(key, this.#frontier) >= 0;
  }

  /** The last bucket that begins at or below the key. */
  #bucketOf(key: Uint8Array): number {
    const fences = this.#fences;
    const guess = this.#lastBucket;
    if (
      compareBytes(fences[guess]!, key) <= 0 &&
      (guess + 1 === fences.length || compareBytes(fences[guess + 1]!, key) > 0)
    ) {
      return guess;
    }
    let low = 0;
    let high = fences.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (compareBytes(fences[middle]!, key) <= 0) low = middle;
      else high = middle;
    }
    this.#lastBucket = low;
    return low;
  }

  /** Counts on from the frontier. */
  #advance(frontier: Uint8Array): void {
    const last = this.#fences.length - 1;
    const pieces = this.#pieces(frontier, undefined);
    this.#frontier = pieces.next;
    if (pieces.next === undefined) this.#last = this.#lastKey();
    if (frontier.length === 0) this.#counts[last] = pieces.counts.shift() ?? 0;
    const firstNew = frontier.length === 0 ? 1 : 0;
    this.#fences.push(...pieces.fences.slice(firstNew));
    this.#counts.push(...pieces.counts);
  }

  /** Empty if there is none. */
  #lastKey(): Uint8Array {
    let last: Uint8Array = LOWEST;
    this.#current.scan({ reverse: true }, (key) => {
      last = key.slice();
      return false;
    });
    return last;
  }

  /** Cuts a bucket that has grown. */
  #cut(): void {
    const fence = this.#grown.pop();
    if (fence === undefined) return;
    const bucket = this.#bucketOf(fence);
    const whole = this.#counts[bucket]!;
    if (compareBytes(this.#fences[bucket]!, fence) !== 0 || whole <= this.#bucketKeys) return;
    const { fences, counts, next } = this.#pieces(fence, this.#fences[bucket + 1]);
    if (next !== undefined) {
      fences.push(next);
      counts.push(whole - counts.reduce((sum, count) => sum + count, 0));
      if (counts.at(-1)! > this.#bucketKeys) this.#grown.push(next);
    }
    if (counts.length === 0) return;
    this.#fences.splice(bucket + 1, 0, ...fences.slice(1));
    this.#counts.splice(bucket, 1, ...counts);
    this.#lastBucket = 0;
  }

  /** Counts keys from `start` on into new buckets, the first of which begins at `start`; `next` is the first key not looked at. */
  #pieces(start: Uint8Array, end: Uint8Array | undefined): Pieces {
    const fences: Uint8Array[] = [];
    const counts: number[] = [];
    let next: Uint8Array | undefined;
    let rows = 0;
    const from = start.length === 0 ? undefined : start;
    this.#current.scan({ ...(from && { start: from }), ...(end && { end }) }, (key) => {
      if (rows >= SLICE_ROWS) {
        next = key.slice();
        return false;
      }
      if (rows++ % this.#bucketKeys === 0) {
        // Copied: a view would hold on to what it was cut from.
        fences.push(rows === 1 ? start : key.slice());
        counts.push(0);
      }
      counts[counts.length - 1]!++;
      return true;
    });
    return { fences, counts, next };
  }
}

interface Pieces {
  readonly fences: Uint8Array[];
  readonly counts: number[];
  readonly next: Uint8Array | undefined;
}
