/**
 * Looks up keys in a committed table, but not those above its last one: they are not there. Keys that are written in rising order (a bulk load,
 * names that begin with a time) are then known to be new without a look at the table.
 */

import { compareBytes } from '../ports/byte-order.ts';
import type { TableReader } from '../ports/durable-tables.ts';

const NO_BYTES = new Uint8Array(0);

export class BoundedReader {
  readonly #committed: TableReader;
  /** The table's last key, empty if there is none; undefined: not looked for since the last commit. */
  #last: Uint8Array | undefined;

  constructor(committed: TableReader) {
    this.#committed = committed;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#last ??= this.#lastKey();
    return compareBytes(key, this.#last) > 0 ? undefined : this.#committed.get(key);
  }

  /** To be called when the table has changed, before a layer that hid the change is dropped. */
  changed(): void {
    this.#last = undefined;
  }

  #lastKey(): Uint8Array {
    let last: Uint8Array = NO_BYTES;
    this.#committed.scan({ reverse: true }, (key) => {
      // A view would hold on to what it was cut from.
      last = key.slice();
      return false;
    });
    return last;
  }
}
