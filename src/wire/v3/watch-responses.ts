/**
 * WatchResponse, of which a member may send very many.
 *
 *   WatchResponse  1: header  2: watch_id  3: created  4: canceled  5: compact_revision  6: cancel_reason  7: fragment  11: Event ...
 *   Event          1: type  2: kv  3: prev_kv
 *
 * Events are encoded apart from their response, so that watchers of the same key share the work.
 */
import type { WatchEvent } from '../../watch/types.ts';
import { BYTES, tagOf, VARINT, varint32Length, type Writer } from '../protobuf.ts';
import { type ResponseHeader, writeHeader } from './response-header.ts';

export interface WatchResponseFields {
  /** Chosen by client or server; -1 if there is no watch. */
  readonly watchId: number | bigint;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  /** More events of this revision follow in another response. */
  readonly fragment?: boolean;
  /** As `encodeWatchEvents` makes them. */
  readonly events?: Uint8Array;
}

const EVENTS = tagOf(11, BYTES);
const TYPE = tagOf(1, VARINT);
const KV = tagOf(2, BYTES);
const PREV_KV = tagOf(3, BYTES);

export function encodeWatchResponse(
  writer: Writer,
  header: ResponseHeader,
  fields: WatchResponseFields,
): Uint8Array {
  writeHeader(writer, header);
  const { watchId, compactRevision, cancelReason, events } = fields;
  if (typeof watchId === 'bigint') {
    if (watchId !== 0n) writer.tag(2, VARINT).varintBig(watchId);
  } else if (watchId !== 0) writer.tag(2, VARINT).varint(watchId);
  if (fields.created === true) writer.tag(3, VARINT).bool(true);
  if (fields.canceled === true) writer.tag(4, VARINT).bool(true);
  if (compactRevision !== undefined && compactRevision !== 0) writer.tag(5, VARINT).varint(compactRevision);
  if (cancelReason !== undefined && cancelReason !== '') writer.tag(6, BYTES).string(cancelReason);
  if (fields.fragment === true) writer.tag(7, VARINT).bool(true);
  if (events !== undefined) writer.raw(events);
  return writer.finish();
}

/** The `events` of a WatchResponse. */
export function encodeWatchEvents(writer: Writer, events: readonly WatchEvent[]): Uint8Array {
  for (let i = 0; i < events.length; i++) {
    const { type, kv, prevKv } = events[i]!;
    writer.varint32(EVENTS).varint32(eventLength(type, kv.length, prevKv?.length));
    if (type === 'delete') writer.varint32(TYPE).varint32(1);
    writer.varint32(KV).bytes(kv);
    if (prevKv !== undefined) writer.varint32(PREV_KV).bytes(prevKv);
  }
  return writer.finish();
}

/** Bytes that an event takes in a WatchResponse: for fragments. */
export function watchEventLength(event: WatchEvent): number {
  const length = eventLength(event.type, event.kv.length, event.prevKv?.length);
  return 1 + varint32Length(length) + length;
}

function eventLength(type: WatchEvent['type'], kv: number, prevKv: number | undefined): number {
  const length = (type === 'delete' ? 2 : 0) + 1 + varint32Length(kv) + kv;
  return prevKv === undefined ? length : length + 1 + varint32Length(prevKv) + prevKv;
}
