/**
 * Reads of a table whose newest writes are in memory: layers of memtables, the newest first, over what is committed. An entry hides what the
 * layers below and the committed table have under the same key; one without a value says that the key is gone.
 */

import type { KeyRange, ScanRange, TableReader, Visit } from '../ports/durable-tables.ts';
import { byteText, compareBytes } from './bytes.ts';
import type { MemCursor, MemEntry, Memtable } from './memtable.ts';

export function mergedGet(
  layers: readonly Memtable[],
  committed: TableReader,
  key: Uint8Array,
): Uint8Array | undefined {
  if (key.length === 0) return undefined;
  let text: string | undefined;
  for (const layer of layers) {
    if (layer.entries.size === 0) continue;
    text ??= byteText(key);
    const entry = layer.entries.get(text);
    if (entry !== undefined) return entry.value;
  }
  return committed.get(key);
}

export function mergedScan(
  layers: readonly Memtable[],
  committed: TableReader,
  range: ScanRange,
  visit: Visit,
): void {
  if (isEmpty(range)) return;
  const newest = new LayerCursor(layers, range);
  if (newest.current === undefined) {
    committed.scan(range, visit);
    return;
  }
  const reverse = range.reverse === true;
  let going = true;
  committed.scan(range, (key, value) => {
    for (let entry = newest.current; entry !== undefined; entry = newest.current) {
      const order = compareBytes(entry.key, key);
      if (reverse ? order < 0 : order > 0) break;
      newest.next();
      if (entry.value !== undefined && !visit(entry.key, entry.value)) {
        going = false;
        return false;
      }
      if (order === 0) return true;
    }
    going = visit(key, value);
    return going;
  });
  for (let entry = newest.current; going && entry !== undefined; entry = newest.current) {
    newest.next();
    if (entry.value !== undefined) going = visit(entry.key, entry.value);
  }
}

export function mergedCount(layers: readonly Memtable[], committed: TableReader, range: KeyRange): number {
  if (isEmpty(range)) return 0;
  let count = committed.count(range);
  const newest = new LayerCursor(layers, range);
  for (let entry = newest.current; entry !== undefined; entry = newest.current) {
    const before = committed.get(entry.key) !== undefined;
    const after = entry.value !== undefined;
    if (before !== after) count += after ? 1 : -1;
    newest.next();
  }
  return count;
}

/** No key is empty, so that none is below an empty one either. */
function isEmpty({ start, end }: KeyRange): boolean {
  if (end === undefined) return false;
  return end.length === 0 || (start !== undefined && compareBytes(start, end) >= 0);
}

/** Walks over all layers at once; of entries with the same key only the newest is seen. */
class LayerCursor {
  current: MemEntry | undefined;
  readonly #cursors: MemCursor[] = [];
  readonly #reverse: boolean;
  /** Where the walk ends: the range's end, or its start if it goes backwards. */
  readonly #bound: string | undefined;

  constructor(layers: readonly Memtable[], range: ScanRange) {
    this.#reverse = range.reverse === true;
    const bound = this.#reverse ? range.start : range.end;
    this.#bound = bound === undefined ? undefined : byteText(bound);
    const from = this.#reverse ? range.end : range.start;
    let fromText: string | undefined;
    for (const layer of layers) {
      if (layer.entries.size === 0) continue;
      if (from !== undefined) fromText ??= byteText(from);
      this.#cursors.push(this.#reverse ? layer.backward(fromText) : layer.forward(fromText));
    }
    this.#pick();
  }

  next(): void {
    const text = this.current!.text;
    for (const cursor of this.#cursors) if (cursor.current?.text === text) cursor.next();
    this.#pick();
  }

  #pick(): void {
    let best: MemEntry | undefined;
    for (const cursor of this.#cursors) {
      const entry = cursor.current;
      if (entry === undefined) continue;
      if (best === undefined || (this.#reverse ? entry.text > best.text : entry.text < best.text))
        best = entry;
    }
    if (best !== undefined && this.#bound !== undefined) {
      if (this.#reverse ? best.text < this.#bound : best.text >= this.#bound) best = undefined;
    }
    this.current = best;
  }
}
