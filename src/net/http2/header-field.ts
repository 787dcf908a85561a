/**
 * One header field. What it means for a request and whether it is well-formed (RFC 9113, 8.2) is found out once, when the field is
 * made; fields live in the compression tables, so a field that a client repeats costs an index after that.
 */
import { tokenBytes } from '../http1/character-classes.ts';

/** Fields a request's head is made of; all others are `other`. */
export const FieldKind = {
  other: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  /** A pseudo-header no request may have. */
  wrongPseudo: 5,
  /** Belongs to HTTP/1.1's connections (8.2.2). */
  connectionSpecific: 6,
  te: 7,
  host: 8,
  contentType: 9,
  contentLength: 10,
  grpcTimeout: 11,
  grpcEncoding: 12,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

export interface HeaderField {
  /** One character a byte. */
  readonly name: string;
  readonly value: string;
  readonly kind: FieldKind;
  readonly wellFormed: boolean;
  /** As HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count it: 32 more than its bytes. */
  readonly size: number;
}

const kinds = new Map<string, FieldKind>([
  [':method', FieldKind.method],
  [':scheme', FieldKind.scheme],
  [':authority', FieldKind.authority],
  [':path', FieldKind.path],
  ['connection', FieldKind.connectionSpecific],
  ['proxy-connection', FieldKind.connectionSpecific],
  ['keep-alive', FieldKind.connectionSpecific],
  ['transfer-encoding', FieldKind.connectionSpecific],
  ['upgrade', FieldKind.connectionSpecific],
  ['te', FieldKind.te],
  ['host', FieldKind.host],
  ['content-type', FieldKind.contentType],
  ['content-length', FieldKind.contentLength],
  ['grpc-timeout', FieldKind.grpcTimeout],
  ['grpc-encoding', FieldKind.grpcEncoding],
]);

export function headerField(name: string, value: string): HeaderField {
  const isPseudo = name.charCodeAt(0) === 0x3a;
  const kind = kinds.get(name) ?? (isPseudo ? FieldKind.wrongPseudo : FieldKind.other);
  return {
    name,
    value,
    kind,
    wellFormed: (isPseudo || isFieldName(name)) && isFieldValue(value),
    size: name.length + value.length + 32,
  };
}

/** The same name with another value. */
export function fieldWithValue(named: HeaderField, value: string): HeaderField {
  return {
    name: named.name,
    value,
    kind: named.kind,
    wellFormed: isFieldName(named.name, named.kind) && isFieldValue(value),
    size: named.name.length + value.length + 32,
  };
}

function isFieldName(name: string, kind: FieldKind = FieldKind.other): boolean {
  if (kind !== FieldKind.other) return true;
  if (name.length === 0) return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (tokenBytes[code] !== 1 || (code >= 65 && code <= 90)) return false;
  }
  return true;
}

function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    // Other control characters are no danger to framing, and RFC 9113 lets them pass; RFC 9110 (5.5) does not.
    if ((code < 32 && code !== 9) || code === 127) return false;
  }
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  return first !== 32 && first !== 9 && last !== 32 && last !== 9;
}
