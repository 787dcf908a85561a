/**
 * What a watcher is told: every change it asked for, each once, in order, and as it was; also where it goes on at another member with
 * the next waitIndex. A watch may begin anew only if the history does not reach back that far.
 */
import {
  type Checker,
  CheckFailure,
  type FinalTree,
  type Observation,
  type TreeEvent,
  type WatchBegun,
  type WatchDelivered,
} from '../observation.ts';
import { eventText, isRemoval, sameEvent, TreeHistory } from './tree-history.ts';

/** Of the tree's events, which each have an index of their own. */
const HISTORY_EVENTS = 1000;

interface Watcher {
  readonly begun: WatchBegun;
  /** All up to here was told, or not asked for. */
  told: number;
  /** The last event told, if any in this watch. */
  last: TreeEvent | undefined;
  ended: boolean;
}

export class WatchHistories implements Checker {
  readonly name = 'watch histories';
  readonly #history = new TreeHistory();
  readonly #watchers = new Map<number, Watcher>();
  /** How far each member's tree was in the end. */
  readonly #ends = new Map<string, FinalTree>();

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'store-changed':
        this.#history.add(observation.event);
        return;
      case 'watch-begun':
        this.#begun(observation);
        return;
      case 'watch-delivered':
        this.#delivered(observation);
        return;
      case 'watch-ended': {
        const watcher = this.#watchers.get(observation.watcherId);
        if (watcher !== undefined) watcher.ended = true;
        return;
      }
      case 'final-tree':
        this.#ends.set(observation.member, observation);
        return;
      default:
    }
  }

  /** Watches that last to the end have been told everything their member applied. */
  finish(): void {
    for (const watcher of this.#watchers.values()) {
      const end = this.#ends.get(watcher.begun.member);
      if (watcher.ended || end === undefined || end.life !== watcher.begun.life) continue;
      this.#complete(watcher, end.etcdIndex + 1);
    }
  }

  #begun(begun: WatchBegun): void {
    const { sinceIndex, startIndex, resumes, watcherId, member } = begun;
    if (!resumes && sinceIndex > startIndex - HISTORY_EVENTS) {
      throw this.#failure(
        `watcher ${watcherId} cannot go on from ${sinceIndex} at ${member}, whose tree is at ${startIndex}: the history lacks what it should hold`,
      );
    }
    const before = this.#watchers.get(watcherId);
    if (resumes && sinceIndex > 0 && before !== undefined && sinceIndex > before.told + 1) {
      // What it skips it does not ask for; what it was not told of by then is lost to it.
      this.#complete(before, sinceIndex);
    }
    const told = resumes && sinceIndex > 0 ? sinceIndex - 1 : startIndex;
    this.#watchers.set(watcherId, { begun, told, last: undefined, ended: false });
  }

  #delivered({ watcherId, member, event }: WatchDelivered): void {
    const watcher = this.#watchers.get(watcherId);
    if (watcher === undefined) return;
    const index = event.modifiedIndex;
    const known = this.#history.at(index);
    if (known === undefined || !sameEvent(known, event)) {
      throw this.#failure(
        `watcher ${watcherId} hears from ${member} of ${eventText(event)}; what happened there is ${known === undefined ? 'nothing' : eventText(known)}`,
      );
    }
    const { begun } = watcher;
    // As in etcd a stream on a path that is removed hears of it twice.
    const isEcho = watcher.last?.modifiedIndex === index && isRemoval(event);
    if (isEcho) return;
    if (index <= watcher.told) {
      throw this.#failure(
        `watcher ${watcherId} of ${begun.path} hears from ${member} of ${eventText(event)}, and was told all up to ${watcher.told} before`,
      );
    }
    if (!concerns(begun, event, true)) {
      throw this.#failure(
        `watcher ${watcherId} of ${begun.path} hears from ${member} of ${eventText(event)}, which is none of its business`,
      );
    }
    this.#complete(watcher, index);
    watcher.told = index;
    watcher.last = event;
    // As in etcd, a watch that finds its event in the history is over with it, even a stream.
    if (index <= begun.startIndex) watcher.ended = true;
  }

  /** Nothing that concerns the watcher happened after what it was told and before `index`. */
  #complete({ begun, told }: Watcher, index: number): void {
    for (const event of this.#history.between(told, index - 1)) {
      if (!concerns(begun, event, false)) continue;
      throw this.#failure(
        `watcher ${begun.watcherId} of ${begun.path} at ${begun.member} was not told of ${eventText(event)}; it has heard all up to ${told}`,
      );
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}

/**
 * The rules of watcher-hub.ts: the path itself, all below it if recursive, and the removal of a directory above. Hidden keys below it
 * count only where they come out of the history (event-history.ts).
 */
function concerns({ path, recursive }: WatchBegun, event: TreeEvent, countHidden: boolean): boolean {
  const { key } = event;
  if (key === path) return true;
  const inside = path === '/' ? '/' : `${path}/`;
  if (key.startsWith(inside)) {
    return recursive && (countHidden || !key.slice(inside.length - 1).includes('/_'));
  }
  return isRemoval(event) && path.startsWith(`${key}/`);
}
