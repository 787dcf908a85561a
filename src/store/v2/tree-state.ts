/**
 * The tree itself, below etcd's rules: finding a path, adding, replacing and removing nodes, and keeping the TTL heap and the frozen views in
 * step with it. Knows no events, no errors' texts and no counters.
 *
 * Invariants:
 * - Every view hears of a change before it is made.
 * - The TTL heap holds exactly the nodes of the tree that expire.
 * - `#cachedDir` is in the tree and its path is `#cachedPath` ('' for the root).
 */

import { DirNode, FileNode, type TreeNode } from './tree-node.ts';
import type { TreeView } from './tree-view.ts';
import { TtlHeap } from './ttl-heap.ts';

export type FindStatus = 'found' | 'missing' | 'not-a-directory';

export class TreeState {
  root: DirNode = new DirNode('/', 0, 0, 0);
  currentIndex = 0;
  ttls: TtlHeap = new TtlHeap();
  /** Views that are being read: usually none. */
  readonly views: TreeView[] = [];

  /** What the last `find` found: the node; the directory that holds it, or the deepest one there is; its name there. */
  node: TreeNode | undefined = undefined;
  parent: DirNode = this.root;
  name = '';
  /** Of a failed `find`: the length of the path's part that is missing or is a file. */
  failureLength = 0;

  #lastSeq = 0;
  #cachedDir: DirNode = this.root;
  #cachedPath = '';

  /** Looks a normalised path up; the findings stand in the fields until the next call. */
  find(path: string): FindStatus {
    if (path === '/') {
      this.node = this.root;
      this.name = '';
      return 'found';
    }
    const lastSlash = path.lastIndexOf('/');
    if (lastSlash === this.#cachedPath.length && path.startsWith(this.#cachedPath)) {
      this.parent = this.#cachedDir;
      return this.#findLast(path, lastSlash + 1);
    }
    let dir = this.root;
    let start = 1;
    while (start <= lastSlash) {
      const end = path.indexOf('/', start);
      const name = path.slice(start, end);
      const child = dir.get(name);
      if (!(child instanceof DirNode)) {
        this.node = undefined;
        this.parent = dir;
        this.failureLength = end;
        return child === undefined ? 'missing' : 'not-a-directory';
      }
      dir = child;
      start = end + 1;
    }
    this.parent = dir;
    this.#cachedDir = dir;
    this.#cachedPath = dir === this.root ? '' : dir.path;
    return this.#findLast(path, start);
  }

  #findLast(path: string, start: number): FindStatus {
    this.name = path.slice(start);
    this.node = this.parent.get(this.name);
    if (this.node !== undefined) return 'found';
    this.failureLength = path.length;
    return 'missing';
  }

  /** Makes the directories that the last `find` (of this path: 'missing') lacks above the path's last part. */
  makeParents(path: string, index: number): void {
    if (this.failureLength === path.length) return;
    const lastSlash = path.lastIndexOf('/');
    let dir = this.parent;
    let start = dir === this.root ? 1 : dir.path.length + 1;
    while (start <= lastSlash) {
      const end = path.indexOf('/', start);
      const child = new DirNode(path.slice(0, end), index, index, this.nextSeq());
      dir.add(path.slice(start, end), child);
      dir = child;
      start = end + 1;
    }
    this.parent = dir;
    this.name = path.slice(start);
  }

  nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  /** Puts a new node below `parent`, in the place of `old` if there was one. */
  put(parent: DirNode, name: string, node: TreeNode, old: TreeNode | undefined): void {
    if (old === undefined) {
      parent.add(name, node);
      return;
    }
    if (this.views.length > 0) this.#tellViews(parent, name, old);
    if (old.ttl !== undefined) this.ttls.remove(old.ttl);
    parent.replace(name, node);
  }

  /** Takes the node, and everything below it, out of the tree. */
  remove(parent: DirNode, name: string, node: TreeNode): void {
    if (this.views.length > 0) this.#tellViews(parent, name, node);
    parent.remove(name);
    if (node.ttl !== undefined) this.ttls.remove(node.ttl);
    if (node instanceof FileNode) return;
    this.#forgetCachedDir();
    if (this.ttls.size > 0) this.#forgetTtlsBelow(node);
  }

  setExpiration(parent: DirNode, name: string, node: TreeNode, expireTimeNs: bigint | undefined): void {
    if (expireTimeNs !== undefined) this.ttls.add(node, parent, name, expireTimeNs);
  }

  changeDirExpiration(parent: DirNode, name: string, dir: DirNode, expireTimeNs: bigint | undefined): void {
    for (const view of this.views) view.beforeDirTtlChange(dir);
    if (dir.ttl !== undefined) this.ttls.remove(dir.ttl);
    dir.ttl = undefined;
    this.setExpiration(parent, name, dir, expireTimeNs);
  }

  /** Starts over with another tree. Views of the old one stay readable: nothing writes to it any more. */
  reset(root: DirNode, currentIndex: number, ttls: TtlHeap, lastSeq: number): void {
    this.root = root;
    this.currentIndex = currentIndex;
    this.ttls = ttls;
    this.views.length = 0;
    this.node = undefined;
    this.parent = root;
    this.#lastSeq = lastSeq;
    this.#forgetCachedDir();
  }

  /** Keeps the view true from now on; the function returned ends that and is idempotent. */
  addView(view: TreeView): () => void {
    this.views.push(view);
    return () => {
      const at = this.views.indexOf(view);
      if (at !== -1) this.views.splice(at, 1);
    };
  }

  #tellViews(parent: DirNode, name: string, old: TreeNode): void {
    for (const view of this.views) view.beforeChange(parent, name, old);
  }

  #forgetCachedDir(): void {
    this.#cachedDir = this.root;
    this.#cachedPath = '';
  }

  /** Walks the removed part, or the heap if that is the shorter way. */
  #forgetTtlsBelow(removed: DirNode): void {
    let steps = 4 * this.ttls.size;
    const dirs = [removed];
    for (let dir = dirs.pop(); dir !== undefined; dir = dirs.pop()) {
      for (const map of mapsOf(dir)) {
        for (const child of map.values()) {
          steps -= 1;
          if (child.ttl !== undefined) this.ttls.remove(child.ttl);
          if (child instanceof DirNode && child.table !== undefined) dirs.push(child);
          if (steps < 0) {
            const prefix = `${removed.path}/`;
            this.ttls.removeWhere(({ parent }) => parent === removed || parent.path.startsWith(prefix));
            return;
          }
        }
      }
    }
  }
}

/** The Maps that hold a directory's children. */
export function mapsOf(dir: DirNode): readonly ReadonlyMap<string, TreeNode>[] {
  const table = dir.table;
  if (table === undefined) return [];
  return table instanceof Map ? [table] : table;
}
