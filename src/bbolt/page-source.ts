/**
 * Reads pages of a bbolt file for one walk over a tree. Invariant: no page is given out twice in a walk, so that a tree that is none (pages that
 * are each other's children, or shared) ends as damage, and what a walk reads is bounded by the file.
 */
import type { DiskFile } from '../ports/disk.ts';
import { BboltDamage } from './bbolt-damage.ts';
import { readHead } from './read-page.ts';

/** Random access is all that is needed of a file. */
export type BboltFile = Pick<DiskFile, 'read' | 'size'>;

export interface PageSpace {
  readonly file: BboltFile;
  readonly pageBytes: number;
  /** All pages in use are below this number, and within the file. */
  readonly pages: number;
}

/** Metas come first. */
const FIRST_PAGE = 2;
/** What is asked of a file at once: neighbours in one piece, several pieces side by side. */
const BATCH_PAGES = 64;
/** Beyond what one row can be, so that a broken number asks for no absurd buffer. */
const PAGE_BYTES_MAX = 1024 * 1024 * 1024;

export class PageSource {
  readonly #space: PageSpace;
  /** One bit a page. */
  readonly #seen: Uint8Array;

  constructor(space: PageSpace) {
    this.#space = space;
    this.#seen = new Uint8Array(Math.ceil(space.pages / 8));
  }

  /** Reads some of the pages that `numbers` names from `at` on, one at least, each with its overflow. */
  async read(numbers: readonly number[], at: number): Promise<Uint8Array[]> {
    const wanted = numbers.slice(at, at + BATCH_PAGES);
    for (const number of wanted) this.#take(number);
    const runs: Promise<Uint8Array[]>[] = [];
    for (let from = 0; from < wanted.length; ) {
      let to = from + 1;
      while (to < wanted.length && wanted[to] === wanted[to - 1]! + 1) to++;
      runs.push(this.#readRun(wanted[from]!, to - from));
      from = to;
    }
    const pages = (await Promise.all(runs)).flat();
    for (let i = 0; i < pages.length; i++) {
      const { overflow } = readHead(pages[i]!, wanted[i]!);
      if (overflow > 0) pages[i] = await this.#readLong(wanted[i]!, overflow);
    }
    return pages;
  }

  async #readRun(first: number, count: number): Promise<Uint8Array[]> {
    const { pageBytes } = this.#space;
    const bytes = await this.#readBytes(first, count);
    return Array.from({ length: count }, (_, i) => bytes.subarray(i * pageBytes, (i + 1) * pageBytes));
  }

  #readLong(number: number, overflow: number): Promise<Uint8Array> {
    const { pages, pageBytes } = this.#space;
    const end = number + overflow + 1;
    if (end > pages || (overflow + 1) * pageBytes > PAGE_BYTES_MAX)
      throw new BboltDamage(`page ${number} goes on for ${overflow} pages, of ${pages} in the file`);
    for (let each = number + 1; each < end; each++) this.#take(each);
    return this.#readBytes(number, overflow + 1);
  }

  async #readBytes(first: number, count: number): Promise<Uint8Array> {
    const { file, pageBytes } = this.#space;
    const bytes = new Uint8Array(count * pageBytes);
    for (let filled = 0; filled < bytes.length; ) {
      const got = await file.read(bytes.subarray(filled), first * pageBytes + filled);
      if (got === 0) throw new BboltDamage(`the file ends within page ${first}`);
      filled += got;
    }
    return bytes;
  }

  #take(number: number): void {
    const { pages } = this.#space;
    if (!Number.isSafeInteger(number) || number < FIRST_PAGE || number >= pages)
      throw new BboltDamage(`there is no page ${number} among its ${pages}`);
    const byte = Math.floor(number / 8);
    const bit = 1 << (number % 8);
    if ((this.#seen[byte]! & bit) !== 0) throw new BboltDamage(`page ${number} is in a tree twice`);
    this.#seen[byte]! |= bit;
  }
}
