/**
 * Which state of a bbolt file counts: of its two meta pages the one of the later transaction whose checksum is right. A file is written with the pages of
 * the system it was made on, which only its metas tell; the second one is looked for at every size that a page can have.
 */
import { BboltDamage } from './bbolt-damage.ts';
import { fnv64a } from './fnv64a.ts';
import { MAGIC, META, META_BYTES, PAGE_HEADER_BYTES, VERSION } from './page-format.ts';

export interface FoundMeta {
  readonly pageBytes: number;
  /** Page of the bucket that holds all others. */
  readonly root: number;
  /** Below this number lie all pages in use. */
  readonly pages: number;
  readonly transaction: bigint;
}

const PAGE_BYTES_MIN = 1024;
const PAGE_BYTES_MAX = 64 * 1024;
/** Enough of the file's beginning to find both metas in it. */
export const META_SEARCH_BYTES = PAGE_BYTES_MAX + PAGE_HEADER_BYTES + META_BYTES;

/** @param head the file's first META_SEARCH_BYTES, or all of it. Throws BboltDamage if there is no meta to go by. */
export function readMeta(head: Uint8Array): FoundMeta {
  let best: FoundMeta | undefined;
  const consider = (at: number, pageBytes: number | undefined): void => {
    const meta = metaAt(head, at);
    if (meta === undefined || (pageBytes !== undefined && meta.pageBytes !== pageBytes)) return;
    if (best === undefined || meta.transaction > best.transaction) best = meta;
  };
  consider(0, undefined);
  for (let bytes = PAGE_BYTES_MIN; bytes <= PAGE_BYTES_MAX; bytes *= 2) consider(bytes, bytes);
  if (best === undefined)
    throw new BboltDamage('neither of its meta pages is whole, or it is no bbolt database');
  return best;
}

function metaAt(head: Uint8Array, page: number): FoundMeta | undefined {
  const at = page + PAGE_HEADER_BYTES;
  if (at + META_BYTES > head.length) return undefined;
  const view = new DataView(head.buffer, head.byteOffset + page, PAGE_HEADER_BYTES + META_BYTES);
  if ((view.getUint16(8, true) & META) === 0) return undefined;
  if (view.getUint32(16, true) !== MAGIC || view.getUint32(20, true) !== VERSION) return undefined;
  if (view.getBigUint64(72, true) !== fnv64a(head.subarray(at, at + META_BYTES - 8))) return undefined;
  const pageBytes = view.getUint32(24, true);
  const root = Number(view.getBigUint64(32, true));
  const pages = Number(view.getBigUint64(56, true));
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) return undefined;
  if (!Number.isSafeInteger(pages * pageBytes) || root >= pages) return undefined;
  return { pageBytes, root, pages, transaction: view.getBigUint64(64, true) };
}
