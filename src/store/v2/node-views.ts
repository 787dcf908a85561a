/** Nodes of the tree as clients see them. */

import { childPath, DirNode, type FileNode, isHiddenName, type TreeNode } from './tree-node.ts';
import { mapsOf } from './tree-state.ts';
import type { V2Node } from './types.ts';
import { compareUtf8 } from './utf8-order.ts';

const NS_PER_SECOND = 1_000_000_000n;

/** Whole seconds from now to the expiry, rounded up; 0 or negative once it is over. */
export function ttlSecondsLeft(expirationNs: bigint, nowNs: bigint): number {
  const left = expirationNs - nowNs;
  const seconds = left / NS_PER_SECOND;
  return Number(left % NS_PER_SECOND > 0n ? seconds + 1n : seconds);
}

export function viewFile(key: string, file: FileNode, nowNs: bigint): V2Node {
  const expirationNs = file.ttl?.expireTimeNs;
  return {
    key,
    value: file.value,
    dir: undefined,
    expirationNs,
    ttlSeconds: expirationNs === undefined ? undefined : ttlSecondsLeft(expirationNs, nowNs),
    nodes: undefined,
    modifiedIndex: file.modifiedIndex,
    createdIndex: file.createdIndex,
  };
}

/** A directory with the children given, as it is now. */
export function viewDir(key: string, dir: DirNode, nowNs: bigint, nodes: V2Node[] | undefined): V2Node {
  return viewDirExpiring(key, dir, dir.ttl?.expireTimeNs, nowNs, nodes);
}

/** A directory with the children and the expiry given. */
export function viewDirExpiring(
  key: string,
  dir: DirNode,
  expirationNs: bigint | undefined,
  nowNs: bigint,
  nodes: V2Node[] | undefined,
): V2Node {
  return {
    key,
    value: undefined,
    dir: true,
    expirationNs,
    ttlSeconds: expirationNs === undefined ? undefined : ttlSecondsLeft(expirationNs, nowNs),
    nodes,
    modifiedIndex: dir.modifiedIndex,
    createdIndex: dir.createdIndex,
  };
}

/** A node without children. */
export function viewNode(key: string, node: TreeNode, nowNs: bigint): V2Node {
  return node instanceof DirNode ? viewDir(key, node, nowNs, undefined) : viewFile(key, node, nowNs);
}

/** A directory with its visible children and, if `recursive`, everything visible below. Depth costs no stack. */
export function viewListing(dir: DirNode, recursive: boolean, sorted: boolean, nowNs: bigint): V2Node {
  const top: V2Node[] = [];
  const pending = [{ dir, nodes: top }];
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { nodes } = step;
    for (const map of mapsOf(step.dir)) {
      for (const [name, child] of map) {
        if (isHiddenName(name)) continue;
        const key = childPath(step.dir.path, name);
        if (!(child instanceof DirNode)) {
          nodes.push(viewFile(key, child, nowNs));
        } else if (recursive) {
          const below: V2Node[] = [];
          nodes.push(viewDir(key, child, nowNs, below));
          if (child.table !== undefined) pending.push({ dir: child, nodes: below });
        } else {
          nodes.push(viewDir(key, child, nowNs, undefined));
        }
      }
    }
    if (sorted) nodes.sort(byKey);
  }
  return viewDir(dir.path, dir, nowNs, top);
}

function byKey(a: V2Node, b: V2Node): number {
  return compareUtf8(a.key!, b.key!);
}
