/** Puts and deletions, alone or as a part of a transaction: what they change and what they answer. The caller ends the revision. */

import { peekLease, peekValue } from '../../wire/v3/key-value.ts';
import type { DeleteRangeRequest, PutRequest } from '../../wire/v3/kv-types.ts';
import type { ChangeWriter } from './change-writer.ts';
import { boundsOf, isEmptyBounds, type KeyBounds } from './key-bounds.ts';
import { keyAfter } from './revision-key.ts';
import { valuelessIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { DeleteRangeResult, EncodedKeyValue, MvccError, PutResult } from './types.ts';
import { keyValueOfCurrent } from './versions.ts';

/** Keys of a range are deleted in chunks, so that only a chunk of rows is held at a time. */
const DELETE_CHUNK = 1024;
const NO_KVS: readonly EncodedKeyValue[] = [];

/** Errors: 'key-not-found', and then nothing was changed. The lease has been checked. */
export function putKey(tables: MvccTables, writer: ChangeWriter, request: PutRequest): PutResult | MvccError {
  const { key, ignoreValue, ignoreLease } = request;
  const row = tables.newest.get(key);
  let { value, lease } = request;
  if (ignoreValue || ignoreLease) {
    if (row === undefined) return { kind: 'error', code: 'key-not-found' };
    if (ignoreValue) value = peekValue(keyValueOfCurrent(tables, row));
    if (ignoreLease) lease = peekLease(valuelessIn(row));
  }
  const prevKv = request.prevKv && row !== undefined ? keyValueOfCurrent(tables, row) : undefined;
  writer.put(key, value, lease, row);
  return prevKv === undefined ? writer.putResult : { kind: 'put', revision: writer.main, prevKv };
}

export function deleteKeys(
  tables: MvccTables,
  state: MvccState,
  writer: ChangeWriter,
  request: DeleteRangeRequest,
): DeleteRangeResult {
  const bounds = boundsOf(request);
  const prevKvs: EncodedKeyValue[] = [];
  let deleted = 0;
  const remove = (key: Uint8Array, row: Uint8Array): void => {
    if (request.prevKv) prevKvs.push(keyValueOfCurrent(tables, row));
    writer.delete(key, row);
    deleted++;
  };
  if (bounds === undefined) {
    const row = tables.newest.get(request.key);
    if (row !== undefined) remove(request.key, row);
  } else if (!isEmptyBounds(bounds)) {
    forEachInChunks(tables, bounds, remove);
  }
  return {
    kind: 'delete-range',
    revision: state.newest,
    deleted,
    prevKvs: prevKvs.length === 0 ? NO_KVS : prevKvs,
  };
}

/** The visitor may write. */
function forEachInChunks(
  tables: MvccTables,
  bounds: KeyBounds,
  visit: (key: Uint8Array, row: Uint8Array) => void,
): void {
  const { end } = bounds;
  for (let start = bounds.start; ; ) {
    const { keys, rows } = currentRows(tables, { start, end }, DELETE_CHUNK);
    for (let i = 0; i < keys.length; i++) visit(keys[i]!, rows[i]!);
    if (keys.length < DELETE_CHUNK) return;
    start = keyAfter(keys.at(-1)!);
  }
}

/** The first keys of a range, at most so many, and their rows. */
export function currentRows(
  tables: Pick<MvccTables, 'current'>,
  { start, end }: KeyBounds,
  countMax: number,
): { readonly keys: readonly Uint8Array[]; readonly rows: readonly Uint8Array[] } {
  const keys: Uint8Array[] = [];
  const rows: Uint8Array[] = [];
  tables.current.scan({ ...(start && { start }), ...(end && { end }) }, (key, row) => {
    keys.push(key);
    rows.push(row);
    return keys.length < countMax;
  });
  return { keys, rows };
}
