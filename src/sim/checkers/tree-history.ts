/**
 * What happened to the clients' keys, put together from what any member applied: one event an index, the same on all members. Members
 * tell it in order, so when one has come to an index all before it are known.
 */
import type { TreeEvent } from '../observation.ts';

export class TreeHistory {
  readonly #byIndex = new Map<number, TreeEvent>();
  /** Indexes that have an event, ascending. */
  readonly #indexes: number[] = [];
  /** By key: its own events, ascending. */
  readonly #byKey = new Map<string, TreeEvent[]>();

  /** Undefined, or the event that is known at the same index and is another one. */
  add(event: TreeEvent): TreeEvent | undefined {
    const { modifiedIndex: index, key } = event;
    const known = this.#byIndex.get(index);
    if (known !== undefined) return sameEvent(known, event) ? undefined : known;
    this.#byIndex.set(index, event);
    insertAscending(this.#indexes, index);
    const ofKey = this.#byKey.get(key);
    if (ofKey === undefined) this.#byKey.set(key, [event]);
    else {
      ofKey.push(event);
      if (ofKey.length > 1 && ofKey.at(-2)!.modifiedIndex > index) {
        ofKey.sort((a, b) => a.modifiedIndex - b.modifiedIndex);
      }
    }
    return undefined;
  }

  at(index: number): TreeEvent | undefined {
    return this.#byIndex.get(index);
  }

  /** All after `from`, up to `to`. */
  *between(from: number, to: number): Generator<TreeEvent> {
    for (let at = firstAbove(this.#indexes, from); at < this.#indexes.length; at++) {
      const index = this.#indexes[at]!;
      if (index > to) return;
      yield this.#byIndex.get(index)!;
    }
  }

  /** The last event up to `etcdIndex` that touched the key itself or took a directory above it away. */
  lastOf(key: string, etcdIndex: number): TreeEvent | undefined {
    let last = lastUpTo(this.#byKey.get(key), etcdIndex);
    for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) {
      const above = lastUpTo(this.#byKey.get(key.slice(0, end)), etcdIndex);
      if (above !== undefined && isRemoval(above) && above.modifiedIndex > (last?.modifiedIndex ?? 0)) {
        last = above;
      }
    }
    return last;
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }
}

export function isRemoval({ action }: TreeEvent): boolean {
  return action === 'delete' || action === 'compareAndDelete' || action === 'expire';
}

/** For messages. */
export function eventText({ action, key, value, modifiedIndex }: TreeEvent): string {
  return `${action} ${key}${value === undefined ? '' : ` = ${value}`} @${modifiedIndex}`;
}

export function sameEvent(a: TreeEvent, b: TreeEvent): boolean {
  return (
    a.action === b.action &&
    a.key === b.key &&
    a.value === b.value &&
    a.modifiedIndex === b.modifiedIndex &&
    a.createdIndex === b.createdIndex &&
    a.previousValue === b.previousValue
  );
}

function lastUpTo(events: readonly TreeEvent[] | undefined, index: number): TreeEvent | undefined {
  if (events === undefined) return undefined;
  for (let at = events.length - 1; at >= 0; at--) if (events[at]!.modifiedIndex <= index) return events[at];
  return undefined;
}

function insertAscending(indexes: number[], index: number): void {
  const at = firstAbove(indexes, index);
  if (at === indexes.length) indexes.push(index);
  else indexes.splice(at, 0, index);
}

/** The first place whose index is greater. */
function firstAbove(indexes: readonly number[], index: number): number {
  if (indexes.length === 0 || indexes[indexes.length - 1]! <= index) return indexes.length;
  let low = 0;
  let high = indexes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (indexes[middle]! > index) high = middle;
    else low = middle + 1;
  }
  return low;
}
