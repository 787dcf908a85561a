/**
 * What a watch is told: every change it asked for, once, in order, whole revisions only, from the revision it asked for on and without a seam;
 * it ends as compacted only where that is so.
 */
import { type Checker, CheckFailure, type Observation } from '../../observation.ts';
import type { V3Event, V3Final, V3WatchBegun, V3WatchDelivered, V3WatchEnded } from '../../v3-observation.ts';
import { eventsText, isWithin, rowText, sameEvents, sameRow } from './v3-history.ts';
import type { V3Revisions } from './v3-revisions.ts';

/** A slow watcher may be told so late. */
const ON_THE_WAY_MS = 6_000;

interface Watching {
  readonly begun: V3WatchBegun;
  /** All up to here was told. */
  told: number;
}

export class V3Watches implements Checker {
  readonly name = 'v3 watches';
  readonly #revisions: V3Revisions;
  readonly #watches = new Map<number, Watching>();
  /** By member: its revisions of this life, and when it made them. */
  readonly #made = new Map<
    string,
    { readonly life: number; readonly revision: number; readonly atMs: number }[]
  >();
  readonly #ends = new Map<string, V3Final>();
  /** The highest compaction that was asked for. */
  #asked: number;

  /** `revisions` sees every observation first. */
  constructor(revisions: V3Revisions, isWhole = true) {
    this.#revisions = revisions;
    this.#asked = isWhole ? -1 : Number.POSITIVE_INFINITY;
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'v3-invoked': {
        const { operation } = observation;
        if (operation.kind === 'compact') this.#asked = Math.max(this.#asked, operation.revision);
        return;
      }
      case 'v3-watch-begun': {
        const { watcherId, since, revision } = observation;
        this.#watches.set(watcherId, { begun: observation, told: since === 0 ? revision : since - 1 });
        return;
      }
      case 'v3-watch-delivered':
        this.#delivered(observation);
        return;
      case 'v3-watch-ended':
        this.#ended(observation);
        return;
      case 'v3-opened':
        this.#made.set(observation.member, []);
        return;
      case 'v3-revision':
        this.#made.get(observation.member)?.push(observation);
        return;
      case 'v3-final':
        this.#ends.set(observation.member, observation);
        return;
      default:
    }
  }

  /** Who watches to the end has been told all that its member holds. */
  finish(): void {
    for (const { begun, told } of this.#watches.values()) {
      const end = this.#ends.get(begun.member);
      if (end === undefined || end.life !== begun.life) continue;
      const made = this.#made.get(begun.member)?.findLast(({ atMs }) => atMs <= end.atMs - ON_THE_WAY_MS);
      const missing = this.#wanted(begun, told, made?.revision ?? 0);
      if (missing.length > 0)
        throw this.#failure(`${textOf(begun)} was never told of ${eventsText(missing)}`);
    }
  }

  #delivered({ watcherId, events, revision }: V3WatchDelivered): void {
    const watching = this.#watches.get(watcherId);
    if (watching === undefined) return;
    const { begun, told } = watching;
    const { history } = this.#revisions;
    watching.told = Math.max(told, revision);
    if (told < history.base) return;
    if (revision > history.last) {
      throw this.#failure(
        `${textOf(begun)} is told all up to ${revision}; the last revision is ${history.last}`,
      );
    }
    const wanted = this.#wanted(begun, told, revision);
    if (!sameEvents(wanted, events)) {
      throw this.#failure(
        `${textOf(begun)}, told up to ${told}, is told up to ${revision}: ${eventsText(events)}; that is ${eventsText(wanted)}`,
      );
    }
    for (const { key, mod, previous } of events) {
      const before = begun.prevKv ? history.rowAt(key, mod - 1) : undefined;
      if (sameRow(before, previous)) continue;
      if (previous === undefined && mod - 1 < this.#asked) continue;
      throw this.#failure(
        `${textOf(begun)} hears of ${key} @${mod} that there was ${rowText(previous)}; there was ${rowText(before)}`,
      );
    }
  }

  #ended({ watcherId, compacted }: V3WatchEnded): void {
    const watching = this.#watches.get(watcherId);
    this.#watches.delete(watcherId);
    if (watching === undefined || compacted === undefined) return;
    const { begun, told } = watching;
    if (compacted <= this.#asked && told + 1 < compacted) return;
    throw this.#failure(
      `${textOf(begun)}, told up to ${told}, ends as compacted at ${compacted}; the highest compaction asked for is ${this.#asked}`,
    );
  }

  #wanted(begun: V3WatchBegun, told: number, to: number): V3Event[] {
    const { history } = this.#revisions;
    const wanted: V3Event[] = [];
    for (let revision = told + 1; revision <= to; revision++) {
      for (const event of history.at(revision) ?? []) {
        const isUnwanted = event.row === undefined ? begun.noDelete : begun.noPut;
        if (!isUnwanted && isWithin(event.key, begun)) wanted.push(event);
      }
    }
    return wanted;
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}

function textOf({ watcherId, member, key, end, since }: V3WatchBegun): string {
  return `watch ${watcherId} at ${member} of ${key}${end === '' ? '' : `..${end}`} since ${since}`;
}
