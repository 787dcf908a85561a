/**
 * The one order of changes that the watchers have seen, and what the tree was at each index.
 *
 * Invariant: `isComplete` says that no index between the first and the last change was lost by all watchers; only then does a key's
 * absence mean anything.
 */

import type { Change, ChangeWatcher } from './change-watcher.ts';

export class ChangeLog {
  readonly changes: readonly Change[];
  readonly isComplete: boolean;
  /** What does not fit together in what the watchers saw. */
  readonly faults: readonly string[];
  readonly #byKey = new Map<string, Change[]>();
  readonly #byIndex = new Map<number, Change>();

  constructor(watchers: readonly Pick<ChangeWatcher, 'changes' | 'losses'>[]) {
    const faults: string[] = [];
    for (const { changes } of watchers) {
      let before = 0;
      for (const change of changes) {
        if (change.index <= before)
          faults.push(`a watch told ${change.index} after ${before} (${change.member})`);
        before = change.index;
        const known = this.#byIndex.get(change.index);
        if (known === undefined) this.#byIndex.set(change.index, change);
        else if (textOf(known) !== textOf(change))
          faults.push(
            `two watches differ: ${textOf(known)} (${known.member}), ${textOf(change)} (${change.member})`,
          );
      }
    }
    this.changes = [...this.#byIndex.values()].sort((a, b) => a.index - b.index);
    // Lost for all is what each watcher has lost.
    this.isComplete = !watchers.every(({ losses }) => losses.length > 0) || isCoveredBySome(watchers);

    for (const { changes, losses } of watchers) {
      const seen = new Set(changes.map(({ index }) => index));
      const isLost = (index: number): boolean => losses.some(([from, to]) => index >= from && index < to);
      const last = changes.at(-1)?.index ?? 0;
      for (const change of this.changes) {
        if (change.index > last) break;
        if (!seen.has(change.index) && !isLost(change.index)) {
          faults.push(`a watch passed over ${textOf(change)}, which another one saw from ${change.member}`);
        }
      }
    }
    for (const change of this.changes) {
      const ofKey = this.#byKey.get(change.key);
      const before = ofKey?.at(-1);
      if (this.isComplete && !follows(change, before))
        faults.push(`${textOf(change)} does not follow ${before === undefined ? 'nothing' : textOf(before)}`);
      if (ofKey === undefined) this.#byKey.set(change.key, [change]);
      else ofKey.push(change);
    }
    this.faults = faults;
  }

  get lastIndex(): number {
    return this.changes.at(-1)?.index ?? 0;
  }

  /** The change made at this index. */
  at(index: number): Change | undefined {
    return this.#byIndex.get(index);
  }

  /** The last change of the key up to this index. */
  latest(key: string, index: number): Change | undefined {
    const changes = this.#byKey.get(key) ?? [];
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (changes[middle]!.index <= index) low = middle + 1;
      else high = middle;
    }
    return changes[low - 1];
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }
}

function textOf({ index, action, key, value, previous }: Change): string {
  const before = previous === undefined ? 'nothing' : `${JSON.stringify(previous.value)} @${previous.index}`;
  return `@${index} ${action} ${key} ${JSON.stringify(value)} after ${before}`;
}

/** Does the change say of what was there before it what the change before it says? */
function follows(change: Change, before: Change | undefined): boolean {
  if (before === undefined || before.value === undefined) return change.previous === undefined;
  return change.previous?.index === before.index && change.previous.value === before.value;
}

function isCoveredBySome(watchers: readonly Pick<ChangeWatcher, 'losses'>[]): boolean {
  const [first, ...others] = watchers;
  return (first?.losses ?? []).every(([from, to]) =>
    others.some(({ losses }) => losses.every(([begin, end]) => end <= from || begin >= to)),
  );
}
