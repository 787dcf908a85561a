/**
 * A second v2 store that is meant to be obviously right and nothing else: nested plain objects, everything recomputed by walking the whole
 * tree, no shared structure, no order kept, rules said once. Property tests compare the real one with it.
 */

import type {
  V2Action,
  V2Error,
  V2Event,
  V2Node,
  V2Outcome,
  V2StoreStats,
  V2Ttl,
  V2WatchOutcome,
} from '../../../src/store/v2/types.ts';
import type { StoreUnderTest } from './request.ts';

interface NaiveNode {
  value: string;
  children: Record<string, NaiveNode> | undefined;
  created: number;
  modified: number;
  expires: bigint | undefined;
}

interface NaiveWatch {
  readonly path: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  readonly since: number;
  readonly onEvent: (event: V2Event) => void;
}

const MESSAGES: Record<number, string> = {
  100: 'Key not found',
  101: 'Compare failed',
  102: 'Not a file',
  104: 'Not a directory',
  105: 'Key already exists',
  107: 'Root is read only',
  108: 'Directory not empty',
  401: 'The event in requested index is outdated and cleared',
};

export class NaiveStore implements StoreUnderTest {
  currentIndex = 0;
  readonly events: V2Event[] = [];
  readonly root: NaiveNode = node('', true, 0);
  #watches: NaiveWatch[] = [];
  #counts: Record<string, number> = {};

  constructor(namespaces: readonly string[]) {
    for (const path of namespaces) this.root.children![path.slice(1)] = node('', true, 0);
  }

  get stats(): V2StoreStats {
    return { ...(this.#counts as unknown as V2StoreStats), watchers: this.#watches.length };
  }

  get(path: string, recursive: boolean, _sorted: boolean, nowNs: bigint): V2Outcome {
    const found = this.#find(path);
    if ('error' in found) return this.#count('getsFail', found);
    const shown = show(path, found.node, nowNs, recursive ? Number.POSITIVE_INFINITY : 1);
    return this.#count('getsSuccess', {
      event: { action: 'get', node: shown, prevNode: undefined, etcdIndex: this.currentIndex },
    });
  }

  set(path: string, dir: boolean, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    const found = this.#find(path);
    const isMissing = 'error' in found && found.error.errorCode === 100;
    if ('error' in found && (!isMissing || ttl.refresh)) return this.#count('setsFail', found);
    if (isReadOnly(path)) return this.#count('setsFail', this.#error(107, '/'));
    const old = 'error' in found ? undefined : found.node;
    if (old?.children !== undefined) return this.#count('setsFail', this.#error(102, path));
    this.#count('setsSuccess', undefined);
    const prevNode = old === undefined ? undefined : show(path, old, nowNs, 0);
    this.#make(path, node(ttl.refresh ? old!.value : value, dir, this.currentIndex + 1), ttl.expireTimeNs);
    return this.#changed('set', path, show(path, this.#at(path)!, nowNs, 0), prevNode, ttl.refresh);
  }

  create(base: string, dir: boolean, value: string, unique: boolean, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    const path = unique ? `${base}/${`${10n ** 20n + BigInt(this.currentIndex + 1)}`.slice(1)}` : base;
    if (isReadOnly(path)) return this.#count('createFail', this.#error(107, '/'));
    const found = this.#find(path);
    if ('node' in found) return this.#count('createFail', this.#error(105, path));
    if (found.error.errorCode === 104) {
      this.#count('setsFail', undefined);
      return this.#count('createFail', found);
    }
    this.#count('createSuccess', undefined);
    this.#make(path, node(value, dir, this.currentIndex + 1), ttl.expireTimeNs);
    return this.#changed('create', path, show(path, this.#at(path)!, nowNs, 0), undefined, false);
  }

  update(path: string, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome {
    if (isReadOnly(path)) return this.#count('updateSuccess', this.#error(107, '/'));
    const found = this.#find(path);
    if ('error' in found) return this.#count('updateFail', found);
    const isDir = found.node.children !== undefined;
    if (isDir && value !== '') return this.#count('updateSuccess', this.#error(102, path));
    this.#count('updateSuccess', undefined);
    return this.#write('update', path, found.node, ttl.refresh ? found.node.value : value, ttl, nowNs);
  }

  compareAndSwap(
    path: string,
    prevValue: string,
    prevIndex: number,
    value: string,
    ttl: V2Ttl,
    nowNs: bigint,
  ): V2Outcome {
    if (isReadOnly(path)) return this.#count('compareAndSwapSuccess', this.#error(107, '/'));
    const found = this.#find(path);
    if ('error' in found) return this.#count('compareAndSwapFail', found);
    if (found.node.children !== undefined) return this.#count('compareAndSwapFail', this.#error(102, path));
    const cause = difference(found.node, prevValue, prevIndex);
    if (cause !== '') return this.#count('compareAndSwapFail', this.#error(101, cause));
    this.#count('compareAndSwapSuccess', undefined);
    const newValue = ttl.refresh ? found.node.value : value;
    return this.#write('compareAndSwap', path, found.node, newValue, ttl, nowNs);
  }

  compareAndDelete(path: string, prevValue: string, prevIndex: number, nowNs: bigint): V2Outcome {
    const found = this.#find(path);
    if ('error' in found) return this.#count('compareAndDeleteFail', found);
    this.#count('compareAndDeleteSuccess', undefined);
    if (found.node.children !== undefined) return this.#error(102, path);
    const cause = difference(found.node, prevValue, prevIndex);
    if (cause !== '') return this.#error(101, cause);
    return this.#remove('compareAndDelete', path, nowNs);
  }

  delete(path: string, dir: boolean, recursive: boolean, nowNs: bigint): V2Outcome {
    if (isReadOnly(path)) return this.#count('deleteSuccess', this.#error(107, '/'));
    const found = this.#find(path);
    if ('error' in found) return this.#count('deleteFail', found);
    const { children } = found.node;
    if (children !== undefined && !dir && !recursive) {
      return this.#count('deleteFail', this.#error(102, path));
    }
    if (children !== undefined && Object.keys(children).length > 0 && !recursive) {
      return this.#count('deleteFail', this.#error(108, path));
    }
    this.#count('deleteSuccess', undefined);
    return this.#remove('delete', path, nowNs);
  }

  deleteExpired(untilNs: bigint): void {
    for (;;) {
      const due = everyPath(this.root, '')
        .map((path) => ({ path, expires: this.#at(path)!.expires }))
        .filter(({ expires }) => expires !== undefined && expires <= untilNs)
        .sort((a, b) => {
          if (a.expires !== b.expires) return a.expires! < b.expires! ? -1 : 1;
          return a.path < b.path ? -1 : 1;
        });
      if (due[0] === undefined) return;
      this.#count('expireCount', undefined);
      this.#remove('expire', due[0].path, untilNs);
    }
  }

  hasTtlNodes(): boolean {
    return everyPath(this.root, '').some((path) => this.#at(path)!.expires !== undefined);
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
    const kept = this.events.slice(-1000);
    const oldest = kept[0]?.node.modifiedIndex ?? 0;
    if (since < oldest) {
      return this.#error(401, `the requested history has been cleared [${oldest}/${since}]`);
    }
    const past = kept.find((event) => {
      if (event.node.modifiedIndex < since || event.refresh === true) return false;
      const key = event.node.key!;
      const isDirRemoval = ['delete', 'expire'].includes(event.action) && event.prevNode?.dir === true;
      return (
        key === path ||
        (recursive && key.startsWith(path === '/' ? '/' : `${path}/`)) ||
        (isDirRemoval && path.startsWith(key))
      );
    });
    const watch: NaiveWatch = { path, recursive, stream, since, onEvent };
    if (past !== undefined) {
      const { action, node: shown, prevNode } = past;
      onEvent({ action, node: shown, prevNode, etcdIndex: startIndex });
    } else {
      this.#watches.push(watch);
    }
    const remove = (): void => {
      this.#watches = this.#watches.filter((other) => other !== watch);
    };
    return { watcher: { startIndex, remove } };
  }

  #at(path: string): NaiveNode | undefined {
    let at: NaiveNode | undefined = this.root;
    for (const part of path.split('/').filter((name) => name !== '')) at = at?.children?.[part];
    return at;
  }

  #find(path: string): { node: NaiveNode } | { error: V2Error } {
    let at = this.root;
    let walked = '';
    for (const part of path.split('/').filter((name) => name !== '')) {
      if (at.children === undefined) return this.#error(104, walked);
      walked += `/${part}`;
      const next: NaiveNode | undefined = at.children[part];
      if (next === undefined) return this.#error(100, walked);
      at = next;
    }
    return { node: at };
  }

  #make(path: string, made: NaiveNode, expires: bigint | undefined): void {
    const parts = path.split('/').filter((name) => name !== '');
    let at = this.root;
    for (const part of parts.slice(0, -1)) {
      at.children![part] ??= node('', true, this.currentIndex + 1);
      at = at.children![part]!;
    }
    made.expires = expires;
    at.children![parts.at(-1)!] = made;
  }

  #write(
    action: V2Action,
    path: string,
    found: NaiveNode,
    value: string,
    ttl: V2Ttl,
    nowNs: bigint,
  ): V2Outcome {
    const prevNode = show(path, found, nowNs, 0);
    found.expires = ttl.expireTimeNs;
    if (found.children === undefined) {
      found.value = value;
      found.modified = this.currentIndex + 1;
    }
    const shown = { ...show(path, found, nowNs, 0), modifiedIndex: this.currentIndex + 1 };
    return this.#changed(action, path, shown, prevNode, ttl.refresh);
  }

  #remove(action: V2Action, path: string, nowNs: bigint): V2Outcome {
    const removed = this.#at(path)!;
    const gone = [...everyPath(removed, path), path];
    const parent = this.#at(path.slice(0, path.lastIndexOf('/')))!;
    delete parent.children![path.slice(path.lastIndexOf('/') + 1)];
    const prevNode = show(path, removed, nowNs, 0);
    const shown: V2Node = {
      key: path,
      value: undefined,
      dir: prevNode.dir,
      expirationNs: undefined,
      ttlSeconds: undefined,
      nodes: undefined,
      modifiedIndex: this.currentIndex + 1,
      createdIndex: removed.created,
    };
    return this.#changed(action, path, shown, prevNode, false, gone);
  }

  #changed(
    action: V2Action,
    path: string,
    shown: V2Node,
    prevNode: V2Node | undefined,
    refresh: boolean,
    gone: readonly string[] = [],
  ): V2Outcome {
    this.currentIndex += 1;
    const event: V2Event = {
      action,
      node: shown,
      prevNode,
      etcdIndex: this.currentIndex,
      ...(refresh ? { refresh } : {}),
    };
    this.events.push(event);
    if (refresh) return { event };
    for (const watch of [...this.#watches]) {
      let times = 0;
      if (gone.includes(watch.path)) times += 1;
      const isExact = watch.path === path;
      const isAbove = watch.path === '/' || path.startsWith(`${watch.path}/`);
      const rest = watch.path === '/' ? path : path.slice(watch.path.length);
      if (isExact || (watch.recursive && isAbove && !rest.includes('/_'))) times += 1;
      if (event.node.modifiedIndex < watch.since || times === 0) continue;
      if (!watch.stream) {
        this.#watches = this.#watches.filter((other) => other !== watch);
        times = 1;
      }
      for (let time = 0; time < times; time += 1) watch.onEvent(event);
    }
    return { event };
  }

  #error(errorCode: number, cause: string) {
    return { error: { errorCode, message: MESSAGES[errorCode]!, cause, index: this.currentIndex } };
  }

  #count<T>(counter: keyof V2StoreStats, outcome: T): T {
    this.#counts[counter] = (this.#counts[counter] ?? 0) + 1;
    return outcome;
  }
}

function node(value: string, dir: boolean, index: number): NaiveNode {
  return {
    value: dir ? '' : value,
    children: dir ? Object.create(null) : undefined,
    created: index,
    modified: index,
    expires: undefined,
  };
}

function isReadOnly(path: string): boolean {
  return ['/', '/0', '/1'].includes(path);
}

function difference(found: NaiveNode, prevValue: string, prevIndex: number): string {
  const causes: string[] = [];
  if (prevValue !== '' && prevValue !== found.value) causes.push(`[${prevValue} != ${found.value}]`);
  if (prevIndex !== 0 && prevIndex !== found.modified) causes.push(`[${prevIndex} != ${found.modified}]`);
  return causes.join(' ');
}

/** Paths of everything below. */
function everyPath(top: NaiveNode, path: string): string[] {
  return Object.entries(top.children ?? {}).flatMap(([name, child]) => [
    ...everyPath(child, `${path}/${name}`),
    `${path}/${name}`,
  ]);
}

function show(path: string, found: NaiveNode, nowNs: bigint, levels: number): V2Node {
  const names = Object.keys(found.children ?? {}).filter((name) => !name.startsWith('_'));
  names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const isDir = found.children !== undefined;
  const { expires } = found;
  return {
    key: path,
    value: isDir ? undefined : found.value,
    dir: isDir ? true : undefined,
    expirationNs: expires,
    ttlSeconds: expires === undefined ? undefined : Math.ceil(Number(expires - nowNs) / 1e9),
    nodes:
      isDir && levels > 0
        ? names.map((name) =>
            show(`${path === '/' ? '' : path}/${name}`, found.children![name]!, nowNs, levels - 1),
          )
        : undefined,
    modifiedIndex: found.modified,
    createdIndex: found.created,
  };
}
