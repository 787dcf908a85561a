/**
 * The pages of a bbolt file, version 2, as go.etcd.io/bbolt reads them on little-endian machines. Everything is little-endian.
 *
 *     page        | number 8 | kind 2 | count 2 | overflow 4 | content ... |          overflow: how many more pages the content takes
 *
 *     meta        | magic 4 | version 4 | page size 4 | flags 4 | root bucket 16 | freelist's page 8 | number of pages 8 | transaction 8 | FNV-64a 8 |
 *     freelist    | page number 8 | *count
 *     branch      | offset 4 | key length 4 | child's page 8 | *count     | key | *count
 *     leaf        | flags 4 | offset 4 | key length 4 | value length 4 | *count     | key | value | *count
 *
 * An offset counts from the element that it stands in. A branch's key is the first key of the child. Flags of a leaf's element: 1, the value is a bucket:
 *
 *     bucket      | root's page 8 | sequence 8 |
 *     inline      | 0 in 8 bytes | sequence 8 | leaf page of the size it needs |          buckets of at most INLINE_BYTES_MAX
 *
 * Pages 0 and 1 are metas, of which the one of the later transaction counts.
 */

import { fnv64a } from './fnv64a.ts';

export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 16;
export const BRANCH_ELEMENT_BYTES = 16;
export const LEAF_ELEMENT_BYTES = 16;
export const BUCKET_HEADER_BYTES = 16;
/** Size of a leaf page up to which bbolt keeps a bucket inside its parent. */
export const INLINE_BYTES_MAX = PAGE_BYTES / 4;

export const BRANCH = 0x01;
export const LEAF = 0x02;
export const META = 0x04;
const FREELIST = 0x10;

export const MAGIC = 0xed0c_daed;
export const VERSION = 2;
export const META_BYTES = 64;

/** Of a leaf's element: an ordinary row, or a bucket. */
export type LeafFlags = 0 | 1;

export interface Rows {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly Uint8Array[];
  readonly flags: LeafFlags;
}

export interface Children {
  readonly keys: readonly Uint8Array[];
  readonly pages: readonly number[];
}

/** How many pages so much content with its header takes. */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

/** A leaf of whole pages that holds `bytes`, its header and elements included. */
export function leafPage(number: number, rows: Rows, bytes: number): Uint8Array {
  const pages = pagesFor(bytes);
  const page = new Uint8Array(pages * PAGE_BYTES);
  writeLeaf(page, number, rows, pages - 1);
  return page;
}

export function branchPage(number: number, { keys, pages: children }: Children, bytes: number): Uint8Array {
  const pages = pagesFor(bytes);
  const page = new Uint8Array(pages * PAGE_BYTES);
  const view = writeHeader(page, number, BRANCH, keys.length, pages - 1);
  let element = PAGE_HEADER_BYTES;
  let at = PAGE_HEADER_BYTES + BRANCH_ELEMENT_BYTES * keys.length;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    view.setUint32(element, at - element, true);
    view.setUint32(element + 4, key.length, true);
    view.setBigUint64(element + 8, BigInt(children[i]!), true);
    page.set(key, at);
    at += key.length;
    element += BRANCH_ELEMENT_BYTES;
  }
  return page;
}

/** Without a free page: a file that was just written has none. */
export function freelistPage(number: number): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  writeHeader(page, number, FREELIST, 0, 0);
  return page;
}

export interface Meta {
  readonly root: number;
  readonly freelist: number;
  /** Of the file. */
  readonly pages: number;
  readonly transaction: number;
}

export function metaPage(number: number, { root, freelist, pages, transaction }: Meta): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  const view = writeHeader(page, number, META, 0, 0);
  const at = PAGE_HEADER_BYTES;
  view.setUint32(at, MAGIC, true);
  view.setUint32(at + 4, VERSION, true);
  view.setUint32(at + 8, PAGE_BYTES, true);
  view.setBigUint64(at + 16, BigInt(root), true);
  view.setBigUint64(at + 32, BigInt(freelist), true);
  view.setBigUint64(at + 40, BigInt(pages), true);
  view.setBigUint64(at + 48, BigInt(transaction), true);
  view.setBigUint64(at + 56, fnv64a(page.subarray(at, at + META_BYTES - 8)), true);
  return page;
}

/** The value of a bucket that has pages of its own. */
export function bucketAt(root: number): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES);
  new DataView(value.buffer).setBigUint64(0, BigInt(root), true);
  return value;
}

/** The value of a bucket that lies inside its parent; `bytes` as for a leaf page. */
export function inlineBucket(rows: Rows, bytes: number): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES + bytes);
  writeLeaf(value.subarray(BUCKET_HEADER_BYTES), 0, rows, 0);
  return value;
}

function writeLeaf(page: Uint8Array, number: number, { keys, values, flags }: Rows, overflow: number): void {
  const view = writeHeader(page, number, LEAF, keys.length, overflow);
  let element = PAGE_HEADER_BYTES;
  let at = PAGE_HEADER_BYTES + LEAF_ELEMENT_BYTES * keys.length;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const value = values[i]!;
    view.setUint32(element, flags, true);
    view.setUint32(element + 4, at - element, true);
    view.setUint32(element + 8, key.length, true);
    view.setUint32(element + 12, value.length, true);
    page.set(key, at);
    page.set(value, at + key.length);
    at += key.length + value.length;
    element += LEAF_ELEMENT_BYTES;
  }
}

function writeHeader(
  page: Uint8Array,
  number: number,
  kind: number,
  count: number,
  overflow: number,
): DataView {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  view.setBigUint64(0, BigInt(number), true);
  view.setUint16(8, kind, true);
  view.setUint16(10, count, true);
  view.setUint32(12, overflow, true);
  return view;
}
