/**
 * etcdserverpb.Request: a v2 write as it stands in the log (proto2; field numbers from etcd 3.4's etcdserver.proto).
 * etcd writes all non-nullable fields always, and prevExist / refresh only when set; so do we, byte for byte.
 */
import { BYTES, DecodeError, Reader, tagOf, VARINT, type Writer } from './protobuf.ts';

export type V2Method = 'GET' | 'QGET' | 'PUT' | 'POST' | 'DELETE' | 'SYNC';

export interface V2Request {
  readonly method: V2Method;
  /** Full store path. */
  readonly path: string;
  readonly value: string;
  readonly dir: boolean;
  readonly prevValue: string;
  readonly prevIndex: number;
  readonly prevExist: boolean | undefined;
  /** Nanoseconds since the epoch; 0n = none. */
  readonly expirationNs: bigint;
  readonly wait: boolean;
  readonly since: number;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  /** SYNC: the leader's time in nanoseconds. */
  readonly timeNs: bigint;
  readonly stream: boolean;
  readonly refresh: boolean | undefined;
}

/** A request with all fields but the given ones at their defaults. */
export function v2Request(fields: Pick<V2Request, 'method' | 'path'> & Partial<V2Request>): V2Request {
  return { ...EMPTY, ...fields };
}

const EMPTY = {
  value: '',
  dir: false,
  prevValue: '',
  prevIndex: 0,
  prevExist: undefined,
  expirationNs: 0n,
  wait: false,
  since: 0,
  recursive: false,
  sorted: false,
  quorum: false,
  timeNs: 0n,
  stream: false,
  refresh: undefined,
} as const;

const METHODS: ReadonlySet<string> = new Set<V2Method>(['GET', 'QGET', 'PUT', 'POST', 'DELETE', 'SYNC']);

/** Appends the encoded request to `writer`. `id` is the proposal's: whoever applies the entry finds its waiter by it. */
export function encodeV2Request(writer: Writer, id: bigint, request: V2Request): Uint8Array {
  writer.tag(1, VARINT).varintBig(id);
  writer.tag(2, BYTES).string(request.method);
  writer.tag(3, BYTES).string(request.path);
  writer.tag(4, BYTES).string(request.value);
  writer.tag(5, VARINT).bool(request.dir);
  writer.tag(6, BYTES).string(request.prevValue);
  writer.tag(7, VARINT).varint(request.prevIndex);
  if (request.prevExist !== undefined) writer.tag(8, VARINT).bool(request.prevExist);
  writer.tag(9, VARINT);
  if (request.expirationNs === 0n) writer.varint32(0);
  else writer.varintBig(request.expirationNs);
  writer.tag(10, VARINT).bool(request.wait);
  writer.tag(11, VARINT).varint(request.since);
  writer.tag(12, VARINT).bool(request.recursive);
  writer.tag(13, VARINT).bool(request.sorted);
  writer.tag(14, VARINT).bool(request.quorum);
  writer.tag(15, VARINT);
  if (request.timeNs === 0n) writer.varint32(0);
  else writer.varintBig(request.timeNs);
  writer.tag(16, VARINT).bool(request.stream);
  if (request.refresh !== undefined) writer.tag(17, VARINT).bool(request.refresh);
  return writer.finish();
}

/** The id alone, without decoding the rest. Throws DecodeError. */
export function decodeV2RequestId(bytes: Uint8Array): bigint {
  const reader = new Reader(bytes);
  if (reader.tag() !== tagOf(1, VARINT)) throw new DecodeError('request without an id', 0);
  return reader.varintBig();
}

/** Throws DecodeError on malformed bytes and on an unknown method. */
export function decodeV2Request(bytes: Uint8Array): { readonly id: bigint; readonly request: V2Request } {
  const reader = new Reader(bytes);
  let id = 0n;
  let method = '';
  const fields: { -readonly [K in keyof Omit<V2Request, 'method'>]: V2Request[K] } = { path: '', ...EMPTY };
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case tagOf(1, VARINT):
        id = reader.varintBig();
        break;
      case tagOf(2, BYTES):
        method = reader.string();
        break;
      case tagOf(3, BYTES):
        fields.path = reader.string();
        break;
      case tagOf(4, BYTES):
        fields.value = reader.string();
        break;
      case tagOf(5, VARINT):
        fields.dir = reader.bool();
        break;
      case tagOf(6, BYTES):
        fields.prevValue = reader.string();
        break;
      case tagOf(7, VARINT):
        fields.prevIndex = reader.varint();
        break;
      case tagOf(8, VARINT):
        fields.prevExist = reader.bool();
        break;
      case tagOf(9, VARINT):
        fields.expirationNs = reader.varintBigSigned();
        break;
      case tagOf(10, VARINT):
        fields.wait = reader.bool();
        break;
      case tagOf(11, VARINT):
        fields.since = reader.varint();
        break;
      case tagOf(12, VARINT):
        fields.recursive = reader.bool();
        break;
      case tagOf(13, VARINT):
        fields.sorted = reader.bool();
        break;
      case tagOf(14, VARINT):
        fields.quorum = reader.bool();
        break;
      case tagOf(15, VARINT):
        fields.timeNs = reader.varintBigSigned();
        break;
      case tagOf(16, VARINT):
        fields.stream = reader.bool();
        break;
      case tagOf(17, VARINT):
        fields.refresh = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  if (!METHODS.has(method)) throw new DecodeError(`unknown method ${JSON.stringify(method)}`, 0);
  return { id, request: { method: method as V2Method, ...fields } };
}
