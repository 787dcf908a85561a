/** Pages of a bbolt file taken apart (page-format.ts draws them). Nothing in them is believed: whatever points out of its page is damage. */
import { BboltDamage } from './bbolt-damage.ts';
import {
  BRANCH,
  BRANCH_ELEMENT_BYTES,
  BUCKET_HEADER_BYTES,
  LEAF,
  LEAF_ELEMENT_BYTES,
  PAGE_HEADER_BYTES,
} from './page-format.ts';

export interface PageHead {
  readonly kind: 'branch' | 'leaf';
  readonly count: number;
  /** How many more pages the content takes. */
  readonly overflow: number;
}

export interface LeafElement {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

/** Root and content of a bucket, from the value that stands for it. */
export interface BucketValue {
  /** 0: the content lies in `inline`. */
  readonly root: number;
  readonly sequence: bigint;
  readonly inline: Uint8Array | undefined;
}

const BUCKET = 1;

/** @param number what the page must say it is */
export function readHead(page: Uint8Array, number: number): PageHead {
  if (page.length < PAGE_HEADER_BYTES) throw new BboltDamage(`page ${number} has no room for a header`);
  const view = viewOf(page);
  const told = view.getBigUint64(0, true);
  if (told !== BigInt(number)) throw new BboltDamage(`page ${number} says that it is page ${told}`);
  const flags = view.getUint16(8, true);
  if (flags !== BRANCH && flags !== LEAF)
    throw new BboltDamage(`page ${number} is of kind ${flags} in a tree`);
  return {
    kind: flags === LEAF ? 'leaf' : 'branch',
    count: view.getUint16(10, true),
    overflow: view.getUint32(12, true),
  };
}

/** Pages of the children, in the order of their keys. */
export function readBranch(page: Uint8Array, number: number): number[] {
  const { count } = readHead(page, number);
  if (count === 0) throw new BboltDamage(`page ${number} is a branch without children`);
  const view = viewOf(page);
  checkElements(page, number, count, BRANCH_ELEMENT_BYTES);
  const children: number[] = [];
  for (let i = 0; i < count; i++) {
    const child = view.getBigUint64(PAGE_HEADER_BYTES + i * BRANCH_ELEMENT_BYTES + 8, true);
    // Too large a number for any file stays too large.
    children.push(Number(child));
  }
  return children;
}

/** Keys and values are views of the page; keys ascend. */
export function readLeaf(page: Uint8Array, number: number): LeafElement[] {
  const { count } = readHead(page, number);
  const view = viewOf(page);
  checkElements(page, number, count, LEAF_ELEMENT_BYTES);
  const firstByte = PAGE_HEADER_BYTES + count * LEAF_ELEMENT_BYTES;
  const elements: LeafElement[] = [];
  for (let i = 0; i < count; i++) {
    const at = PAGE_HEADER_BYTES + i * LEAF_ELEMENT_BYTES;
    const flags = view.getUint32(at, true);
    const keyAt = at + view.getUint32(at + 4, true);
    const valueAt = keyAt + view.getUint32(at + 8, true);
    const end = valueAt + view.getUint32(at + 12, true);
    if (keyAt < firstByte || valueAt === keyAt || end > page.length)
      throw new BboltDamage(`row ${i} of page ${number} does not lie within it`);
    if (flags > BUCKET) throw new BboltDamage(`row ${i} of page ${number} is of kind ${flags}`);
    elements.push({
      key: page.subarray(keyAt, valueAt),
      value: page.subarray(valueAt, end),
      isBucket: flags === BUCKET,
    });
  }
  return elements;
}

export function readBucketValue(value: Uint8Array): BucketValue {
  if (value.length < BUCKET_HEADER_BYTES) throw new BboltDamage(`a bucket of ${value.length} bytes`);
  const view = viewOf(value);
  const root = Number(view.getBigUint64(0, true));
  return {
    root,
    sequence: view.getBigUint64(8, true),
    inline: root === 0 ? value.subarray(BUCKET_HEADER_BYTES) : undefined,
  };
}

function checkElements(page: Uint8Array, number: number, count: number, elementBytes: number): void {
  if (PAGE_HEADER_BYTES + count * elementBytes > page.length)
    throw new BboltDamage(`page ${number} has no room for its ${count} elements`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
