/**
 * Fields into header blocks, with a dynamic table (RFC 7541, 6; the forms are drawn in hpack-decoder.ts).
 *
 * Fields with few values go into the table; what changes from answer to answer stays out, since each insertion would push
 * out what is used again. Credentials are marked as never to be indexed (7.1.3).
 */
import { headerField } from './header-field.ts';
import { DynamicTable, defaultTableBytes, staticCount, staticTable } from './hpack-tables.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';

const changing = new Set([
  'age',
  'content-length',
  'content-range',
  'date',
  'etag',
  'grpc-message',
  'last-modified',
  'location',
  'x-etcd-index',
  'x-raft-index',
]);
const secret = new Set(['authorization', 'proxy-authorization', 'set-cookie', 'cookie', 'token']);

/** Indexes of the static table: by 'name: value' in full, and the first by name. */
const staticFull = new Map<string, number>();
const staticNames = new Map<string, number>();
for (let index = 1; index <= staticCount; index++) {
  const { name, value } = staticTable[index]!;
  if (value !== '') staticFull.set(`${name}: ${value}`, index);
  if (!staticNames.has(name)) staticNames.set(name, index);
}

export class HpackEncoder {
  readonly table = new DynamicTable(defaultTableBytes);
  /** What was encoded since `begin`, in `bytes[0, length)`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(256);
  length = 0;
  /** Changes of the table's size that the client must be told with the next block: the smallest on the way, and the last. */
  private smallestLimit = -1;
  private newLimit = -1;

  /** The client's SETTINGS_HEADER_TABLE_SIZE. */
  setTableLimit(limitBytes: number): void {
    const limit = Math.min(limitBytes, defaultTableBytes);
    const present = this.newLimit === -1 ? this.table.limitBytes : this.newLimit;
    if (limit === present) return;
    this.smallestLimit = this.smallestLimit === -1 ? limit : Math.min(this.smallestLimit, limit);
    this.newLimit = limit;
  }

  /** True while the next block would begin with a change of size: no block made ahead may be sent then. */
  get owesSizeUpdate(): boolean {
    return this.newLimit !== -1;
  }

  begin(): void {
    this.length = 0;
    if (this.newLimit === -1) return;
    if (this.smallestLimit < this.newLimit) this.sizeUpdate(this.smallestLimit);
    this.sizeUpdate(this.newLimit);
    this.smallestLimit = -1;
    this.newLimit = -1;
  }

  /** @param name in lower case, one character a byte, as is the value */
  field(name: string, value: string): void {
    this.room(name.length + value.length + 16);
    const full = staticFull.get(`${name}: ${value}`) ?? this.dynamicIndex(name, value);
    if (full !== 0) {
      this.integer(0x80, 0x7f, full);
      return;
    }
    const nameIndex = staticNames.get(name) ?? this.dynamicNameIndex(name);
    const entry = headerField(name, value);
    if (secret.has(name)) {
      this.literal(0x10, 0x0f, nameIndex, name, value);
    } else if (changing.has(name) || entry.size > this.table.limitBytes / 4) {
      this.literal(0x00, 0x0f, nameIndex, name, value);
    } else {
      this.literal(0x40, 0x3f, nameIndex, name, value);
      this.table.insert(entry);
    }
  }

  private dynamicIndex(name: string, value: string): number {
    for (let index = 1; index <= this.table.count; index++) {
      const entry = this.table.at(index);
      if (entry.name === name && entry.value === value) return staticCount + index;
    }
    return 0;
  }

  private dynamicNameIndex(name: string): number {
    for (let index = 1; index <= this.table.count; index++) {
      if (this.table.at(index).name === name) return staticCount + index;
    }
    return 0;
  }

  private literal(form: number, mask: number, nameIndex: number, name: string, value: string): void {
    this.integer(form, mask, nameIndex);
    if (nameIndex === 0) this.text(name);
    this.text(value);
  }

  private sizeUpdate(limitBytes: number): void {
    this.room(8);
    this.integer(0x20, 0x1f, limitBytes);
    this.table.setLimit(limitBytes);
  }

  private text(text: string): void {
    const coded = huffmanLength(text);
    if (coded < text.length) {
      this.integer(0x80, 0x7f, coded);
      this.length = huffmanEncode(text, this.bytes, this.length);
    } else {
      this.integer(0x00, 0x7f, text.length);
      this.length += this.bytes.write(text, this.length, 'latin1');
    }
  }

  private integer(form: number, mask: number, value: number): void {
    const { bytes } = this;
    if (value < mask) {
      bytes[this.length++] = form | value;
      return;
    }
    bytes[this.length++] = form | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) bytes[this.length++] = (rest & 0x7f) | 0x80;
    bytes[this.length++] = rest;
  }

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + count));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
