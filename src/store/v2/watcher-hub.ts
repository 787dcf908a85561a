/**
 * Who is told of a change. Watches are kept by their path; an event at /a/b looks at '/', '/a' and '/a/b'. Costs nothing while there is no
 * watch.
 *
 * Rules, as in etcd:
 * - A watch hears of its own path, with `recursive` of everything below it, and of the removal of a directory above it
 *   if its path went away with it; never of events before the index it asked for.
 * - A key is hidden from a watch above it if a part of the path between the two begins with '_'.
 * - A watch is over after one event, unless it is a stream. A stream on a removed path hears of the removal twice.
 *
 * Invariant: the tree, its index and the history are changed before anyone is told, so a listener may start and remove watches.
 */

import type { V2Event } from './types.ts';

export class Watch {
  readonly path: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  readonly sinceIndex: number;
  readonly onEvent: (event: V2Event) => void;

  constructor(
    path: string,
    recursive: boolean,
    stream: boolean,
    sinceIndex: number,
    onEvent: (event: V2Event) => void,
  ) {
    this.path = path;
    this.recursive = recursive;
    this.stream = stream;
    this.sinceIndex = sinceIndex;
    this.onEvent = onEvent;
  }
}

export class WatcherHub {
  readonly #watchesByPath = new Map<string, Set<Watch>>();
  #count = 0;
  /** No path beyond this length is watched; keeps long keys from being looked up part by part. */
  #pathLengthMax = 0;

  get count(): number {
    return this.#count;
  }

  add(watch: Watch): void {
    const watches = this.#watchesByPath.get(watch.path);
    if (watches === undefined) this.#watchesByPath.set(watch.path, new Set([watch]));
    else watches.add(watch);
    this.#count += 1;
    if (watch.path.length > this.#pathLengthMax) this.#pathLengthMax = watch.path.length;
  }

  /** Idempotent. */
  remove(watch: Watch): void {
    const watches = this.#watchesByPath.get(watch.path);
    if (watches === undefined || !watches.delete(watch)) return;
    this.#count -= 1;
    if (watches.size === 0) this.#watchesByPath.delete(watch.path);
    if (this.#count === 0) this.#pathLengthMax = 0;
  }

  /** Tells the watches on the event's key and on every directory above it. */
  notify(event: V2Event): void {
    if (this.#count === 0) return;
    const key = event.node.key!;
    this.#notifyPath(event, '/', false);
    let end = key === '/' ? -1 : key.indexOf('/', 1);
    while (end !== -1) {
      if (end > this.#pathLengthMax) return;
      this.#notifyPath(event, key.slice(0, end), false);
      end = key.indexOf('/', end + 1);
    }
    if (key !== '/' && key.length <= this.#pathLengthMax) this.#notifyPath(event, key, false);
  }

  /** Tells the watches on a path that is removed by the event. */
  notifyRemoved(event: V2Event, path: string): void {
    if (this.#count > 0) this.#notifyPath(event, path, true);
  }

  /** The watched paths below a directory. */
  watchedBelow(dirPath: string): string[] {
    if (this.#count === 0 || this.#pathLengthMax <= dirPath.length) return [];
    const prefix = dirPath === '/' ? '/' : `${dirPath}/`;
    const paths: string[] = [];
    for (const path of this.#watchesByPath.keys()) {
      if (path.length > prefix.length && path.startsWith(prefix)) paths.push(path);
    }
    return paths;
  }

  #notifyPath(event: V2Event, path: string, removed: boolean): void {
    const watches = this.#watchesByPath.get(path);
    if (watches === undefined) return;
    const key = event.node.key!;
    const exact = key === path;
    if (!exact && isHiddenBelow(path, key)) return;
    // A copy: whoever is told may add and remove watches on this very path.
    for (const watch of [...watches]) {
      if (!watches.has(watch)) continue;
      if (!(watch.recursive || exact || removed) || event.node.modifiedIndex < watch.sinceIndex) continue;
      if (!watch.stream) this.remove(watch);
      watch.onEvent(event);
    }
  }
}

/** Whether a part of `key` below `watchPath` begins with '_'. */
function isHiddenBelow(watchPath: string, key: string): boolean {
  if (watchPath.length > key.length) return false;
  return key.includes('/_', watchPath === '/' ? 0 : watchPath.length);
}
