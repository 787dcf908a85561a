/**
 * A request's header list, checked (RFC 9113, 8.1-8.3) and taken apart. Immutable: requests with the same header block share one.
 */

import { parseGrpcTimeout } from '../grpc/grpc-timeout.ts';
import { hexValues, hostBytes, targetBytes, tokenBytes } from '../http1/character-classes.ts';
import { FieldKind, type HeaderField } from './header-field.ts';

/** Header lists that are no request at all: the stream is reset. */
export const malformed = -1;

export class RequestHead {
  /** 0: fine; `malformed`; otherwise the HTTP status that the request is refused with. */
  readonly fault: number;
  readonly method: string;
  readonly scheme: string;
  /** ':authority', or 'host' without one. */
  readonly authority: string | undefined;
  /** ':path' in whole. */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  /** -1: none given. */
  readonly contentLength: number;
  /** 'application/grpc' and its kin. */
  readonly isGrpc: boolean;
  /** Milliseconds; -1: none given; NaN: not a timeout. */
  readonly grpcTimeoutMs: number;
  /** 'identity' unless told. */
  readonly grpcEncoding: string;
  private readonly fields: readonly HeaderField[];

  /** @param overflowed the list was larger than allowed and `fields` is only a part of it */
  constructor(fields: readonly HeaderField[], overflowed: boolean) {
    this.fields = fields;
    let method: string | undefined;
    let scheme: string | undefined;
    let authority: string | undefined;
    let target: string | undefined;
    let host: string | undefined;
    let contentType = '';
    let contentLength = -1;
    let timeoutMs = -1;
    let encoding = 'identity';
    let wellFormed = true;
    let regular = false;
    for (const field of fields) {
      wellFormed &&= field.wellFormed;
      const { kind, value } = field;
      if (kind >= FieldKind.method && kind <= FieldKind.wrongPseudo) {
        // Pseudo-headers come first, and once.
        if (regular) wellFormed = false;
        if (kind === FieldKind.method) {
          if (method !== undefined) wellFormed = false;
          method = value;
        } else if (kind === FieldKind.scheme) {
          if (scheme !== undefined) wellFormed = false;
          scheme = value;
        } else if (kind === FieldKind.authority) {
          if (authority !== undefined) wellFormed = false;
          authority = value;
        } else if (kind === FieldKind.path) {
          if (target !== undefined) wellFormed = false;
          target = value;
        } else {
          wellFormed = false;
        }
        continue;
      }
      regular = true;
      switch (kind) {
        case FieldKind.connectionSpecific:
          wellFormed = false;
          break;
        case FieldKind.te:
          if (value.toLowerCase() !== 'trailers') wellFormed = false;
          break;
        case FieldKind.host:
          if (host !== undefined) wellFormed = false;
          host = value;
          break;
        case FieldKind.contentType:
          contentType = value;
          break;
        case FieldKind.contentLength: {
          const length = parseLength(value);
          if (length === -1 || (contentLength !== -1 && contentLength !== length)) wellFormed = false;
          contentLength = length;
          break;
        }
        case FieldKind.grpcTimeout:
          timeoutMs = parseGrpcTimeout(value);
          break;
        case FieldKind.grpcEncoding:
          encoding = value;
          break;
        default:
      }
    }
    if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
      wellFormed = false;
    }
    this.method = method ?? '';
    this.scheme = scheme ?? '';
    this.authority = authority ?? host;
    this.target = target ?? '';
    const question = this.target.indexOf('?');
    this.path = question === -1 ? this.target : this.target.slice(0, question);
    this.query = question === -1 ? '' : this.target.slice(question + 1);
    this.contentLength = contentLength;
    this.isGrpc = isGrpcType(contentType);
    this.grpcTimeoutMs = timeoutMs;
    this.grpcEncoding = encoding;
    if (overflowed) this.fault = wellFormed ? 431 : malformed;
    else if (!wellFormed || !hasItsParts(method, scheme, authority, target)) this.fault = malformed;
    else this.fault = this.refusedStatus();
  }

  /** What is a request, but not one for this server. */
  private refusedStatus(): number {
    if (this.method === 'CONNECT') return 405;
    // etcdctl gives its endpoint as the authority, 'http://' and all, and etcd's gRPC server does not look at it.
    if (!this.isGrpc && this.authority !== undefined && !isHost(this.authority)) return 400;
    return isTarget(this.target, this.method) ? 0 : 400;
  }

  header(name: string, pick?: 'first'): string | undefined {
    if (name === 'host') return this.authority;
    let value: string | undefined;
    const { fields } = this;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      if (field.name !== name) continue;
      if (pick === 'first') return field.value;
      // Cookies alone are joined otherwise (8.2.3).
      if (value === undefined) value = field.value;
      else value += (name === 'cookie' ? '; ' : ', ') + field.value;
    }
    return value;
  }
}

function hasItsParts(
  method: string | undefined,
  scheme: string | undefined,
  authority: string | undefined,
  target: string | undefined,
): boolean {
  if (method === undefined || !isToken(method)) return false;
  if (method === 'CONNECT') return authority !== undefined && scheme === undefined && target === undefined;
  return scheme !== undefined && scheme !== '' && target !== undefined && target !== '';
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (tokenBytes[text.charCodeAt(i)] !== 1) return false;
  return text !== '';
}

function isHost(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (hostBytes[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** The rules of HTTP/1.1's request targets here: no spaces or control characters, well-formed escapes in the path. */
function isTarget(target: string, method: string): boolean {
  if (target === '*') return method === 'OPTIONS';
  if (target.charCodeAt(0) !== 0x2f) return false;
  let inPath = true;
  for (let i = 0; i < target.length; i++) {
    const meaning = targetBytes[target.charCodeAt(i)];
    if (meaning === 1) return false;
    if (meaning === 2) inPath = false;
    if (meaning === 3 && inPath) {
      const isEscape =
        i + 2 < target.length &&
        hexValues[target.charCodeAt(i + 1)] !== 255 &&
        hexValues[target.charCodeAt(i + 2)] !== 255;
      if (!isEscape) return false;
    }
  }
  return true;
}

function parseLength(value: string): number {
  return /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
}

/** 'application/grpc', with or without an encoding after '+' (which etcd ignores) or parameters; but not 'application/grpc-web'. */
function isGrpcType(contentType: string): boolean {
  return /^application\/grpc(?:$|[+;])/.test(contentType);
}
