/**
 * Newest versions of single keys. The last row is remembered until something changes, for transactions that compare a key and then
 * write it, which most do.
 */

import type { BackendTable } from '../../ports/backend.ts';

export class NewestRows {
  readonly #current: BackendTable;
  #key: Uint8Array | undefined;
  #row: Uint8Array | undefined;

  constructor(current: BackendTable) {
    this.#current = current;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#key === undefined || !isSame(this.#key, key)) {
      this.#row = this.#current.get(key);
      this.#key = key;
    }
    return this.#row;
  }

  /** To be called before `current` changes. */
  changed(): void {
    this.#key = undefined;
    this.#row = undefined;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
