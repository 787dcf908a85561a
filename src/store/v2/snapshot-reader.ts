/**
 * The store out of its snapshot JSON, etcd's or ours (format: frozen-tree.ts). Fields come in any order, unknown ones are skipped. Paths are
 * not read: a node's path is where it stands. Depth costs no stack.
 */

import { JsonReader } from './json-reader.ts';
import { parseRfc3339, ZERO_TIME } from './rfc3339.ts';
import { emptyStats } from './store-stats.ts';
import { childPath, DirNode, FileNode, type TreeNode } from './tree-node.ts';
import { TtlHeap } from './ttl-heap.ts';
import type { V2Action, V2Event, V2Node, V2StoreStats } from './types.ts';

export interface StoreSnapshot {
  readonly root: DirNode;
  readonly currentIndex: number;
  /** The oldest first. */
  readonly events: readonly V2Event[];
  readonly stats: V2StoreStats;
  readonly ttls: TtlHeap;
  readonly lastSeq: number;
}

const ACTIONS: ReadonlySet<string> = new Set<V2Action>([
  'get',
  'create',
  'set',
  'update',
  'delete',
  'compareAndSwap',
  'compareAndDelete',
  'expire',
]);

/** Throws V2SnapshotError if the bytes are no snapshot of a v2 store. */
export function readSnapshot(json: Uint8Array): StoreSnapshot {
  return new SnapshotReader(json).read();
}

/** A node under way. */
interface OpenNode {
  readonly parent: DirNode | undefined;
  readonly name: string;
  createdIndex: number;
  modifiedIndex: number;
  expireTime: string;
  value: string;
  /** The directory, once children were seen. */
  dir: DirNode | undefined;
  isInChildren: boolean;
  /** Nothing was read yet of what is being read: no comma is due. */
  isFirst: boolean;
}

class SnapshotReader {
  readonly #json: JsonReader;
  readonly #ttls = new TtlHeap();
  #lastSeq = 0;
  #highestIndex = 0;

  constructor(bytes: Uint8Array) {
    this.#json = new JsonReader(bytes);
  }

  read(): StoreSnapshot {
    const json = this.#json;
    let root: DirNode | undefined;
    let currentIndex = -1;
    let events: V2Event[] = [];
    const stats = emptyStats();
    this.#eachField((name) => {
      if (name === 'Root') root = this.#readTree();
      else if (name === 'CurrentIndex') currentIndex = json.integer();
      else if (name === 'WatcherHub') events = this.#readWatcherHub();
      else if (name === 'Stats') this.#readStats(stats);
      else json.skipValue();
    });
    json.expectEnd();
    if (root === undefined || currentIndex < 0) return json.fail('Root or CurrentIndex is missing');
    if (this.#highestIndex > currentIndex) {
      return json.fail(`index ${this.#highestIndex} is used, but CurrentIndex is ${currentIndex}`);
    }
    return { root, currentIndex, events, stats, ttls: this.#ttls, lastSeq: this.#lastSeq };
  }

  #readTree(): DirNode {
    const json = this.#json;
    const open = [this.#openNode(undefined, '')];
    for (;;) {
      const top = open.at(-1)!;
      if (json.take('}')) {
        if (top.isInChildren) {
          top.isInChildren = false;
          top.isFirst = false;
          continue;
        }
        this.#closeNode(top);
        open.pop();
        if (open.length > 0) continue;
        return top.dir ?? json.fail('Root is no directory');
      }
      if (!top.isFirst) json.expect(',');
      top.isFirst = false;
      const name = json.fieldName();
      if (top.isInChildren && this.#isLostName(top.dir, name)) json.skipValue();
      else if (top.isInChildren) open.push(this.#openNode(top.dir, name));
      else this.#readNodeField(top, name);
    }
  }

  /** etcd writes all names that are no UTF-8 as U+FFFD, so that several may have become one: that is no damage. */
  #isLostName(parent: DirNode | undefined, name: string): boolean {
    return name.includes('\ufffd') && parent?.get(name) !== undefined;
  }

  #openNode(parent: DirNode | undefined, name: string): OpenNode {
    if (parent !== undefined) {
      if (name === '' || name.includes('/')) this.#json.fail('a child has no proper name');
      if (parent.get(name) !== undefined) this.#json.fail('two children have the same name');
    }
    this.#json.expect('{');
    return {
      parent,
      name,
      createdIndex: 0,
      modifiedIndex: 0,
      expireTime: ZERO_TIME,
      value: '',
      dir: undefined,
      isInChildren: false,
      isFirst: true,
    };
  }

  #readNodeField(open: OpenNode, field: string): void {
    const json = this.#json;
    if (field === 'Path') json.skipString();
    else if (field === 'CreatedIndex') open.createdIndex = json.integer();
    else if (field === 'ModifiedIndex') open.modifiedIndex = json.integer();
    else if (field === 'ExpireTime') open.expireTime = json.string();
    else if (field === 'Value') open.value = json.string();
    else if (field !== 'Children') json.skipValue();
    else if (!json.takeNull()) {
      if (open.dir !== undefined) json.fail('a node has Children twice');
      json.expect('{');
      const { parent, name } = open;
      open.dir = new DirNode(
        parent === undefined ? '/' : childPath(parent.path, name),
        0,
        0,
        this.#nextSeq(),
      );
      parent?.add(name, open.dir);
      open.isInChildren = true;
      open.isFirst = true;
    }
  }

  #closeNode(open: OpenNode): void {
    const { parent, name, createdIndex, modifiedIndex } = open;
    this.#highestIndex = Math.max(this.#highestIndex, createdIndex, modifiedIndex);
    let node: TreeNode;
    if (open.dir === undefined) {
      node = new FileNode(open.value, modifiedIndex, createdIndex, this.#nextSeq());
      parent?.add(name, node);
    } else {
      node = open.dir;
      open.dir.createdIndex = createdIndex;
      open.dir.modifiedIndex = modifiedIndex;
    }
    if (open.expireTime === ZERO_TIME || parent === undefined) return;
    this.#ttls.add(node, parent, name, this.#time(open.expireTime));
  }

  #readWatcherHub(): V2Event[] {
    const json = this.#json;
    let ring: (V2Event | undefined)[] = [];
    let size = 0;
    let front = 0;
    this.#eachField((hubField) => {
      if (hubField !== 'EventHistory') return json.skipValue();
      this.#eachField((historyField) => {
        if (historyField !== 'Queue') return json.skipValue();
        this.#eachField((queueField) => {
          if (queueField === 'Events') ring = this.#readEvents();
          else if (queueField === 'Size') size = json.integer();
          else if (queueField === 'Front') front = json.integer();
          else json.skipValue();
        });
      });
    });
    const events: V2Event[] = [];
    for (let offset = 0; offset < size; offset += 1) {
      const event = ring[(front + offset) % ring.length];
      const lastIndex = events.at(-1)?.node.modifiedIndex;
      if (event === undefined) return json.fail('an event of the history is missing');
      if (lastIndex !== undefined && event.node.modifiedIndex !== lastIndex + 1) {
        return json.fail(`the history jumps from index ${lastIndex} to ${event.node.modifiedIndex}`);
      }
      events.push(event);
    }
    return events;
  }

  #readEvents(): (V2Event | undefined)[] {
    const json = this.#json;
    const events: (V2Event | undefined)[] = [];
    json.expect('[');
    if (json.take(']')) return events;
    do {
      events.push(json.takeNull() ? undefined : this.#readEvent());
    } while (json.take(','));
    json.expect(']');
    return events;
  }

  #readEvent(): V2Event {
    const json = this.#json;
    let action = '';
    let node: V2Node | undefined;
    let prevNode: V2Node | undefined;
    let refresh = false;
    this.#eachField((field) => {
      if (field === 'action') action = json.string();
      else if (field === 'node') node = this.#readEventNode();
      else if (field === 'prevNode') prevNode = this.#readEventNode();
      else if (field === 'refresh') refresh = json.boolean();
      else json.skipValue();
    });
    if (node === undefined || !isAction(action)) return json.fail('malformed event');
    this.#highestIndex = Math.max(this.#highestIndex, node.modifiedIndex);
    const etcdIndex = node.modifiedIndex;
    return refresh ? { action, node, prevNode, etcdIndex, refresh } : { action, node, prevNode, etcdIndex };
  }

  #readEventNode(): V2Node {
    const json = this.#json;
    let key = '';
    let value: string | undefined;
    let dir: boolean | undefined;
    let expirationNs: bigint | undefined;
    let ttlSeconds: number | undefined;
    let modifiedIndex = 0;
    let createdIndex = 0;
    this.#eachField((field) => {
      if (field === 'key') key = json.string();
      else if (field === 'value') value = json.string();
      else if (field === 'dir') dir = json.boolean();
      else if (field === 'expiration') expirationNs = this.#time(json.string());
      else if (field === 'ttl') ttlSeconds = json.integer();
      else if (field === 'modifiedIndex') modifiedIndex = json.integer();
      else if (field === 'createdIndex') createdIndex = json.integer();
      else json.skipValue();
    });
    // A ttl of 0 is left out of the JSON.
    if (expirationNs !== undefined) ttlSeconds ??= 0;
    return { key, value, dir, expirationNs, ttlSeconds, nodes: undefined, modifiedIndex, createdIndex };
  }

  #readStats(stats: V2StoreStats): void {
    this.#eachField((name) => {
      if (Object.hasOwn(stats, name)) stats[name as keyof V2StoreStats] = this.#json.integer();
      else this.#json.skipValue();
    });
  }

  #eachField(read: (name: string) => void): void {
    const json = this.#json;
    json.expect('{');
    if (json.take('}')) return;
    do read(json.fieldName());
    while (json.take(','));
    json.expect('}');
  }

  #time(text: string): bigint {
    return parseRfc3339(text) ?? this.#json.fail('malformed time');
  }

  #nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }
}

function isAction(text: string): text is V2Action {
  return ACTIONS.has(text);
}
