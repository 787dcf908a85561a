/**
 * One stream of watches. What is written keeps its order: the creation of a watch comes before its events, and a note of progress after everything that it
 * covers. A client that reads too slowly pauses its watches; what they miss meanwhile they read from the store's history later.
 */
import type { GrpcStreamCall } from '../../net/grpc-call.ts';
import type { Timer } from '../../ports/clock.ts';
import type { Watch, WatchEvent } from '../../watch/types.ts';
import type { WatchCreateRequest, WatchRequest } from '../../wire/generated/etcdserverpb/watch_pb.ts';
import { Writer } from '../../wire/protobuf.ts';
import {
  encodeWatchEvents,
  encodeWatchResponse,
  type WatchResponseFields,
  watchEventLength,
} from '../../wire/v3/watch-responses.ts';
import type { EventResponses } from './event-responses.ts';
import type { RpcContext } from './rpc-context.ts';
import type { WatchServiceOptions } from './watch-service.ts';

/** Of responses that concern no watch, or all. */
const NO_WATCH = -1;
const NO_PUT = 0;
const SMALLEST_KEY = Uint8Array.of(0);
const DUPLICATE_ID = 'mvcc: duplicate watch ID provided on the WatchStream';
const EMPTY_RANGE = 'mvcc: watcher range is empty';
const COMPACTED = 'etcdserver: mvcc: required revision has been compacted';
/** How soon a progress request is looked at again while some watch is behind. */
const PROGRESS_RETRY_MS = 50;

interface StreamWatch {
  readonly id: bigint;
  readonly watch: Watch;
  readonly fragments: boolean;
  /** Wants to hear of progress when nothing else happens. */
  readonly notify: boolean;
  /** Something was sent since the last round of notes. */
  heard: boolean;
}

const fragmentWriter = new Writer();

export class WatchStream {
  readonly #call: GrpcStreamCall;
  readonly #context: RpcContext;
  readonly #options: WatchServiceOptions;
  readonly #responses: EventResponses;
  readonly #watches = new Map<bigint, StreamWatch>();
  readonly #paused = new Set<StreamWatch>();
  #nextId = 0n;
  #notes: Timer | undefined;
  #progress: Timer | undefined;
  #ended = false;
  /** The client has to take something before more is written for its watches. */
  #isFull = false;

  /** `responses`: shared by all streams of `context`. */
  constructor(
    call: GrpcStreamCall,
    context: RpcContext,
    options: WatchServiceOptions,
    responses: EventResponses,
  ) {
    this.#call = call;
    this.#context = context;
    this.#options = options;
    this.#responses = responses;
    call.onClose(() => this.#end());
    call.onDrain(() => this.#drained());
  }

  request({ requestUnion }: WatchRequest): void {
    if (this.#ended) return;
    switch (requestUnion.case) {
      case 'createRequest':
        this.#create(requestUnion.value);
        return;
      case 'cancelRequest':
        this.#cancel(requestUnion.value.watchId);
        return;
      case 'progressRequest':
        this.#tellProgress();
        return;
      case undefined:
        return;
    }
  }

  #create(request: WatchCreateRequest): void {
    const { kv, watches } = this.#context.v3;
    const key = request.key.length === 0 ? SMALLEST_KEY : request.key;
    const { rangeEnd } = request;
    if (request.startRevision < 0n) {
      this.#refuse(COMPACTED);
      return;
    }
    const isOpenEnded = rangeEnd.length === 1 && rangeEnd[0] === 0;
    if (rangeEnd.length > 0 && !isOpenEnded && Buffer.compare(key, rangeEnd) >= 0) {
      this.#refuse(EMPTY_RANGE);
      return;
    }
    const id = this.#chooseId(request.watchId);
    if (id === undefined) {
      this.#refuse(DUPLICATE_ID);
      return;
    }
    const filters = request.filters as readonly number[];
    const watch = watches.watch(
      {
        key,
        rangeEnd,
        startRevision: Number(request.startRevision),
        prevKv: request.prevKv,
        noPut: filters.includes(NO_PUT),
        noDelete: filters.includes(NO_PUT + 1),
      },
      {
        events: (events, revision) => this.#send(mine, events, revision),
        hasRoom: () => this.#hasRoomFor(mine),
        compacted: (compactRevision) => this.#compacted(mine, compactRevision),
      },
    );
    const mine: StreamWatch = {
      id,
      watch,
      fragments: request.fragment,
      notify: request.progressNotify,
      heard: true,
    };
    this.#watches.set(id, mine);
    this.#write(kv.revision, { watchId: id, created: true });
    if (mine.notify && this.#notes === undefined) this.#scheduleNotes();
  }

  /** Undefined if the client's choice is taken. */
  #chooseId(asked: bigint): bigint | undefined {
    if (asked !== 0n) return this.#watches.has(asked) ? undefined : asked;
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #refuse(reason: string): void {
    this.#write(this.#context.v3.kv.revision, {
      watchId: NO_WATCH,
      created: true,
      canceled: true,
      cancelReason: reason,
    });
  }

  #cancel(id: bigint): void {
    const mine = this.#watches.get(id);
    if (mine === undefined) return;
    this.#forget(mine);
    this.#write(this.#context.v3.kv.revision, { watchId: id, canceled: true });
  }

  #compacted(mine: StreamWatch, compactRevision: number): void {
    this.#forget(mine);
    // etcd tells no revision here.
    this.#write(0, { watchId: mine.id, canceled: true, compactRevision });
  }

  #forget(mine: StreamWatch): void {
    mine.watch.cancel();
    this.#watches.delete(mine.id);
    this.#paused.delete(mine);
  }

  /** All watches share what may wait for the client. */
  #hasRoomFor(mine: StreamWatch): boolean {
    if (this.#isFull) this.#paused.add(mine);
    return !this.#isFull;
  }

  /** False: the client is slow. */
  #send(mine: StreamWatch, events: readonly WatchEvent[], revision: number): boolean {
    if (events.length === 0) return true;
    mine.heard = true;
    const hasRoom = this.#isInFragments(mine, events)
      ? this.#writeFragments(mine, events, revision)
      : this.#writeEvents(mine, events, revision);
    if (!hasRoom) this.#paused.add(mine);
    return hasRoom;
  }

  #isInFragments(mine: StreamWatch, events: readonly WatchEvent[]): boolean {
    if (!mine.fragments || events.length === 1) return false;
    return this.#responses.encoded(events).length >= this.#options.fragmentBytes;
  }

  #writeEvents(mine: StreamWatch, events: readonly WatchEvent[], revision: number): boolean {
    const { writer } = this.#context;
    const header = this.#context.header(revision);
    return this.#writeBytes(this.#responses.response(writer, header, mine.id, events));
  }

  #writeFragments(mine: StreamWatch, events: readonly WatchEvent[], revision: number): boolean {
    const { fragmentBytes } = this.#options;
    let hasRoom = true;
    for (let start = 0; start < events.length; ) {
      let end = start;
      let bytes = 0;
      while (end < events.length && (end === start || bytes < fragmentBytes)) {
        bytes += watchEventLength(events[end]!);
        if (end > start && bytes >= fragmentBytes) break;
        end++;
      }
      const part = encodeWatchEvents(fragmentWriter, events.slice(start, end));
      start = end;
      hasRoom = this.#write(revision, { watchId: mine.id, events: part, fragment: start < events.length });
    }
    return hasRoom;
  }

  #write(revision: number, fields: WatchResponseFields): boolean {
    const { writer } = this.#context;
    return this.#writeBytes(encodeWatchResponse(writer, this.#context.header(revision), fields));
  }

  #writeBytes(response: Uint8Array): boolean {
    if (this.#call.write(response)) return true;
    this.#isFull = true;
    return false;
  }

  #drained(): void {
    this.#isFull = false;
    const paused = [...this.#paused];
    this.#paused.clear();
    for (const { watch } of paused) watch.resume();
  }

  /** One note for the whole stream, once every watch is up to date. */
  #tellProgress(): void {
    if (this.#ended || this.#progress !== undefined) return;
    let revision = this.#context.v3.kv.revision;
    for (const { watch } of this.#watches.values()) {
      if (!watch.synced) {
        this.#progress = this.#options.clock.schedule(PROGRESS_RETRY_MS, () => {
          this.#progress = undefined;
          this.#tellProgress();
        });
        return;
      }
      revision = Math.min(revision, watch.revision);
    }
    this.#write(revision, { watchId: NO_WATCH });
  }

  #scheduleNotes(): void {
    const { clock, progressIntervalMs, random } = this.#options;
    const delayMs = progressIntervalMs * (1 + random() / 10);
    this.#notes = clock.schedule(delayMs, () => {
      for (const mine of this.#watches.values()) {
        if (!mine.notify) continue;
        if (!mine.heard && mine.watch.synced) this.#write(this.#context.v3.kv.revision, { watchId: mine.id });
        mine.heard = false;
      }
      this.#scheduleNotes();
    });
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#notes?.cancel();
    this.#progress?.cancel();
    for (const { watch } of this.#watches.values()) watch.cancel();
    this.#watches.clear();
    this.#paused.clear();
  }
}
