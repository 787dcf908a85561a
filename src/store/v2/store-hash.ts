/**
 * A digest of a store's replicated state, to compare members: equal for equal trees (values, indexes, expiry times), store index and event
 * history, however the member came to it. Left out is what may differ between members: counters, watchers, the seconds
 * of TTL that an event showed, and the order in which directories hold their children.
 *
 * 64 bits as two 32-bit lanes of a multiplicative hash; the children of a directory are added up. No cryptographic strength.
 */

import { formatRfc3339 } from './rfc3339.ts';
import { DirNode, type TreeNode } from './tree-node.ts';
import { mapsOf } from './tree-state.ts';
import type { V2Node, V2Store } from './types.ts';
import { TreeStore } from './v2-store.ts';

/** 16 hexadecimal digits. Takes time in proportion to the tree. Throws TypeError for a store of another make. */
export function hashV2Store(store: V2Store): string {
  if (!(store instanceof TreeStore)) throw new TypeError('not a store made by createV2Store');
  const { root, currentIndex } = store.state;
  let sumA = 0;
  let sumB = 0;
  const lanes = new Lanes();
  const add = (path: string, node: TreeNode): void => {
    lanes.reset();
    lanes.addText(path);
    lanes.addText(node instanceof DirNode ? 'dir' : `file ${node.value}`);
    lanes.addNumber(node.modifiedIndex);
    lanes.addNumber(node.createdIndex);
    if (node.ttl !== undefined) lanes.addText(formatRfc3339(node.ttl.expireTimeNs));
    sumA = (sumA + lanes.mixedA()) | 0;
    sumB = (sumB + lanes.mixedB()) | 0;
  };
  const pending = [root];
  add('/', root);
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const prefix = dir === root ? '/' : `${dir.path}/`;
    for (const map of mapsOf(dir)) {
      for (const [name, child] of map) {
        add(prefix + name, child);
        if (child instanceof DirNode) pending.push(child);
      }
    }
  }
  lanes.reset();
  lanes.addNumber(currentIndex);
  for (const event of store.history.toArray()) {
    lanes.addText(event.refresh === true ? `refresh ${event.action}` : event.action);
    addEventNode(lanes, event.node);
    if (event.prevNode !== undefined) addEventNode(lanes, event.prevNode);
  }
  return hex((sumA + lanes.mixedA()) | 0) + hex((sumB + lanes.mixedB()) | 0);
}

function addEventNode(lanes: Lanes, node: V2Node): void {
  lanes.addText(node.key ?? '');
  lanes.addText(node.dir === true ? 'dir' : `file ${node.value}`);
  lanes.addNumber(node.modifiedIndex);
  lanes.addNumber(node.createdIndex);
  if (node.expirationNs !== undefined) lanes.addText(formatRfc3339(node.expirationNs));
}

class Lanes {
  #a = 0;
  #b = 0;

  reset(): void {
    this.#a = 0x811c9dc5 | 0;
    this.#b = 0x9e3779b9 | 0;
  }

  addText(text: string): void {
    this.addNumber(text.length);
    for (let at = 0; at < text.length; at += 1) this.#add(text.charCodeAt(at));
  }

  /** A safe integer that is not negative. */
  addNumber(value: number): void {
    this.#add(value | 0);
    this.#add((value / 0x1_0000_0000) | 0);
  }

  mixedA(): number {
    return avalanche(this.#a);
  }

  mixedB(): number {
    return avalanche(this.#b ^ (this.#a >>> 5));
  }

  #add(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul((this.#b ^ word) + 0x7f4a7c15, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }
}

function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
