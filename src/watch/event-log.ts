/**
 * The newest revisions, in memory, once for all watchers. Invariants: revisions follow each other without a gap; the log holds at most
 * `eventsMax` events and `bytesMax` bytes, and drops the oldest revisions for it (its newest, too, if that alone is larger): whoever
 * needs those reads history.
 */
import type { RevisionEvents } from '../store/mvcc/types.ts';

/** What an event costs besides its bytes, roughly. */
const EVENT_OVERHEAD_BYTES = 128;
/** Dropped places at the front are given back when there are so many, and half of all. */
const DROPPED_MAX = 1024;

export class EventLog {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #revisions: RevisionEvents[] = [];
  #sizes: number[] = [];
  /** Places at the front of the arrays that were dropped. */
  #dropped = 0;
  #events = 0;
  #bytes = 0;
  /** The revision that `append` takes next. */
  #end: number;

  constructor(eventsMax: number, bytesMax: number, end: number) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
    this.#end = end;
  }

  /** The oldest revision in the log, or `end`. */
  get start(): number {
    return this.#end - (this.#revisions.length - this.#dropped);
  }

  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(events: RevisionEvents): void {
    this.#checkNext(events);
    const size = bytesOf(events);
    this.#revisions.push(events);
    this.#sizes.push(size);
    this.#end += 1;
    this.#events += events.events.length;
    this.#bytes += size;
    while (this.#events > this.#eventsMax || this.#bytes > this.#bytesMax) this.#drop();
  }

  /** Takes note of a revision that nobody needs, nor any before it. */
  pass(events: RevisionEvents): void {
    this.#checkNext(events);
    if (this.#revisions.length > 0) this.reset(this.#end);
    this.#end += 1;
  }

  /** The events of a revision in the log: start <= revision < end. */
  at(revision: number): RevisionEvents {
    return this.#revisions[revision - this.#end + this.#revisions.length]!;
  }

  /** Empties the log; it goes on with `end`. */
  reset(end: number): void {
    this.#revisions = [];
    this.#sizes = [];
    this.#dropped = 0;
    this.#events = 0;
    this.#bytes = 0;
    this.#end = end;
  }

  #checkNext({ revision }: RevisionEvents): void {
    if (revision !== this.#end) {
      throw new Error(`revision ${revision} follows ${this.#end - 1} in the watchers' log`);
    }
  }

  #drop(): void {
    const dropped = this.#dropped;
    this.#events -= this.#revisions[dropped]!.events.length;
    this.#bytes -= this.#sizes[dropped]!;
    this.#revisions[dropped] = NOTHING;
    this.#dropped += 1;
    if (this.#dropped > DROPPED_MAX && this.#dropped * 2 > this.#revisions.length) {
      this.#revisions = this.#revisions.slice(this.#dropped);
      this.#sizes = this.#sizes.slice(this.#dropped);
      this.#dropped = 0;
    }
  }
}

const NOTHING: RevisionEvents = { revision: 0, events: [] };

function bytesOf({ events }: RevisionEvents): number {
  let bytes = EVENT_OVERHEAD_BYTES;
  for (const { kv, key, prevKv } of events) {
    bytes += EVENT_OVERHEAD_BYTES + kv.length + key.length + (prevKv?.length ?? 0);
  }
  return bytes;
}
