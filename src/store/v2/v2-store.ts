/**
 * The v2 tree of one member: etcd's rules for each operation. Pure and synchronous; time comes from the caller, and equal calls give equal
 * trees, indexes and events on every member.
 *
 * Invariants:
 * - Each change takes exactly one index and leaves exactly one event in the history; a refusal takes none.
 * - A refused operation leaves the tree untouched.
 * - Listeners are told last, when tree, index and history are already as after the change.
 *
 * The counters are etcd's down to its slips: some refusals count as successes, and a create through a file as a failed set, too.
 */

import {
  DIR_NOT_EMPTY,
  KEY_NOT_FOUND,
  NODE_EXIST,
  NOT_DIR,
  NOT_FILE,
  ROOT_READ_ONLY,
  TEST_FAILED,
  v2Error,
} from './errors.ts';
import { EventHistory } from './event-history.ts';
import { FrozenTree } from './frozen-tree.ts';
import { viewDir, viewFile, viewListing, viewNode } from './node-views.ts';
import { readSnapshot } from './snapshot-reader.ts';
import { copyStats, emptyStats } from './store-stats.ts';
import { childPath, DirNode, FileNode, type TreeNode } from './tree-node.ts';
import { type FindStatus, TreeState } from './tree-state.ts';
import { TreeView } from './tree-view.ts';
import type {
  V2Action,
  V2Error,
  V2Event,
  V2FrozenTree,
  V2Node,
  V2Outcome,
  V2Store,
  V2StoreStats,
  V2Ttl,
  V2WatchOutcome,
} from './types.ts';
import { Watch, WatcherHub } from './watcher-hub.ts';

/** Times before 2000 mean "never" where a node is made: what a client's clock gone wrong would send. */
const EXPIRE_TIME_MIN_NS = 946_684_800_000_000_000n;
const IN_ORDER_DIGITS = 20;

/** An empty tree with `namespaces` (etcd: '/0' and '/1') as directories that, like the root, cannot be written or removed. */
export function createV2Store(namespaces: readonly string[]): V2Store {
  return new TreeStore(namespaces);
}

/** @internal The store behind `createV2Store`; `state` and `history` are for the modules of this folder. */
export class TreeStore implements V2Store {
  readonly state: TreeState = new TreeState();
  readonly history: EventHistory = new EventHistory();
  readonly #hub = new WatcherHub();
  readonly #readOnly: ReadonlySet<string>;
  #stats: V2StoreStats = emptyStats();

  constructor(namespaces: readonly string[]) {
    this.#readOnly = new Set(['/', ...namespaces]);
    for (const path of namespaces) {
      this.state.find(path);
      this.state.makeParents(path, 0);
      this.state.parent.add(this.state.name, new DirNode(path, 0, 0, this.state.nextSeq()));
    }
  }

  get currentIndex(): number {
    return this.state.currentIndex;
  }

  get stats(): Readonly<V2StoreStats> {
    this.#stats.watchers = this.#hub.count;
    return this.#stats;
  }

  get(path: string, recursive: boolean, sorted: boolean, nowNs: bigint): V2Outcome {
    const found = this.getUnlisted(path, nowNs);
    if (!(found instanceof DirNode)) return found;
    const node = viewListing(found, recursive, sorted, nowNs);
    return { event: { action: 'get', node, prevNode: undefined, etcdIndex: this.currentIndex } };
  }

  /** @internal As `get`, counters included, but a directory comes as it is. */
  getUnlisted(path: string, nowNs: bigint): V2Outcome | DirNode {
    const status = this.state.find(path);
    if (status !== 'found') {
      this.#stats.getsFail += 1;
      return this.#notFound(status, path);
    }
    this.#stats.getsSuccess += 1;
    const found = this.state.node!;
    if (found instanceof DirNode) return found;
    const node = viewFile(path, found, nowNs);
    return { event: { action: 'get', node, prevNode: undefined, etcdIndex: this.currentIndex } };
  }

  set(path: string, dir: boolean, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    const status = this.state.find(path);
    if (status === 'not-a-directory' || (status === 'missing' && ttl.refresh)) {
      this.#stats.setsFail += 1;
      return this.#notFound(status, path);
    }
    if (this.#readOnly.has(path)) {
      this.#stats.setsFail += 1;
      return this.#refuse(ROOT_READ_ONLY, '/');
    }
    const old = status === 'found' ? this.state.node : undefined;
    if (old instanceof DirNode) {
      this.#stats.setsFail += 1;
      return this.#refuse(NOT_FILE, path);
    }
    this.#stats.setsSuccess += 1;
    const newValue = ttl.refresh ? old!.value : value;
    return this.#make('set', path, dir, newValue, ttl.expireTimeNs, nowNs, old, ttl.refresh);
  }

  create(path: string, dir: boolean, value: string, unique: boolean, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    const nodePath = unique
      ? childPath(path, String(this.currentIndex + 1).padStart(IN_ORDER_DIGITS, '0'))
      : path;
    if (this.#readOnly.has(nodePath)) {
      this.#stats.createFail += 1;
      return this.#refuse(ROOT_READ_ONLY, '/');
    }
    const status = this.state.find(nodePath);
    if (status === 'not-a-directory') {
      this.#stats.setsFail += 1;
      this.#stats.createFail += 1;
      return this.#notFound(status, nodePath);
    }
    if (status === 'found') {
      this.#stats.createFail += 1;
      return this.#refuse(NODE_EXIST, nodePath);
    }
    this.#stats.createSuccess += 1;
    return this.#make('create', nodePath, dir, value, ttl.expireTimeNs, nowNs, undefined, false);
  }

  update(path: string, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    if (this.#readOnly.has(path)) {
      this.#stats.updateSuccess += 1;
      return this.#refuse(ROOT_READ_ONLY, '/');
    }
    const status = this.state.find(path);
    if (status !== 'found') {
      this.#stats.updateFail += 1;
      return this.#notFound(status, path);
    }
    this.#stats.updateSuccess += 1;
    const old = this.state.node!;
    if (old instanceof FileNode) {
      return this.#rewrite('update', path, old, ttl.refresh ? old.value : value, ttl, nowNs);
    }
    if (value !== '') return this.#refuse(NOT_FILE, path);
    const { parent, name } = this.state;
    const prevNode = viewNode(path, old, nowNs);
    this.state.changeDirExpiration(parent, name, old, ttl.expireTimeNs);
    const index = this.#nextIndex();
    // The event shows the change's index; the directory itself keeps the one it was made with.
    const node: V2Node = { ...viewDir(path, old, nowNs, undefined), modifiedIndex: index };
    return this.#commit('update', node, prevNode, ttl.refresh);
  }

  compareAndSwap(
    path: string,
    prevValue: string,
    prevIndex: number,
    value: string,
    ttl: V2Ttl,
    nowNs: bigint,
  ): V2Outcome {
    if (this.#readOnly.has(path)) {
      this.#stats.compareAndSwapSuccess += 1;
      return this.#refuse(ROOT_READ_ONLY, '/');
    }
    const status = this.state.find(path);
    if (status !== 'found') {
      this.#stats.compareAndSwapFail += 1;
      return this.#notFound(status, path);
    }
    const old = this.state.node!;
    if (old instanceof DirNode) {
      this.#stats.compareAndSwapFail += 1;
      return this.#refuse(NOT_FILE, path);
    }
    const difference = differenceOf(old, prevValue, prevIndex);
    if (difference !== undefined) {
      this.#stats.compareAndSwapFail += 1;
      return this.#refuse(TEST_FAILED, difference);
    }
    this.#stats.compareAndSwapSuccess += 1;
    return this.#rewrite('compareAndSwap', path, old, ttl.refresh ? old.value : value, ttl, nowNs);
  }

  compareAndDelete(path: string, prevValue: string, prevIndex: number, nowNs: bigint): V2Outcome {
    const status = this.state.find(path);
    if (status !== 'found') {
      this.#stats.compareAndDeleteFail += 1;
      return this.#notFound(status, path);
    }
    this.#stats.compareAndDeleteSuccess += 1;
    const old = this.state.node!;
    if (old instanceof DirNode) return this.#refuse(NOT_FILE, path);
    const difference = differenceOf(old, prevValue, prevIndex);
    if (difference !== undefined) return this.#refuse(TEST_FAILED, difference);
    return this.#remove('compareAndDelete', path, this.state.parent, this.state.name, old, nowNs);
  }

  delete(path: string, dir: boolean, recursive: boolean, nowNs: bigint): V2Outcome {
    if (this.#readOnly.has(path)) {
      this.#stats.deleteSuccess += 1;
      return this.#refuse(ROOT_READ_ONLY, '/');
    }
    const status = this.state.find(path);
    if (status !== 'found') {
      this.#stats.deleteFail += 1;
      return this.#notFound(status, path);
    }
    const old = this.state.node!;
    if (old instanceof DirNode && !(dir || recursive)) {
      this.#stats.deleteFail += 1;
      return this.#refuse(NOT_FILE, path);
    }
    if (old instanceof DirNode && old.childCount > 0 && !recursive) {
      this.#stats.deleteFail += 1;
      return this.#refuse(DIR_NOT_EMPTY, path);
    }
    this.#stats.deleteSuccess += 1;
    return this.#remove('delete', path, this.state.parent, this.state.name, old, nowNs);
  }

  deleteExpired(untilNs: bigint): void {
    for (let next = this.state.ttls.top(); next !== undefined; next = this.state.ttls.top()) {
      if (next.expireTimeNs > untilNs) return;
      const { parent, name, node } = next;
      this.#stats.expireCount += 1;
      this.#remove('expire', childPath(parent.path, name), parent, name, node, untilNs);
    }
  }

  hasTtlNodes(): boolean {
    return this.state.ttls.size > 0;
  }

  watch(
    path: string,
    recursive: boolean,
    stream: boolean,
    sinceIndex: number,
    onEvent: (event: V2Event) => void,
    _nowNs: bigint,
  ): V2WatchOutcome {
    const startIndex = this.currentIndex;
    const since = sinceIndex === 0 ? startIndex + 1 : sinceIndex;
    const { event, error } = this.history.find(path, recursive, since, startIndex);
    if (error !== undefined) return { error };
    // As in etcd, a watch that finds its event in the history is over with it, even a stream.
    if (event !== undefined) {
      onEvent({ action: event.action, node: event.node, prevNode: event.prevNode, etcdIndex: startIndex });
      return { watcher: { startIndex, remove: () => {} } };
    }
    const watch = new Watch(path, recursive, stream, since, onEvent);
    this.#hub.add(watch);
    return { watcher: { startIndex, remove: () => this.#hub.remove(watch) } };
  }

  freeze(): V2FrozenTree {
    const { state } = this;
    const view = new TreeView(state.currentIndex);
    const forget = state.addView(view);
    return new FrozenTree(view, state.root, this.history.toArray(), copyStats(this.stats), forget);
  }

  recover(json: Uint8Array): void {
    const snapshot = readSnapshot(json);
    const oldIndex = this.state.currentIndex;
    this.state.reset(snapshot.root, snapshot.currentIndex, snapshot.ttls, snapshot.lastSeq);
    this.history.reset(snapshot.events);
    this.#stats = snapshot.stats;
    this.#tellMissed(oldIndex);
  }

  /** Watches outlive a recovery: what the history holds of the changes since is told now (etcd leaves it out). */
  #tellMissed(oldIndex: number): void {
    if (this.#hub.count === 0) return;
    for (const event of this.history.toArray()) {
      if (event.node.modifiedIndex <= oldIndex || event.refresh === true) continue;
      const isRemoval = event.action === 'delete' || event.action === 'expire';
      if (isRemoval && event.node.dir === true) {
        for (const below of this.#hub.watchedBelow(event.node.key!)) this.#hub.notifyRemoved(event, below);
      }
      this.#hub.notify(event);
    }
  }

  /** Makes a node where the last `find` looked, in the place of the file `old` if there is one. */
  #make(
    action: V2Action,
    path: string,
    dir: boolean,
    value: string,
    expireTimeNs: bigint | undefined,
    nowNs: bigint,
    old: FileNode | undefined,
    refresh: boolean,
  ): V2Outcome {
    const { state } = this;
    const index = this.#nextIndex();
    if (old === undefined) state.makeParents(path, index);
    const { parent, name } = state;
    const prevNode = old === undefined ? undefined : viewFile(path, old, nowNs);
    const seq = old === undefined ? state.nextSeq() : old.seq;
    const made = dir ? new DirNode(path, index, index, seq) : new FileNode(value, index, index, seq);
    state.put(parent, name, made, old);
    if (expireTimeNs !== undefined && expireTimeNs >= EXPIRE_TIME_MIN_NS) {
      state.setExpiration(parent, name, made, expireTimeNs);
    }
    return this.#commit(action, viewNode(path, made, nowNs), prevNode, refresh);
  }

  /** Gives the file that the last `find` found another value and TTL; it keeps the index it was created at. */
  #rewrite(
    action: V2Action,
    path: string,
    old: FileNode,
    value: string,
    ttl: V2Ttl,
    nowNs: bigint,
  ): V2Outcome {
    const { state } = this;
    const { parent, name } = state;
    const prevNode = viewFile(path, old, nowNs);
    const file = new FileNode(value, this.#nextIndex(), old.createdIndex, old.seq);
    state.put(parent, name, file, old);
    state.setExpiration(parent, name, file, ttl.expireTimeNs);
    return this.#commit(action, viewFile(path, file, nowNs), prevNode, ttl.refresh);
  }

  #remove(
    action: V2Action,
    path: string,
    parent: DirNode,
    name: string,
    old: TreeNode,
    nowNs: bigint,
  ): V2Outcome {
    const { state } = this;
    const watchedBelow = old instanceof DirNode ? this.#watchedNodesBelow(path) : undefined;
    const prevNode = viewNode(path, old, nowNs);
    state.remove(parent, name, old);
    const event: V2Event = {
      action,
      node: {
        key: path,
        value: undefined,
        dir: prevNode.dir,
        expirationNs: undefined,
        ttlSeconds: undefined,
        nodes: undefined,
        modifiedIndex: this.#nextIndex(),
        createdIndex: old.createdIndex,
      },
      prevNode,
      etcdIndex: state.currentIndex,
    };
    this.history.add(event);
    if (this.#hub.count > 0) {
      if (watchedBelow !== undefined) {
        for (const below of watchedBelow) this.#hub.notifyRemoved(event, below);
      }
      this.#hub.notifyRemoved(event, path);
      this.#hub.notify(event);
    }
    return { event };
  }

  /** Watched paths that exist below a directory, the deepest first. */
  #watchedNodesBelow(dirPath: string): string[] {
    const paths = this.#hub.watchedBelow(dirPath).filter((path) => this.state.find(path) === 'found');
    return paths.sort((a, b) => b.length - a.length);
  }

  #nextIndex(): number {
    this.state.currentIndex += 1;
    return this.state.currentIndex;
  }

  #commit(action: V2Action, node: V2Node, prevNode: V2Node | undefined, refresh: boolean): V2Outcome {
    const etcdIndex = this.state.currentIndex;
    if (refresh) {
      const event: V2Event = { action, node, prevNode, etcdIndex, refresh };
      this.history.add(event);
      return { event };
    }
    const event: V2Event = { action, node, prevNode, etcdIndex };
    this.history.add(event);
    this.#hub.notify(event);
    return { event };
  }

  #notFound(status: FindStatus, path: string): { error: V2Error } {
    const code = status === 'not-a-directory' ? NOT_DIR : KEY_NOT_FOUND;
    return this.#refuse(code, path.slice(0, this.state.failureLength));
  }

  #refuse(code: number, cause: string): { error: V2Error } {
    return { error: v2Error(code, cause, this.state.currentIndex) };
  }
}

/** Why the file is not what the caller expects, in etcd's words; undefined if it is. '' and 0 expect nothing. */
function differenceOf(file: FileNode, prevValue: string, prevIndex: number): string | undefined {
  const valueDiffers = prevValue !== '' && file.value !== prevValue;
  const indexDiffers = prevIndex !== 0 && file.modifiedIndex !== prevIndex;
  if (!valueDiffers && !indexDiffers) return undefined;
  const byValue = `[${prevValue} != ${file.value}]`;
  const byIndex = `[${prevIndex} != ${file.modifiedIndex}]`;
  if (!indexDiffers) return byValue;
  return valueDiffers ? `${byValue} ${byIndex}` : byIndex;
}
