/**
 * Reads a bbolt file that nobody writes to, a leaf at a time: what is in memory are some pages for each level of one tree, whatever the size of the file.
 *
 *     const root = await openBbolt(file);
 *     const bucket = await root.bucket(name);
 *     for await (const rows of bucket.entries()) ...
 *
 * What is damaged rejects with a BboltDamage; failures of the file itself are passed on.
 */
import { compareBytes } from '../ports/byte-order.ts';
import { BboltDamage } from './bbolt-damage.ts';
import { type BboltFile, PageSource, type PageSpace } from './page-source.ts';
import { META_SEARCH_BYTES, readMeta } from './read-meta.ts';
import { type LeafElement, readBranch, readBucketValue, readHead, readLeaf } from './read-page.ts';

/** A row, or a bucket within the bucket. Bytes stay as they are for as long as anyone holds them. */
export type BboltEntry =
  | { readonly key: Uint8Array; readonly value: Uint8Array; readonly bucket: undefined }
  | { readonly key: Uint8Array; readonly value: undefined; readonly bucket: BucketReader };

/** Of any tree that fits into a file, many times over. */
const LEVELS_MAX = 64;
const NESTED_MAX = 64;
/** The page inside a bucket that lies in its parent. */
const INLINE_PAGE = 0;

/** The bucket that holds all others. */
export async function openBbolt(file: BboltFile): Promise<BucketReader> {
  const size = await file.size();
  const head = new Uint8Array(Math.min(size, META_SEARCH_BYTES));
  for (let filled = 0; filled < head.length; ) {
    const got = await file.read(head.subarray(filled), filled);
    if (got === 0) throw new BboltDamage('it ends within its meta pages');
    filled += got;
  }
  const { pageBytes, pages, root } = readMeta(head);
  if (pages * pageBytes > size)
    throw new BboltDamage(`it should have ${pages * pageBytes} bytes at least and has ${size}`);
  return new BucketReader({ file, pageBytes, pages }, { root, sequence: 0n, inline: undefined }, 0);
}

export class BucketReader {
  /** What a program that uses the bucket has counted in it. */
  readonly sequence: bigint;
  readonly #space: PageSpace;
  readonly #root: number;
  readonly #inline: Uint8Array | undefined;
  readonly #nesting: number;

  constructor(space: PageSpace, value: ReturnType<typeof readBucketValue>, nesting: number) {
    if (nesting > NESTED_MAX) throw new BboltDamage(`buckets lie in each other ${nesting} deep`);
    this.#space = space;
    this.#root = value.root;
    this.#inline = value.inline;
    this.#nesting = nesting;
    this.sequence = value.sequence;
  }

  /** All rows and buckets in the order of their keys, as many at a time as a page holds. May be called any number of times. */
  async *entries(): AsyncGenerator<readonly BboltEntry[]> {
    let last: Uint8Array | undefined;
    for await (const leaf of this.#leaves()) {
      const entries: BboltEntry[] = [];
      for (const { key, value, isBucket } of leaf) {
        if (last !== undefined && compareBytes(last, key) >= 0)
          throw new BboltDamage('keys of a bucket are not in order');
        last = key;
        entries.push(
          isBucket
            ? { key, value: undefined, bucket: this.#nested(value) }
            : { key, value, bucket: undefined },
        );
      }
      if (entries.length > 0) yield entries;
    }
  }

  /** A bucket within this one; undefined if there is none of that name. */
  async bucket(name: Uint8Array): Promise<BucketReader | undefined> {
    for await (const entries of this.entries()) {
      for (const { key, bucket } of entries) if (compareBytes(key, name) === 0) return bucket;
    }
    return undefined;
  }

  #nested(value: Uint8Array): BucketReader {
    return new BucketReader(this.#space, readBucketValue(value), this.#nesting + 1);
  }

  async *#leaves(): AsyncGenerator<readonly LeafElement[]> {
    if (this.#inline !== undefined) {
      if (readHead(this.#inline, INLINE_PAGE).kind !== 'leaf')
        throw new BboltDamage('a bucket within its parent that is no leaf');
      yield readLeaf(this.#inline, INLINE_PAGE);
      return;
    }
    const source = new PageSource(this.#space);
    const levels = [new Level([this.#root])];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const page = await level.next(source);
      if (page === undefined) levels.pop();
      else if (readHead(page.bytes, page.number).kind === 'leaf') yield readLeaf(page.bytes, page.number);
      else if (levels.length === LEVELS_MAX)
        throw new BboltDamage(`a tree of more than ${LEVELS_MAX} levels`);
      else levels.push(new Level(readBranch(page.bytes, page.number)));
    }
  }
}

/** The children of one branch on the way from the root, and those of them that were read ahead. */
class Level {
  readonly #numbers: readonly number[];
  #at = 0;
  #read: readonly Uint8Array[] = [];
  #readFrom = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** Undefined behind the last. */
  async next(
    source: PageSource,
  ): Promise<{ readonly number: number; readonly bytes: Uint8Array } | undefined> {
    const at = this.#at;
    if (at === this.#numbers.length) return undefined;
    if (at === this.#readFrom + this.#read.length) {
      this.#read = await source.read(this.#numbers, at);
      this.#readFrom = at;
    }
    this.#at++;
    return { number: this.#numbers[at]!, bytes: this.#read[at - this.#readFrom]! };
  }
}
