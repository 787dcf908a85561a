/**
 * The one order of revisions that the watchers have seen, held against what a store does.
 *
 * Every key is below the watched prefix and nobody else writes, so each revision from the first on must be there: nothing may be missing.
 */

import { isDeepStrictEqual } from 'node:util';
import type { KvEvent, KvWatcher } from './kv-watcher.ts';

export type RevisionEvents = readonly KvEvent[];

export class KvLog {
  readonly firstRevision: number;
  /** What does not fit together in what the watchers saw. */
  readonly faults: readonly string[];
  readonly #byRevision = new Map<number, KvEvent[]>();
  readonly #lastRevision: number;

  /** @param firstRevision the first that the watches asked for */
  constructor(firstRevision: number, watchers: readonly Pick<KvWatcher, 'events'>[]) {
    this.firstRevision = firstRevision;
    const faults: string[] = [];
    let last = firstRevision - 1;
    for (const { events } of watchers) {
      const seen = new Map<number, KvEvent[]>();
      let before = firstRevision - 1;
      for (const event of events) {
        const { revision, member } = event;
        if (revision < before) faults.push(`a watch told revision ${revision} after ${before} (${member})`);
        if (revision > before + 1)
          faults.push(`a watch passed over the revisions ${before + 1} to ${revision - 1} (${member})`);
        before = Math.max(before, revision);
        const ofRevision = seen.get(revision);
        if (ofRevision === undefined) seen.set(revision, [event]);
        else ofRevision.push(event);
      }
      last = Math.max(last, before);
      for (const [revision, told] of seen) {
        const known = this.#byRevision.get(revision);
        if (known === undefined) this.#byRevision.set(revision, told);
        else if (!isDeepStrictEqual(known.map(factsOf), told.map(factsOf)))
          faults.push(`two watches differ: ${textOf(known)}; ${textOf(told)}`);
      }
    }
    this.#lastRevision = last;
    this.faults = faults;
  }

  get lastRevision(): number {
    return this.#lastRevision;
  }

  at(revision: number): RevisionEvents {
    return this.#byRevision.get(revision) ?? [];
  }
}

function factsOf({ key, after, before }: KvEvent): unknown {
  return { key, after, before };
}

export function textOf(events: RevisionEvents): string {
  const [first] = events;
  const shown = events.map(({ key, after }) =>
    after === undefined ? `${key} deleted` : `${key} = ${after.value}`,
  );
  return `revision ${first?.revision} (${first?.member}): ${shown.join(', ')}`;
}
