/**
 * Decodes header blocks of requests, and remembers the last few. A client that makes the same call again sends the same few bytes,
 * and while the dynamic table is as it was then they mean the same.
 */
import type { HeaderField } from './header-field.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { RequestHead } from './request-head.ts';

const rememberedBlocks = 8;
const rememberedBytesMax = 96;

interface Remembered {
  readonly block: Uint8Array;
  readonly head: RequestHead;
}

export class HeadCache {
  private readonly decoder: HpackDecoder;
  /** Most recently used first. */
  private readonly remembered: Remembered[] = [];
  private generation = 0;

  constructor(listBytesMax: number, listCountMax: number) {
    this.decoder = new HpackDecoder(listBytesMax, listCountMax);
  }

  /** Undefined for a block that can't be decoded: the connection is lost. */
  requestHead(bytes: Uint8Array, start: number, end: number): RequestHead | undefined {
    const { remembered } = this;
    if (this.generation === this.decoder.table.generation) {
      for (let i = 0; i < remembered.length; i++) {
        const each = remembered[i]!;
        if (!isSame(each.block, bytes, start, end)) continue;
        if (i > 0) {
          remembered.splice(i, 1);
          remembered.unshift(each);
        }
        return each.head;
      }
    } else {
      remembered.length = 0;
    }
    const { table } = this.decoder;
    const before = table.generation;
    const fields: HeaderField[] = [];
    if (!this.decoder.decode(bytes, start, end, fields)) return undefined;
    const head = new RequestHead(fields, this.decoder.overflowed);
    this.generation = table.generation;
    if (table.generation !== before) {
      remembered.length = 0;
    } else if (end - start <= rememberedBytesMax && end > start && bytes[start]! >>> 5 !== 1) {
      if (remembered.length === rememberedBlocks) remembered.pop();
      remembered.unshift({ block: Uint8Array.prototype.slice.call(bytes, start, end), head });
    }
    return head;
  }

  /** The fields of trailers; undefined if the connection is lost, 'malformed' if only the stream is. */
  trailers(bytes: Uint8Array, start: number, end: number): readonly HeaderField[] | 'malformed' | undefined {
    const fields: HeaderField[] = [];
    if (!this.decoder.decode(bytes, start, end, fields)) return undefined;
    const wellFormed = fields.every(({ name, wellFormed }) => wellFormed && name.charCodeAt(0) !== 0x3a);
    return wellFormed && !this.decoder.overflowed ? fields : 'malformed';
  }
}

function isSame(block: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const { length } = block;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}
