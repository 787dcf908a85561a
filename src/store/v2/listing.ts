/**
 * Answers to GET of a directory in pieces: the text of encodeEvent for what `get` would have said at the moment of opening, made while
 * writes go on. Neither reading nor sorting a directory of a million keys holds the event loop. Uses a view of the tree (tree-view.ts).
 */

import { encodeClosing, encodeNode, encodeOpening } from './event-encoder.ts';
import { viewDirExpiring, viewFile } from './node-views.ts';
import { type NamedNode, SortedChildren } from './sorted-children.ts';
import { childPath, DirNode, isHiddenName } from './tree-node.ts';
import { TreeView, type ViewCursor } from './tree-view.ts';
import type { V2Error, V2Event, V2Node, V2Store } from './types.ts';
import { TreeStore } from './v2-store.ts';

export interface V2Listing {
  /** The store's index at the moment of opening: the X-Etcd-Index header. */
  readonly etcdIndex: number;
  /** The next piece, about `budgetUnits` UTF-16 units long and perhaps empty; undefined after the last. */
  next(budgetUnits: number): string | undefined;
  /** To be called if the pieces are not taken to the end. Idempotent. */
  release(): void;
}

/** A file comes as the event at once. */
export type V2ListingOutcome =
  | { readonly listing: V2Listing; readonly event?: undefined; readonly error?: undefined }
  | { readonly event: V2Event; readonly listing?: undefined; readonly error?: undefined }
  | { readonly error: V2Error; readonly listing?: undefined; readonly event?: undefined };

/**
 * As `store.get`, counters included, but a directory is listed in pieces. `stripPrefixLength` as for encodeEvent.
 * Throws TypeError for a store that createV2Store did not make.
 */
export function openListing(
  store: V2Store,
  path: string,
  recursive: boolean,
  sorted: boolean,
  stripPrefixLength: number,
  nowNs: bigint,
): V2ListingOutcome {
  if (!(store instanceof TreeStore)) throw new TypeError('not a store made by createV2Store');
  const found = store.getUnlisted(path, nowNs);
  if (!(found instanceof DirNode)) return found;
  const { state } = store;
  const view = new TreeView(state.currentIndex);
  const forget = state.addView(view);
  return {
    listing: new DirListing(view, found, { recursive, sorted, stripPrefixLength, nowNs }, forget),
  };
}

interface ListingOptions {
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly stripPrefixLength: number;
  readonly nowNs: bigint;
}

interface OpenDir {
  readonly dir: DirNode;
  readonly node: V2Node;
  readonly children: ViewCursor | SortedChildren;
  isEmpty: boolean;
}

class DirListing implements V2Listing {
  readonly etcdIndex: number;
  readonly #view: TreeView;
  readonly #options: ListingOptions;
  readonly #open: OpenDir[] = [];
  readonly #forget: () => void;
  #state: 'start' | 'list' | 'end' = 'start';
  #text = '';

  constructor(view: TreeView, dir: DirNode, options: ListingOptions, forget: () => void) {
    this.etcdIndex = view.index;
    this.#view = view;
    this.#options = options;
    this.#forget = forget;
    this.#enter(dir);
  }

  next(budgetUnits: number): string | undefined {
    if (this.#state === 'end') return undefined;
    this.#text = '';
    if (this.#state === 'start') {
      this.#text = '{"action":"get","node":';
      this.#state = 'list';
    }
    while (this.#text.length < budgetUnits) {
      const top = this.#open.at(-1);
      if (top === undefined) {
        this.#text += '}\n';
        this.release();
        break;
      }
      const step = top.children.next();
      if (step === 'pause') break;
      if (step === 'end') this.#leave(top);
      else if (!isHiddenName(top.children.name)) this.#list(top, top.children as NamedNode);
    }
    return this.#text;
  }

  release(): void {
    this.#state = 'end';
    this.#open.length = 0;
    this.#forget();
  }

  #enter(dir: DirNode): void {
    const cursor = this.#view.open(dir);
    this.#open.push({
      dir,
      node: viewDirExpiring(dir.path, dir, this.#view.expirationNs(dir), this.#options.nowNs, undefined),
      children: this.#options.sorted ? new SortedChildren(cursor) : cursor,
      isEmpty: true,
    });
  }

  #list(parent: OpenDir, { name, node }: NamedNode): void {
    const { recursive, stripPrefixLength, nowNs } = this.#options;
    this.#text += parent.isEmpty ? encodeOpening(parent.node, stripPrefixLength) : ',';
    parent.isEmpty = false;
    if (node instanceof DirNode && recursive) {
      this.#enter(node);
      return;
    }
    const key = childPath(parent.dir.path, name);
    const shown =
      node instanceof DirNode
        ? viewDirExpiring(key, node, this.#view.expirationNs(node), nowNs, undefined)
        : viewFile(key, node, nowNs);
    this.#text += encodeNode(shown, stripPrefixLength);
  }

  #leave(dir: OpenDir): void {
    this.#text += dir.isEmpty
      ? encodeNode(dir.node, this.#options.stripPrefixLength)
      : encodeClosing(dir.node);
    this.#open.pop();
  }
}
