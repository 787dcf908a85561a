/**
 * A frozen store as etcd's own snapshot JSON, rendered in slices while writes go on.
 *
 *   {"Root": NODE,
 *    "WatcherHub": {"EventHistory": {"Queue": {"Events": [EVENT x 1000 or null], "Size", "Front", "Back", "Capacity": 1000},
 *                                    "StartIndex", "LastIndex"}},
 *    "CurrentIndex", "Stats": {...}, "CurrentVersion": 2}
 *   NODE  = {"Path", "CreatedIndex", "ModifiedIndex", "ExpireTime", "Value", "Children": null for a file | {name: NODE}}
 *   EVENT = as in the API, with "refresh": true on TTL refreshes
 *
 * Strings are as Go writes them, but for bytes that are no UTF-8: they stay, where etcd writes \ufffd and so forgets them. etcd reads
 * them as U+FFFD. Children stand in the table's order (Go sorts them; no reader cares). The ring of events is written with its oldest event in front.
 */

import { quoteGoKeepingBytes } from '../../wire/go-json.ts';
import { bytesOfText } from '../../wire/utf8.ts';
import { encodeNode } from './event-encoder.ts';
import { HISTORY_EVENTS_MAX } from './event-history.ts';
import { formatRfc3339, ZERO_TIME } from './rfc3339.ts';
import { encodeStoreStats } from './store-stats.ts';
import { DirNode, type TreeNode } from './tree-node.ts';
import type { TreeView, ViewCursor } from './tree-view.ts';
import type { V2Event, V2FrozenTree, V2StoreStats } from './types.ts';

const STORE_VERSION = 2;

interface OpenDir {
  readonly cursor: ViewCursor;
  /** The directory's path and a slash, escaped. */
  readonly prefix: string;
  isEmpty: boolean;
}

export class FrozenTree implements V2FrozenTree {
  readonly index: number;
  readonly #view: TreeView;
  readonly #root: DirNode;
  readonly #events: readonly V2Event[];
  readonly #stats: Readonly<V2StoreStats>;
  readonly #open: OpenDir[] = [];
  #forget: (() => void) | undefined;
  #state: 'start' | 'tree' | 'events' | 'end' = 'start';
  #eventsWritten = 0;
  #text = '';

  /** `forget` makes the store drop the view. */
  constructor(
    view: TreeView,
    root: DirNode,
    events: readonly V2Event[],
    stats: Readonly<V2StoreStats>,
    forget: () => void,
  ) {
    this.index = view.index;
    this.#view = view;
    this.#root = root;
    this.#events = events;
    this.#stats = stats;
    this.#forget = forget;
  }

  nextChunk(budgetBytes: number): Uint8Array | undefined {
    this.#text = '';
    while (this.#text.length < budgetBytes && this.#state !== 'end') {
      if (this.#state === 'tree') {
        if (!this.#stepTree()) break;
      } else if (this.#state === 'events') {
        this.#stepEvents();
      } else {
        this.#text += '{"Root":';
        this.#writeHead(this.#root, '/');
        this.#text += '{';
        this.#open.push({ cursor: this.#view.open(this.#root), prefix: '/', isEmpty: true });
        this.#state = 'tree';
      }
    }
    if (this.#text === '' && this.#state === 'end') return undefined;
    return bytesOfText(this.#text);
  }

  release(): void {
    this.#forget?.();
    this.#forget = undefined;
    this.#open.length = 0;
    this.#state = 'end';
  }

  /** Writes one node or closes one directory; false to make a pause. */
  #stepTree(): boolean {
    const top = this.#open.at(-1)!;
    const step = top.cursor.next();
    if (step === 'pause') return false;
    if (step === 'child') {
      const name = quoteGoKeepingBytes(top.cursor.name).slice(1, -1);
      this.#text += top.isEmpty ? `"${name}":` : `,"${name}":`;
      top.isEmpty = false;
      this.#writeNode(top.prefix + name, top.cursor.node!);
      return true;
    }
    this.#text += '}}';
    this.#open.pop();
    if (this.#open.length === 0) {
      this.#text += ',"WatcherHub":{"EventHistory":{"Queue":{"Events":[';
      this.#state = 'events';
    }
    return true;
  }

  #writeNode(path: string, node: TreeNode): void {
    this.#writeHead(node, path);
    if (node instanceof DirNode) {
      this.#text += '{';
      this.#open.push({ cursor: this.#view.open(node), prefix: `${path}/`, isEmpty: true });
    } else {
      this.#text += 'null}';
    }
  }

  /** All but the children. `path` is escaped. */
  #writeHead(node: TreeNode, path: string): void {
    const expirationNs = this.#view.expirationNs(node);
    const expireTime = expirationNs === undefined ? ZERO_TIME : formatRfc3339(expirationNs);
    const value = node instanceof DirNode ? '""' : quoteGoKeepingBytes(node.value);
    this.#text += `{"Path":"${path}","CreatedIndex":${node.createdIndex},"ModifiedIndex":${node.modifiedIndex},"ExpireTime":"${expireTime}","Value":${value},"Children":`;
  }

  #stepEvents(): void {
    const events = this.#events;
    if (this.#eventsWritten < events.length) {
      if (this.#eventsWritten > 0) this.#text += ',';
      this.#text += encodeHistoryEvent(events[this.#eventsWritten]!);
      this.#eventsWritten += 1;
      return;
    }
    const size = events.length;
    const empty = 'null,'.repeat(HISTORY_EVENTS_MAX - size).slice(0, -1);
    this.#text += `${size > 0 && empty !== '' ? ',' : ''}${empty}],"Size":${size},"Front":0,"Back":${size % HISTORY_EVENTS_MAX},"Capacity":${HISTORY_EVENTS_MAX}}`;
    const startIndex = events[0]?.node.modifiedIndex ?? 0;
    const lastIndex = events.at(-1)?.node.modifiedIndex ?? 0;
    this.#text += `,"StartIndex":${startIndex},"LastIndex":${lastIndex}}},"CurrentIndex":${this.index}`;
    this.#text += `,"Stats":${encodeStoreStats(this.#stats)},"CurrentVersion":${STORE_VERSION}}`;
    this.#forget?.();
    this.#forget = undefined;
    this.#state = 'end';
  }
}

function encodeHistoryEvent(event: V2Event): string {
  const prevNode =
    event.prevNode === undefined ? '' : `,"prevNode":${encodeNode(event.prevNode, 0, quoteGoKeepingBytes)}`;
  const refresh = event.refresh === true ? ',"refresh":true' : '';
  return `{"action":"${event.action}","node":${encodeNode(event.node, 0, quoteGoKeepingBytes)}${prevNode}${refresh}}`;
}
