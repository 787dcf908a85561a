/**
 * Header blocks into fields (RFC 7541, 6):
 *
 *   1 index:7+                        indexed field
 *   0 1 name-index:6+ [name] value    literal, inserted into the dynamic table
 *   0 0 1 size:5+                     new size of the dynamic table; only at the beginning of a block
 *   0 0 0 0 name-index:4+ [name] value    literal
 *   0 0 0 1 name-index:4+ [name] value    literal that must never be indexed by anyone
 *   string: huffman:1 length:7+ bytes
 *
 * The whole block is always decoded, since the table must stay in step with the client's; but fields beyond the list's limits are
 * only counted, so that a small block that names one large entry ten thousand times costs no memory.
 */
import { fieldWithValue, type HeaderField, headerField } from './header-field.ts';
import { DynamicTable, defaultTableBytes, staticCount, staticTable } from './hpack-tables.ts';
import { huffmanDecode } from './huffman.ts';

/** Decoded strings pass through here; a string longer than a header list may be is refused, as are its bytes. */
const scratchBytes = 256 * 1024;
let scratch: Buffer | undefined;

export class HpackDecoder {
  /** The list of the last block: how large it was, kept or not, by SETTINGS_MAX_HEADER_LIST_SIZE's count. */
  listBytes = 0;
  listCount = 0;
  readonly table = new DynamicTable(defaultTableBytes);
  private readonly listBytesMax: number;
  private readonly listCountMax: number;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private failed = false;

  constructor(listBytesMax: number, listCountMax: number) {
    this.listBytesMax = listBytesMax;
    this.listCountMax = listCountMax;
  }

  /** Did the last block hold more than the limits allow? What exceeded them is missing. */
  get overflowed(): boolean {
    return this.listBytes > this.listBytesMax || this.listCount > this.listCountMax;
  }

  /** Adds the fields of `bytes[start, end)` to `fields`. False for a broken block, after which the connection can't go on. */
  decode(bytes: Uint8Array, start: number, end: number, fields: HeaderField[]): boolean {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.failed = false;
    this.listBytes = 0;
    this.listCount = 0;
    let sizeUpdates = 0;
    while (this.at < end && !this.failed) {
      const byte = bytes[this.at]!;
      if (byte >= 0x80) {
        const field = this.indexed(this.integer(0x7f));
        if (field !== undefined) this.keep(field, fields);
      } else if (byte >= 0x40) {
        const field = this.literal(0x3f);
        if (field === undefined) break;
        this.table.insert(field);
        this.keep(field, fields);
      } else if (byte >= 0x20) {
        const limit = this.integer(0x1f);
        if (this.failed || this.listCount > 0 || ++sizeUpdates > 2 || limit > defaultTableBytes) return false;
        this.table.setLimit(limit);
      } else {
        const field = this.literal(0x0f);
        if (field !== undefined) this.keep(field, fields);
      }
    }
    return !this.failed;
  }

  private keep(field: HeaderField, fields: HeaderField[]): void {
    this.listCount++;
    this.listBytes += field.size;
    if (this.listBytes <= this.listBytesMax && this.listCount <= this.listCountMax) fields.push(field);
  }

  private indexed(index: number): HeaderField | undefined {
    if (index <= staticCount) {
      if (index > 0) return staticTable[index];
    } else if (index - staticCount <= this.table.count) {
      return this.table.at(index - staticCount);
    }
    this.failed = true;
    return undefined;
  }

  private literal(indexMask: number): HeaderField | undefined {
    const index = this.integer(indexMask);
    if (this.failed) return undefined;
    if (index > 0) {
      const named = this.indexed(index);
      if (named === undefined) return undefined;
      const value = this.text();
      return this.failed ? undefined : fieldWithValue(named, value);
    }
    const name = this.text();
    if (this.failed) return undefined;
    const value = this.text();
    return this.failed ? undefined : headerField(name, value);
  }

  /** An integer whose first bits are those of `mask` in the present byte (5.1). */
  private integer(mask: number): number {
    const { bytes, end } = this;
    let value = bytes[this.at++]! & mask;
    if (value < mask) return value;
    // Four bytes more make any size this side could mean; longer ones, of zeros too, are an attack.
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.at >= end) break;
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.failed = true;
    return 0;
  }

  private text(): string {
    if (this.at >= this.end) {
      this.failed = true;
      return '';
    }
    const isHuffman = this.bytes[this.at]! >= 0x80;
    const length = this.integer(0x7f);
    const start = this.at;
    if (this.failed || length > this.end - start) {
      this.failed = true;
      return '';
    }
    this.at = start + length;
    if (!isHuffman) return latin1(this.bytes, start, this.at);
    scratch ??= Buffer.allocUnsafeSlow(scratchBytes);
    const count = huffmanDecode(this.bytes, start, this.at, scratch);
    if (count === -1) {
      this.failed = true;
      return '';
    }
    return latin1(scratch, 0, count);
  }
}

/** Short strings are cheaper put together here than by a call into Node. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 24) return (bytes as Buffer).toString('latin1', start, end);
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
