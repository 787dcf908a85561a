/**
 * Small pieces of memory cut from larger ones: a view costs a tenth of an allocation. Invariant: no two pieces overlap, so bytes that were
 * handed out stay as they are.
 */

const SLAB_BYTES = 64 * 1024;
/** Larger pieces are allocated by themselves, so that no slab is held by a few of them. */
const PIECE_BYTES_MAX = 8 * 1024;

export class ByteSlab {
  #buffer = new ArrayBuffer(SLAB_BYTES);
  #used = 0;

  /** Zeroed memory that nobody else has. */
  take(length: number): Uint8Array {
    if (length > PIECE_BYTES_MAX) return new Uint8Array(length);
    if (this.#used + length > SLAB_BYTES) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const piece = new Uint8Array(this.#buffer, this.#used, length);
    this.#used += length;
    return piece;
  }
}
