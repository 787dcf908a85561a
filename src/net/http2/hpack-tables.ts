/** HPACK's static table (RFC 7541, appendix A) and the dynamic one (2.3.2, 4). */
import { type HeaderField, headerField } from './header-field.ts';

const rows = [
  ':authority',
  ':method: GET',
  ':method: POST',
  ':path: /',
  ':path: /index.html',
  ':scheme: http',
  ':scheme: https',
  ':status: 200',
  ':status: 204',
  ':status: 206',
  ':status: 304',
  ':status: 400',
  ':status: 404',
  ':status: 500',
  'accept-charset',
  'accept-encoding: gzip, deflate',
  'accept-language',
  'accept-ranges',
  'accept',
  'access-control-allow-origin',
  'age',
  'allow',
  'authorization',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'etag',
  'expect',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'referer',
  'refresh',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'transfer-encoding',
  'user-agent',
  'vary',
  'via',
  'www-authenticate',
];

/** By index, from 1; place 0 is not used. */
export const staticTable: readonly HeaderField[] = [
  headerField('unused', ''),
  ...rows.map((row) => {
    const [name, value] = row.split(': ');
    return headerField(name!, value ?? '');
  }),
];
export const staticCount = rows.length;

/** The table's size before either side says otherwise. */
export const defaultTableBytes = 4096;

/** First in, first out: index 1 is the newest entry. A ring, so that an insertion moves nothing. */
export class DynamicTable {
  size = 0;
  count = 0;
  /** Entries ever inserted; with it an entry can be named for good. */
  insertions = 0;
  /** Changes whenever an index may have come to mean something else. */
  generation = 0;
  private limit: number;
  private ring: (HeaderField | undefined)[] = new Array(16);
  private newest = -1;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get limitBytes(): number {
    return this.limit;
  }

  /** @param index from 1 to `count` */
  at(index: number): HeaderField {
    return this.ring[(this.newest - index + 1) & (this.ring.length - 1)]!;
  }

  /** Evicts what has no room any more. A field larger than the table empties it and is not kept (4.4). */
  insert(field: HeaderField): void {
    this.generation++;
    this.evict(this.limit - field.size);
    if (field.size > this.limit) return;
    if (this.count === this.ring.length) this.grow();
    this.newest = (this.newest + 1) & (this.ring.length - 1);
    this.ring[this.newest] = field;
    this.count++;
    this.insertions++;
    this.size += field.size;
  }

  setLimit(limitBytes: number): void {
    this.limit = limitBytes;
    if (this.size > limitBytes) {
      this.generation++;
      this.evict(limitBytes);
    }
  }

  private evict(roomForBytes: number): void {
    while (this.count > 0 && this.size > roomForBytes) {
      const oldest = (this.newest - this.count + 1) & (this.ring.length - 1);
      this.size -= this.ring[oldest]!.size;
      this.ring[oldest] = undefined;
      this.count--;
    }
  }

  private grow(): void {
    const grown: (HeaderField | undefined)[] = new Array(this.ring.length * 2);
    for (let index = this.count; index >= 1; index--) grown[this.count - index] = this.at(index);
    this.ring = grown;
    this.newest = this.count - 1;
  }
}
