/**
 * WatchResponses with events, encoded once for all who get the same. Watches with equal requests get the same array of events; the response then differs in the
 * watch's id alone, and that is small and the same on many streams: a thousand clients with one watch each are all sent the same bytes.
 */
import type { WatchEvent } from '../../watch/types.ts';
import { Writer } from '../../wire/protobuf.ts';
import type { ResponseHeader } from '../../wire/v3/response-header.ts';
import { encodeWatchEvents, encodeWatchResponse } from '../../wire/v3/watch-responses.ts';

/** Ids below it are looked up. */
const SHARED_IDS = 1024n;
/** Of events. Responses with more are not kept, since what is kept stays until the next events. */
const SHARED_BYTES_MAX = 64 * 1024;
/** Of whole responses kept. */
const KEPT_BYTES_MAX = 1024 * 1024;
const noEvents: readonly WatchEvent[] = [];

export class EventResponses {
  readonly #eventWriter = new Writer();
  /** Of large arrays, as long as somebody holds them. */
  readonly #large = new WeakMap<readonly WatchEvent[], Uint8Array>();
  // What was asked for last, if it is small: an array of events goes to all of its watches before the next, or nearly so.
  #events = noEvents;
  #encoded: Uint8Array = new Uint8Array(0);
  #revision = 0;
  #raftTerm = 0;
  /** Whole responses by id. */
  #shared: Uint8Array[] = [];
  #keptBytes = 0;

  /** The `events` of a response; not empty. */
  encoded(events: readonly WatchEvent[]): Uint8Array {
    if (events === this.#events) return this.#encoded;
    const large = this.#large.get(events);
    if (large !== undefined) return large;
    const encoded = encodeWatchEvents(this.#eventWriter, events);
    if (encoded.length > SHARED_BYTES_MAX) {
      this.#large.set(events, encoded);
    } else {
      this.#events = events;
      this.#encoded = encoded;
      this.#forgetShared();
    }
    return encoded;
  }

  /** The response for one watch. `writer`: of whole responses. The bytes are others' as well. */
  response(
    writer: Writer,
    header: ResponseHeader,
    watchId: bigint,
    events: readonly WatchEvent[],
  ): Uint8Array {
    const encoded = this.encoded(events);
    if (events !== this.#events || watchId < 0n || watchId >= SHARED_IDS) {
      return encodeWatchResponse(writer, header, { watchId, events: encoded });
    }
    if (header.revision !== this.#revision || header.raftTerm !== this.#raftTerm) {
      this.#revision = header.revision;
      this.#raftTerm = header.raftTerm;
      this.#forgetShared();
    }
    const id = Number(watchId);
    let response = this.#shared[id];
    if (response === undefined) {
      response = encodeWatchResponse(writer, header, { watchId: id, events: encoded });
      if (this.#keptBytes + response.length <= KEPT_BYTES_MAX) {
        this.#keptBytes += response.length;
        this.#shared[id] = response;
      }
    }
    return response;
  }

  #forgetShared(): void {
    if (this.#keptBytes === 0) return;
    this.#shared = [];
    this.#keptBytes = 0;
  }
}
