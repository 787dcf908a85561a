import type { HpackEncoder } from './hpack-encoder.ts';

/**
 * A header block that is sent again and again. It is encoded anew only when the table has changed since; the encoding that inserted
 * the fields is used once, and the next one, which only names their indexes, is kept.
 */
export class CachedBlock {
  /** The block is `bytes[0, length)`, after `refresh` and until the encoder is used for something else. */
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  private readonly encoder: HpackEncoder;
  private readonly fields: readonly (readonly [name: string, value: string])[];
  private generation = -1;

  constructor(encoder: HpackEncoder, fields: readonly (readonly [name: string, value: string])[]) {
    this.encoder = encoder;
    this.fields = fields;
  }

  refresh(): void {
    const { encoder } = this;
    if (this.generation === encoder.table.generation && !encoder.owesSizeUpdate) return;
    const before = encoder.owesSizeUpdate ? -1 : encoder.table.generation;
    encoder.begin();
    for (const [name, value] of this.fields) encoder.field(name, value);
    this.length = encoder.length;
    if (encoder.table.generation === before) {
      this.bytes = Uint8Array.prototype.slice.call(encoder.bytes, 0, encoder.length);
      this.generation = before;
    } else {
      this.bytes = encoder.bytes;
      this.generation = -1;
    }
  }
}
