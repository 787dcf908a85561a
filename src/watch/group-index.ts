/**
 * Finds the groups that a key concerns: single keys in a Map, ranges in an interval tree. What is found costs O(log ranges + found), however many
 * watchers there are. Under each key or range stand up to eight groups, which differ in their flags.
 */
import { IntervalTree } from './interval-tree.ts';
import type { KeySpan } from './key-span.ts';
import type { WatchGroup } from './watch-group.ts';

export class GroupIndex {
  readonly #keys = new Map<string, WatchGroup[]>();
  readonly #ranges = new IntervalTree<WatchGroup[]>();
  readonly groups = new Set<WatchGroup>();

  find(span: KeySpan, flags: number): WatchGroup | undefined {
    return this.#at(span)?.find((group) => group.flags === flags);
  }

  add(group: WatchGroup): void {
    this.groups.add(group);
    const { span } = group;
    const siblings = this.#at(span);
    if (siblings !== undefined) siblings.push(group);
    else if (span.isSingleKey) this.#keys.set(span.start, [group]);
    else this.#ranges.add(span.start, span.end, [group]);
  }

  remove(group: WatchGroup): void {
    this.groups.delete(group);
    const { span } = group;
    const siblings = this.#at(span)!;
    siblings.splice(siblings.indexOf(group), 1);
    if (siblings.length > 0) return;
    if (span.isSingleKey) this.#keys.delete(span.start);
    else this.#ranges.remove(span.start, span.end);
  }

  match(key: string, visit: (group: WatchGroup) => void): void {
    const single = this.#keys.get(key);
    if (single !== undefined) for (const group of single) visit(group);
    if (this.#ranges.size > 0) {
      this.#ranges.stab(key, (groups) => {
        for (const group of groups) visit(group);
      });
    }
  }

  #at(span: KeySpan): WatchGroup[] | undefined {
    return span.isSingleKey ? this.#keys.get(span.start) : this.#ranges.get(span.start, span.end);
  }
}
