/** Where cohorts read: the log of recent revisions as far as it goes back, the store's history before that. */
import type { MvccStore } from '../store/mvcc/types.ts';
import type { Cohort } from './cohort.ts';
import type { EventLog } from './event-log.ts';

/** Events read from the log at once. */
const LOG_EVENTS_READ = 500;
/** Work of opening a scan of the history. */
const SCAN_WORK = 50;

export class RevisionReader {
  readonly #store: Pick<MvccStore, 'compactedRevision' | 'eventsFrom'>;
  readonly #log: EventLog;
  readonly #bytesMax: number;

  constructor(store: Pick<MvccStore, 'compactedRevision' | 'eventsFrom'>, log: EventLog, bytesMax: number) {
    this.#store = store;
    this.#log = log;
    this.#bytesMax = bytesMax;
  }

  /**
   * Gives the cohort some of the revisions from its position up to `end` (without it), at least one. Returns the work in units of about a
   * microsecond; 'compacted' and nothing done if they are not to be had any more.
   */
  read(cohort: Cohort, end: number): number | 'compacted' {
    const { position } = cohort;
    if (position >= this.#log.start) return this.#readLog(cohort, end);
    if (position < this.#store.compactedRevision) return 'compacted';
    const history = this.#store.eventsFrom(position, this.#bytesMax);
    if ('kind' in history) {
      if (history.code === 'compacted') return 'compacted';
      throw new Error(`the store refuses its events from revision ${position} on: ${history.code}`);
    }
    if (history.next <= position) throw new Error(`the store's history does not go on from ${position}`);
    let work = SCAN_WORK;
    for (const revision of history.batches) {
      if (revision.revision >= end) break;
      cohort.read(revision, false);
      work += 1 + revision.events.length;
    }
    cohort.endRead(Math.min(history.next, end));
    return work;
  }

  #readLog(cohort: Cohort, end: number): number {
    let revision = cohort.position;
    let events = 0;
    let bytes = 0;
    while (revision < end && events < LOG_EVENTS_READ && bytes < this.#bytesMax) {
      const each = this.#log.at(revision);
      cohort.read(each, true);
      events += each.events.length;
      for (const { kv } of each.events) bytes += kv.length;
      revision += 1;
    }
    cohort.endRead(revision);
    return 1 + events;
  }
}
