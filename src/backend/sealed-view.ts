/** A moment in time: the layers that were sealed then, over a view of what was committed then or since. */

import type { BackendTable, BackendView } from '../ports/backend.ts';
import type { DurableView, TableReader } from '../ports/durable-tables.ts';
import { isNodes, LongKeyReader, nodesOf } from './long-keys.ts';
import type { Memtable } from './memtable.ts';
import { mergedCount, mergedGet, mergedScan } from './merged-table.ts';

export class SealedView implements BackendView {
  readonly #layers: ReadonlyMap<string, readonly Memtable[]>;
  readonly #committed: DurableView;

  /** @param committed may hold writes of the layers already: the layers hide them */
  constructor(layers: ReadonlyMap<string, readonly Memtable[]>, committed: DurableView) {
    this.#layers = layers;
    this.#committed = committed;
  }

  table(name: string): Pick<BackendTable, 'get' | 'scan' | 'count'> {
    return new LongKeyReader(this.#stored(name), this.#stored(nodesOf(name)));
  }

  tables(): string[] {
    const names = new Set(this.#committed.names());
    for (const [name, layers] of this.#layers) {
      if (layers.some((layer) => layer.size > 0)) names.add(name);
    }
    return [...names].filter((name) => !isNodes(name)).sort();
  }

  release(): void {
    this.#committed.release();
  }

  #stored(name: string): TableReader {
    const layers = this.#layers.get(name) ?? [];
    const committed = this.#committed.table(name);
    return {
      get: (key) => mergedGet(layers, committed, key),
      scan: (range, visit) => mergedScan(layers, committed, range, visit),
      count: (range) => mergedCount(layers, committed, range),
    };
  }
}
