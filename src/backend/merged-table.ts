/**
 * Reads of a table whose newest writes are in memory: layers of memtables, the newest first, over what is committed. An entry hides what the
 * layers below and the committed table have under the same key; one without a value says that the key is gone.
 */

import { compareBytes } from '../ports/byte-order.ts';
import type { KeyRange, ScanRange, TableReader, Visit } from '../ports/durable-tables.ts';
import type { KeyCursor } from './key-order.ts';
import type { Memtable } from './memtable.ts';

export function mergedGet(
  layers: readonly Memtable[],
  committed: Pick<TableReader, 'get'>,
  key: Uint8Array,
): Uint8Array | undefined {
  if (key.length === 0) return undefined;
  let hash: number | undefined;
  for (let i = 0; i < layers.length; i++) {
    const layer = layers[i]!;
    if (layer.size === 0) continue;
    hash ??= layer.keyHash.of(key);
    const entry = layer.find(hash, key);
    if (entry >= 0) return layer.valueAt(entry);
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
  if (newest.key === undefined) {
    committed.scan(range, visit);
    return;
  }
  const reverse = range.reverse === true;
  let going = true;
  committed.scan(range, (key, value) => {
    for (let own = newest.key; own !== undefined; own = newest.key) {
      const order = compareBytes(own, key);
      if (reverse ? order < 0 : order > 0) break;
      const ownValue = newest.value;
      newest.next();
      if (ownValue !== undefined && !visit(own, ownValue)) {
        going = false;
        return false;
      }
      if (order === 0) return true;
    }
    going = visit(key, value);
    return going;
  });
  for (let own = newest.key; going && own !== undefined; own = newest.key) {
    const ownValue = newest.value;
    newest.next();
    if (ownValue !== undefined) going = visit(own, ownValue);
  }
}

export function mergedCount(layers: readonly Memtable[], committed: TableReader, range: KeyRange): number {
  if (isEmpty(range)) return 0;
  let count = committed.count(range);
  const newest = new LayerCursor(layers, range);
  for (let key = newest.key; key !== undefined; key = newest.key) {
    const before = committed.get(key) !== undefined;
    const after = newest.value !== undefined;
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

/** A layer, and where the walk is in it. */
class LayerPlace {
  key: Uint8Array | undefined;
  readonly #layer: Memtable;
  readonly #cursor: KeyCursor;

  constructor(layer: Memtable, cursor: KeyCursor) {
    this.#layer = layer;
    this.#cursor = cursor;
    this.#load();
  }

  get value(): Uint8Array | undefined {
    return this.#layer.valueAt(this.#cursor.current);
  }

  next(): void {
    this.#cursor.next();
    this.#load();
  }

  #load(): void {
    const { current } = this.#cursor;
    this.key = current < 0 ? undefined : this.#layer.keyAt(current);
  }
}

/** Walks over all layers at once; of entries with the same key only the newest is seen. */
class LayerCursor {
  /** Undefined at the end. */
  key: Uint8Array | undefined;
  /** Undefined: the key is removed. */
  value: Uint8Array | undefined;
  readonly #places: LayerPlace[] = [];
  readonly #reverse: boolean;
  /** Where the walk ends: the range's end, or its start if it goes backwards. */
  readonly #bound: Uint8Array | undefined;

  constructor(layers: readonly Memtable[], range: ScanRange) {
    this.#reverse = range.reverse === true;
    this.#bound = this.#reverse ? range.start : range.end;
    const from = this.#reverse ? range.end : range.start;
    for (const layer of layers) {
      if (layer.size === 0) continue;
      const { order } = layer;
      this.#places.push(new LayerPlace(layer, this.#reverse ? order.backward(from) : order.forward(from)));
    }
    this.#pick();
  }

  next(): void {
    const key = this.key!;
    for (const place of this.#places) {
      if (place.key !== undefined && (place.key === key || compareBytes(place.key, key) === 0)) place.next();
    }
    this.#pick();
  }

  #pick(): void {
    let best: LayerPlace | undefined;
    for (const place of this.#places) {
      if (place.key === undefined) continue;
      if (best === undefined || this.#isBefore(place.key, best.key!)) best = place;
    }
    const key = best?.key;
    if (key === undefined || this.#isBeyond(key)) {
      this.key = undefined;
      this.value = undefined;
    } else {
      this.key = key;
      this.value = best!.value;
    }
  }

  #isBefore(key: Uint8Array, other: Uint8Array): boolean {
    const order = compareBytes(key, other);
    return this.#reverse ? order > 0 : order < 0;
  }

  #isBeyond(key: Uint8Array): boolean {
    if (this.#bound === undefined) return false;
    const order = compareBytes(key, this.#bound);
    return this.#reverse ? order < 0 : order >= 0;
  }
}
