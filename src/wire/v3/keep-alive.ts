/**
 * Keep-alives of leases, of which a member answers very many:
 *
 *   LeaseKeepAliveRequest   1: ID
 *   LeaseKeepAliveResponse  1: header  2: ID  3: TTL
 */
import { Reader, tagOf, VARINT, Writer } from '../protobuf.ts';
import { type ResponseHeader, writeHeader } from './response-header.ts';

const ID = tagOf(1, VARINT);
const ANSWER_ID = tagOf(2, VARINT);
const ANSWER_TTL = tagOf(3, VARINT);
/** A tag and a varint. */
const FIELD_BYTES_MAX = 11;
const SLAB_BYTES = 64 * 1024;

/** The two halves of a 64-bit number, made and taken apart without arithmetic on bigints. */
const halves = new Int32Array(2);
const whole = new BigInt64Array(halves.buffer);
const [LOW, HIGH] = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** The lease to keep alive. Throws DecodeError. */
export function decodeKeepAliveRequest(bytes: Uint8Array): bigint {
  if (bytes.length > FIELD_BYTES_MAX || bytes[0] !== ID) return decodeAny(bytes);
  let low = 0;
  let high = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7) {
    // A last byte that goes on, or bytes behind it: something out of the ordinary.
    if (at === bytes.length || shift === 63) return decodeAny(bytes);
    const byte = bytes[at++]!;
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) break;
  }
  if (at !== bytes.length) return decodeAny(bytes);
  halves[LOW] = low;
  halves[HIGH] = high;
  return whole[0]!;
}

function decodeAny(bytes: Uint8Array): bigint {
  const reader = new Reader(bytes);
  let id = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ID) id = reader.varintBigSigned();
    else reader.skip(tag);
  }
  return id;
}

/** Writes answers one behind the other; the bytes of their header are made anew only when it changes. */
export class KeepAliveAnswers {
  readonly #headerWriter = new Writer(64);
  #header: Uint8Array = new Uint8Array(0);
  #clusterId = 0n;
  #memberId = 0n;
  #revision = -1;
  #raftTerm = -1;
  #slab: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** `ttl` in seconds; 0: the lease is gone. The bytes stay as they are. */
  encode(header: ResponseHeader, id: bigint, ttl: number): Uint8Array {
    const { clusterId, memberId, revision, raftTerm } = header;
    if (revision !== this.#revision || raftTerm !== this.#raftTerm) this.#takeHeader(header);
    else if (memberId !== this.#memberId || clusterId !== this.#clusterId) this.#takeHeader(header);
    const top = this.#header;
    if (this.#at + top.length + 2 * FIELD_BYTES_MAX > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#at = 0;
    }
    const slab = this.#slab;
    const start = this.#at;
    let at = start;
    for (let i = 0; i < top.length; i++) slab[at++] = top[i]!;
    if (id !== 0n) {
      whole[0] = id;
      slab[at++] = ANSWER_ID;
      at = writeVarint(slab, at, halves[LOW]!, halves[HIGH]!);
    }
    if (ttl !== 0) {
      slab[at++] = ANSWER_TTL;
      at = writeVarint(slab, at, ttl | 0, Math.floor(ttl / 0x1_0000_0000));
    }
    this.#at = at;
    return slab.subarray(start, at);
  }

  #takeHeader(header: ResponseHeader): void {
    this.#clusterId = header.clusterId;
    this.#memberId = header.memberId;
    this.#revision = header.revision;
    this.#raftTerm = header.raftTerm;
    writeHeader(this.#headerWriter, header);
    this.#header = this.#headerWriter.finish();
  }
}

/** A 64-bit number in two halves. */
function writeVarint(bytes: Uint8Array, from: number, lowHalf: number, highHalf: number): number {
  let at = from;
  let low = lowHalf >>> 0;
  let high = highHalf >>> 0;
  while (high !== 0) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  while (low > 0x7f) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  bytes[at++] = low;
  return at;
}
