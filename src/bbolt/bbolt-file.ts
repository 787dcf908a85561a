/**
 * A whole bbolt file as a stream of bytes, from rows that can be walked twice and are the same both times:
 *
 *     | meta | meta | freelist | the first bucket's pages | ... | the last bucket's pages | pages of the tree of buckets |
 *
 * The first walk only counts pages, since the metas at the beginning tell where the root at the end is and how many pages there are; the second writes.
 * Memory: one page for each level of one tree, and a chunk.
 */

import {
  branchPage,
  freelistPage,
  leafPage,
  type Meta,
  metaPage,
  PAGE_BYTES,
  pagesFor,
} from './page-format.ts';
import { type PageSink, PageTree } from './page-tree.ts';

export interface BboltBucket {
  /** Latin-1. */
  readonly name: string;
  /** Visits rows from `start` on (inclusive) in bytewise order of their keys, until `visit` returns false. */
  scan(start: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void;
}

export interface BboltChunk {
  readonly bytes: Uint8Array;
  /** Of the file, behind this chunk. */
  readonly remainingBytes: number;
}

/** Chunks are of this size but the last: a few pages, so that a message of one is small. */
export const CHUNK_BYTES = 64 * 1024;

/** A slice of work ends with the row that reaches one of these: well below a millisecond. */
const SLICE_BYTES = 64 * 1024;
const SLICE_ROWS = 500;

const FREELIST_PAGE = 2;
const FIRST_TREE_PAGE = 3;

/** Yields undefined between slices of work that filled no chunk, so that the caller can let others run. */
export function* bboltFile(buckets: readonly BboltBucket[]): Generator<BboltChunk | undefined, void> {
  const sorted = [...buckets].sort((a, b) => (a.name < b.name ? -1 : 1));
  const counter = new PageCounter();
  const root = yield* walk(sorted, counter);
  const pages = counter.next;

  const writer = new PageWriter(pages * PAGE_BYTES);
  const meta: Omit<Meta, 'transaction'> = { root, freelist: FREELIST_PAGE, pages };
  writer.put(metaPage(0, { ...meta, transaction: 2 }));
  writer.put(metaPage(1, { ...meta, transaction: 1 }));
  writer.put(freelistPage(FREELIST_PAGE));
  const walked = walk(sorted, writer);
  let step = walked.next();
  for (; step.done !== true; step = walked.next()) {
    yield undefined;
    yield* writer.chunks(false);
  }
  if (step.value !== root || writer.next !== pages)
    throw new Error('the rows changed while a bbolt file was made of them');
  yield* writer.chunks(true);
}

/** Lays out all trees; returns the root's page. */
function* walk(buckets: readonly BboltBucket[], sink: PageSink): Generator<undefined, number> {
  const names = new PageTree(sink, 1);
  for (const bucket of buckets) {
    const tree = new PageTree(sink, 0);
    let start: Uint8Array | undefined = new Uint8Array(0);
    while (start !== undefined) {
      start = addSlice(bucket, start, tree);
      yield undefined;
    }
    names.add(latin1(bucket.name), tree.finishBucket());
  }
  return names.finish();
}

/** Where the next slice begins, if there is one. */
function addSlice(bucket: BboltBucket, start: Uint8Array, tree: PageTree): Uint8Array | undefined {
  let bytes = 0;
  let rows = 0;
  let next: Uint8Array | undefined;
  bucket.scan(start, (key, value) => {
    tree.add(key, value);
    bytes += key.length + value.length;
    rows++;
    if (bytes < SLICE_BYTES && rows < SLICE_ROWS) return true;
    next = new Uint8Array(key.length + 1);
    next.set(key);
    return false;
  });
  return next;
}

class PageCounter implements PageSink {
  /** Number of the next page. */
  next = FIRST_TREE_PAGE;

  leaf(_rows: unknown, bytes: number): number {
    return this.#take(bytes);
  }

  branch(_children: unknown, bytes: number): number {
    return this.#take(bytes);
  }

  #take(bytes: number): number {
    const number = this.next;
    this.next += pagesFor(bytes);
    return number;
  }
}

class PageWriter implements PageSink {
  next = 0;
  #remainingBytes: number;
  #chunk = new Uint8Array(CHUNK_BYTES);
  #filled = 0;
  #full: Uint8Array[] = [];

  constructor(fileBytes: number) {
    this.#remainingBytes = fileBytes;
  }

  leaf(...[rows, bytes]: Parameters<PageSink['leaf']>): number {
    return this.put(leafPage(this.next, rows, bytes));
  }

  branch(...[children, bytes]: Parameters<PageSink['branch']>): number {
    return this.put(branchPage(this.next, children, bytes));
  }

  /** Whole pages; returns the number of the first. */
  put(page: Uint8Array): number {
    const number = this.next;
    this.next += page.length / PAGE_BYTES;
    for (let from = 0; from < page.length; ) {
      const part = page.subarray(from, from + CHUNK_BYTES - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled === CHUNK_BYTES) {
        this.#full.push(this.#chunk);
        this.#chunk = new Uint8Array(CHUNK_BYTES);
        this.#filled = 0;
      }
    }
    return number;
  }

  /** What is ready; with `isEnd` also what is not full. */
  *chunks(isEnd: boolean): Generator<BboltChunk> {
    if (isEnd && this.#filled > 0) this.#full.push(this.#chunk.subarray(0, this.#filled));
    const ready = this.#full;
    this.#full = [];
    for (const bytes of ready) {
      this.#remainingBytes -= bytes.length;
      yield { bytes, remainingBytes: this.#remainingBytes };
    }
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
