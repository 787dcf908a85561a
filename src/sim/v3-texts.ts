/** Keys, values and KeyValues of the v3 store as the text and the plain data that observations are made of. */
import type { EncodedKeyValue, MvccEvent, MvccStore } from '../store/mvcc/types.ts';
import { decodeKeyValue } from '../wire/v3/key-value.ts';
import type { RangeRequest } from '../wire/v3/kv-types.ts';
import type { V3Event, V3Row } from './v3-observation.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function rowOf(encoded: EncodedKeyValue): V3Row {
  const { key, value, createRevision, modRevision, version, lease } = decodeKeyValue(encoded);
  return {
    key: decoder.decode(key),
    value: decoder.decode(value),
    create: createRevision,
    mod: modRevision,
    version,
    lease: Number(lease),
  };
}

export function eventOf({ type, kv }: Pick<MvccEvent, 'type' | 'kv'>): V3Event {
  const row = rowOf(kv);
  return { key: row.key, mod: row.mod, row: type === 'put' ? row : undefined };
}

/** All keys as they are now. */
export function allRows(kv: MvccStore): V3Row[] {
  const result = kv.range(rangeRequest({ key: '\u0000', end: '\u0000' }, 0, 0, true));
  if (result.kind === 'error') throw new Error(`a range of all keys is refused: ${result.code}`);
  return result.kvs.map(rowOf);
}

export function rangeRequest(
  span: { readonly key: string; readonly end: string },
  revision: number,
  limit: number,
  serializable: boolean,
): RangeRequest {
  return {
    key: bytesOf(span.key),
    rangeEnd: bytesOf(span.end),
    limit,
    revision,
    sortOrder: 0,
    sortTarget: 0,
    serializable,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}
