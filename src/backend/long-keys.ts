/**
 * Keys of any length over a table whose keys are short, in the same order. A key is cut into segments of SEGMENT bytes; each segment but the last
 * leads into a node of its own:
 *
 *     main table       key shorter than SEGMENT      -> its value
 *                      SEGMENT bytes                 -> row: flags [node] [value]
 *     table of nodes   node, segment below SEGMENT   -> its value
 *                      node, SEGMENT bytes           -> row: flags [node] [value]
 *
 *     flags (1 byte): 1 a key ends here, its value follows; 2 longer keys go on in the node (8 bytes, big-endian, from 1 up)
 *
 * Invariants: a row has at least one of the flags; a node that is named has at least one key below it. A key that is shorter than
 * SEGMENT, as every sensible one is, costs a comparison of its length.
 */

import { compareBytes } from '../ports/byte-order.ts';
import type { KeyRange, ScanRange, TableReader, Visit } from '../ports/durable-tables.ts';

/** With a node's 8 bytes before it a segment must fit into what LMDB takes for a key. */
export const SEGMENT = 1900;
const NODE_BYTES = 8;
const VALUE_FOLLOWS = 1;
const NODE_FOLLOWS = 2;

export interface ShortKeyTable extends TableReader {
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
}

/** The name of a table's nodes: no table of a caller is named so. */
export function nodesOf(table: string): string {
  return `${table}~nodes`;
}

export function isNodes(table: string): boolean {
  return table.endsWith('~nodes');
}

interface Row {
  readonly value: Uint8Array | undefined;
  /** 0: none. */
  readonly node: number;
}

/** Where a key's last segment is: under `key` in the table of nodes, or in the main table if `node` is 0. */
interface Place {
  readonly node: number;
  readonly key: Uint8Array;
  /** The segment is SEGMENT bytes long. */
  readonly isRow: boolean;
}

export class LongKeyReader implements TableReader {
  protected readonly main: TableReader;
  protected readonly nodes: TableReader;

  constructor(main: TableReader, nodes: TableReader) {
    this.main = main;
    this.nodes = nodes;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (key.length < SEGMENT) return this.main.get(key);
    const place = this.find(key);
    if (place === undefined) return undefined;
    const found = this.tableOf(place.node).get(place.key);
    return found === undefined || !place.isRow ? found : decodeRow(found).value;
  }

  scan(range: ScanRange, visit: Visit): void {
    this.#scanNode(0, undefined, range.start, range.end, range.reverse === true, visit);
  }

  count(range: KeyRange): number {
    const start = range.start?.subarray(0, SEGMENT);
    if (!this.#hasNodes() && (range.start?.length ?? 0) <= SEGMENT) {
      const end =
        range.end === undefined || range.end.length <= SEGMENT
          ? range.end
          : afterRow(range.end.subarray(0, SEGMENT));
      return this.main.count({ start, end });
    }
    let count = 0;
    this.scan(range, () => {
      count++;
      return true;
    });
    return count;
  }

  protected tableOf(node: number): TableReader {
    return node === 0 ? this.main : this.nodes;
  }

  /** Follows the rows that lead to a long key. */
  protected find(key: Uint8Array): Place | undefined {
    let node = 0;
    for (let from = 0; ; from += SEGMENT) {
      const place = placeOf(node, key, from);
      if (key.length <= from + SEGMENT) return place;
      const found = this.tableOf(node).get(place.key);
      if (found === undefined) return undefined;
      node = decodeRow(found).node;
      if (node === 0) return undefined;
    }
  }

  protected nodeIsEmpty(node: number): boolean {
    let empty = true;
    this.nodes.scan({ start: nodeBytes(node), end: nodeBytes(node + 1) }, () => {
      empty = false;
      return false;
    });
    return empty;
  }

  #hasNodes(): boolean {
    let any = false;
    this.nodes.scan({}, () => {
      any = true;
      return false;
    });
    return any;
  }

  /** Start and end are what remains of them below `before`, the segments that led here. False: the visitor has had enough. */
  #scanNode(
    node: number,
    before: Uint8Array | undefined,
    start: Uint8Array | undefined,
    end: Uint8Array | undefined,
    reverse: boolean,
    visit: Visit,
  ): boolean {
    const startRow = start !== undefined && start.length >= SEGMENT ? start.subarray(0, SEGMENT) : undefined;
    const endRow = end !== undefined && end.length > SEGMENT ? end.subarray(0, SEGMENT) : undefined;
    let from = startRow ?? start;
    let to = endRow === undefined ? end : afterRow(endRow);
    if (node !== 0) {
      from = from === undefined ? nodeBytes(node) : concatBytes(nodeBytes(node), from);
      to = to === undefined ? nodeBytes(node + 1) : concatBytes(nodeBytes(node), to);
    }
    const skipped = node === 0 ? 0 : NODE_BYTES;
    let going = true;
    this.tableOf(node).scan({ start: from, end: to, reverse }, (stored, value) => {
      const segment = skipped === 0 ? stored : stored.subarray(skipped);
      const key = before === undefined ? segment : concatBytes(before, segment);
      if (segment.length < SEGMENT) {
        going = visit(key, value);
        return going;
      }
      const row = decodeRow(value);
      const startsHere = startRow !== undefined && compareBytes(segment, startRow) === 0;
      const endsHere = endRow !== undefined && compareBytes(segment, endRow) === 0;
      const ownValue = startsHere && start!.length > SEGMENT ? undefined : row.value;
      const below = (): boolean =>
        row.node === 0 ||
        this.#scanNode(
          row.node,
          key,
          startsHere && start!.length > SEGMENT ? start!.subarray(SEGMENT) : undefined,
          endsHere ? end!.subarray(SEGMENT) : undefined,
          reverse,
          visit,
        );
      const own = (): boolean => ownValue === undefined || visit(key, ownValue);
      going = reverse ? below() && own() : own() && below();
      return going;
    });
    return going;
  }
}

export class LongKeyTable extends LongKeyReader {
  readonly #main: ShortKeyTable;
  readonly #nodes: ShortKeyTable;

  constructor(main: ShortKeyTable, nodes: ShortKeyTable) {
    super(main, nodes);
    this.#main = main;
    this.#nodes = nodes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (key.length < SEGMENT) {
      this.#main.put(key, value);
      return;
    }
    let node = 0;
    let from = 0;
    for (; key.length > from + SEGMENT; from += SEGMENT)
      node = this.#enter(node, placeOf(node, key, from).key);
    const place = placeOf(node, key, from);
    const table = this.#writable(node);
    if (!place.isRow) table.put(place.key, value);
    else table.put(place.key, encodeRow({ value, node: this.#row(node, place.key)?.node ?? 0 }));
  }

  remove(key: Uint8Array): void {
    if (key.length < SEGMENT) {
      this.#main.remove(key);
      return;
    }
    const place = this.find(key);
    if (place === undefined) return;
    const row = place.isRow ? this.#row(place.node, place.key) : undefined;
    if (row !== undefined && row.node !== 0) {
      this.#writable(place.node).put(place.key, encodeRow({ value: undefined, node: row.node }));
      return;
    }
    this.#writable(place.node).remove(place.key);
    this.#prune(key, place.node);
  }

  /** The node below a row; both are made if they are missing. */
  #enter(node: number, key: Uint8Array): number {
    const row = this.#row(node, key);
    if (row !== undefined && row.node !== 0) return row.node;
    const fresh = this.#freshNode();
    this.#writable(node).put(key, encodeRow({ value: row?.value, node: fresh }));
    // The next node's number is one above the last in the table: rows that lead to a node that has none yet would hide it.
    this.#reserved = fresh;
    return fresh;
  }

  #reserved = 0;

  #freshNode(): number {
    let last = 0;
    this.#nodes.scan({ reverse: true }, (key) => {
      last = decodeNode(key);
      return false;
    });
    return Math.max(last, this.#reserved) + 1;
  }

  /** Removes a node that has become empty, and the rows on the way to it that led nowhere else. */
  #prune(key: Uint8Array, emptied: number): void {
    const trail: Place[] = [];
    let node = 0;
    for (let from = 0; node !== emptied; from += SEGMENT) {
      const place = placeOf(node, key, from);
      trail.push(place);
      node = this.#row(node, place.key)!.node;
    }
    for (let place = trail.pop(); place !== undefined && this.nodeIsEmpty(node); place = trail.pop()) {
      const row = this.#row(place.node, place.key)!;
      if (row.value !== undefined) {
        this.#writable(place.node).put(place.key, encodeRow({ value: row.value, node: 0 }));
        return;
      }
      this.#writable(place.node).remove(place.key);
      node = place.node;
    }
  }

  #row(node: number, key: Uint8Array): Row | undefined {
    const bytes = this.tableOf(node).get(key);
    return bytes === undefined ? undefined : decodeRow(bytes);
  }

  #writable(node: number): ShortKeyTable {
    return node === 0 ? this.#main : this.#nodes;
  }
}

function placeOf(node: number, key: Uint8Array, from: number): Place {
  const segment = key.subarray(from, from + SEGMENT);
  return {
    node,
    key: node === 0 ? segment : concatBytes(nodeBytes(node), segment),
    isRow: segment.length === SEGMENT,
  };
}

/** The end of a range that takes a row in as its last. */
function afterRow(row: Uint8Array): Uint8Array {
  return concatBytes(row, new Uint8Array(1));
}

function encodeRow(row: Row): Uint8Array {
  const head = row.node === 0 ? 1 : 1 + NODE_BYTES;
  const bytes = Buffer.allocUnsafe(head + (row.value?.length ?? 0));
  bytes[0] = (row.value === undefined ? 0 : VALUE_FOLLOWS) | (row.node === 0 ? 0 : NODE_FOLLOWS);
  if (row.node !== 0) bytes.set(nodeBytes(row.node), 1);
  if (row.value !== undefined) bytes.set(row.value, head);
  return bytes;
}

function decodeRow(bytes: Uint8Array): Row {
  const flags = bytes[0]!;
  const head = (flags & NODE_FOLLOWS) === 0 ? 1 : 1 + NODE_BYTES;
  return {
    value: (flags & VALUE_FOLLOWS) === 0 ? undefined : bytes.subarray(head),
    node: head === 1 ? 0 : decodeNode(bytes.subarray(1)),
  };
}

function nodeBytes(node: number): Uint8Array {
  const bytes = new Uint8Array(NODE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(node / 0x1_0000_0000));
  view.setUint32(4, node >>> 0);
  return bytes;
}

function decodeNode(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, NODE_BYTES);
  return view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4);
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = Buffer.allocUnsafe(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}
