/**
 * A deliberately simple reader of whole bbolt files, for tests: the format as go.etcd.io/bbolt documents it, with nothing of the writer's code in it.
 * It checks what bbolt's own check does: every page below the high-water mark is used exactly once or free, keys ascend, branch keys fit their children.
 */

import assert from 'node:assert/strict';

export interface BboltRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface BboltContent {
  readonly buckets: ReadonlyMap<string, readonly BboltRow[]>;
  readonly pageBytes: number;
  readonly pages: number;
  /** Pages of branches, leaves and what lies over them; of one tree the greatest number of levels. */
  readonly levels: number;
}

const META = 0x04;
const BRANCH = 0x01;
const LEAF = 0x02;
const FREELIST = 0x10;
const BUCKET_ELEMENT = 0x01;
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;

export function readBbolt(file: Uint8Array): BboltContent {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const pageBytes = view.getUint32(24, true);
  const metas = [0, 1].map((number) => readMeta(view, number, pageBytes));
  const meta = metas[0]!.transaction > metas[1]!.transaction ? metas[0]! : metas[1]!;
  assert.ok(meta.pages * pageBytes <= file.length, 'the file holds all its pages');
  const used = new Set<number>([0, 1]);
  let levels = 0;

  const use = (page: number, overflow: number): void => {
    for (let each = page; each <= page + overflow; each++) {
      assert.ok(each < meta.pages, `page ${each} is below the high-water mark`);
      assert.ok(!used.has(each), `page ${each} is used once`);
      used.add(each);
    }
  };
  const readElements = (at: number, limit: number): (BboltRow & { readonly isBucket: boolean })[] => {
    const count = view.getUint16(at + 10, true);
    const rows = [];
    for (let i = 0; i < count; i++) {
      const element = at + 16 + 16 * i;
      const key = element + view.getUint32(element + 4, true);
      const value = key + view.getUint32(element + 8, true);
      const end = value + view.getUint32(element + 12, true);
      assert.ok(end <= limit, 'a row lies within its page');
      rows.push({
        key: file.slice(key, value),
        value: file.slice(value, end),
        isBucket: (view.getUint32(element, true) & BUCKET_ELEMENT) !== 0,
      });
    }
    return rows;
  };
  const readTree = (page: number, level = 1): (BboltRow & { readonly isBucket: boolean })[] => {
    levels = Math.max(levels, level);
    const at = page * pageBytes;
    assert.equal(view.getBigUint64(at, true), BigInt(page), 'a page knows its number');
    const flags = view.getUint16(at + 8, true);
    const overflow = view.getUint32(at + 12, true);
    use(page, overflow);
    if (flags === LEAF) return readElements(at, at + (1 + overflow) * pageBytes);
    assert.equal(flags, BRANCH, 'a tree is made of branches and leaves');
    const count = view.getUint16(at + 10, true);
    assert.ok(count >= 2, 'a branch has at least two children');
    const rows = [];
    for (let i = 0; i < count; i++) {
      const element = at + 16 + 16 * i;
      const key = element + view.getUint32(element, true);
      const bytes = file.slice(key, key + view.getUint32(element + 4, true));
      const below = readTree(Number(view.getBigUint64(element + 8, true)), level + 1);
      assert.deepEqual(below[0]?.key, bytes, "a branch's key is the first of its child");
      for (const row of below) rows.push(row);
    }
    return rows;
  };

  if (meta.freelist !== NO_FREELIST) {
    const at = Number(meta.freelist) * pageBytes;
    assert.equal(view.getUint16(at + 8, true), FREELIST);
    use(Number(meta.freelist), view.getUint32(at + 12, true));
    for (let i = 0; i < view.getUint16(at + 10, true); i++)
      use(Number(view.getBigUint64(at + 16 + 8 * i, true)), 0);
  }
  const buckets = new Map<string, readonly BboltRow[]>();
  for (const { key, value, isBucket } of inOrder(readTree(meta.root))) {
    assert.ok(isBucket, 'the root holds buckets');
    const root = Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true));
    const rows = root === 0 ? inlineRows(value) : readTree(root);
    buckets.set(
      Buffer.from(key).toString('latin1'),
      inOrder(rows).map(({ key, value }) => ({ key, value })),
    );
  }
  if (meta.freelist !== NO_FREELIST) assert.equal(used.size, meta.pages, 'every page is used or free');
  return { buckets, pageBytes, pages: meta.pages, levels };

  function inlineRows(value: Uint8Array): (BboltRow & { readonly isBucket: boolean })[] {
    const page = new DataView(value.buffer, value.byteOffset + 16, value.length - 16);
    const rows = [];
    assert.equal(page.getUint16(8, true), LEAF);
    for (let i = 0; i < page.getUint16(10, true); i++) {
      const element = 16 + 16 * i;
      const from = 16 + element + page.getUint32(element + 4, true);
      const middle = from + page.getUint32(element + 8, true);
      const end = middle + page.getUint32(element + 12, true);
      assert.ok(end <= value.length, 'a row lies within its bucket');
      rows.push({ key: value.slice(from, middle), value: value.slice(middle, end), isBucket: false });
    }
    return rows;
  }
}

function inOrder<T extends BboltRow>(rows: readonly T[]): readonly T[] {
  for (let i = 1; i < rows.length; i++)
    assert.ok(Buffer.compare(rows[i - 1]!.key, rows[i]!.key) < 0, 'keys ascend');
  return rows;
}

function readMeta(view: DataView, number: number, pageBytes: number) {
  const at = number * pageBytes;
  assert.equal(view.getBigUint64(at, true), BigInt(number));
  assert.equal(view.getUint16(at + 8, true), META);
  assert.equal(view.getUint32(at + 16, true), 0xed0cdaed, 'the magic number');
  assert.equal(view.getUint32(at + 20, true), 2, 'the version');
  let hash = 0xcbf29ce484222325n;
  for (let i = 16; i < 72; i++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(view.getUint8(at + i))) * 0x100000001b3n);
  assert.equal(view.getBigUint64(at + 72, true), hash, "the meta page's checksum");
  return {
    root: Number(view.getBigUint64(at + 32, true)),
    freelist: view.getBigUint64(at + 48, true),
    pages: Number(view.getBigUint64(at + 56, true)),
    transaction: view.getBigUint64(at + 64, true),
  };
}
