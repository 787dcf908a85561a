/**
 * A directory's children in the order of their names, without ever sorting all of them at once: runs of a thousand are sorted as they are
 * gathered, and merged through a heap of runs as they are taken.
 */

import type { TreeNode } from './tree-node.ts';
import type { ViewCursor } from './tree-view.ts';
import { compareUtf8 } from './utf8-order.ts';

export interface NamedNode {
  readonly name: string;
  readonly node: TreeNode;
}

interface Run {
  readonly children: readonly NamedNode[];
  /** The next to be taken. */
  at: number;
}

const RUN_CHILDREN_MAX = 1024;

export class SortedChildren {
  readonly #cursor: ViewCursor;
  /** Once gathered: a heap, the run with the smallest next name on top. */
  readonly #runs: Run[] = [];
  #gathering: NamedNode[] = [];
  #isGathered = false;
  /** The child that `next` moved to. */
  name = '';
  node: TreeNode | undefined = undefined;

  constructor(cursor: ViewCursor) {
    this.#cursor = cursor;
  }

  /** Moves to the next child; 'pause' after a spell of gathering. */
  next(): 'child' | 'pause' | 'end' {
    if (!this.#isGathered && !this.#gather()) return 'pause';
    const top = this.#runs[0];
    if (top === undefined) {
      this.node = undefined;
      return 'end';
    }
    const child = top.children[top.at]!;
    this.name = child.name;
    this.node = child.node;
    top.at += 1;
    if (top.at === top.children.length) {
      const last = this.#runs.pop()!;
      if (last !== top) this.#runs[0] = last;
    }
    this.#down(0);
    return 'child';
  }

  /** Takes up one run; true once all are there. */
  #gather(): boolean {
    while (this.#gathering.length < RUN_CHILDREN_MAX) {
      const step = this.#cursor.next();
      if (step === 'pause') return false;
      if (step === 'end') {
        this.#closeRun();
        for (let place = (this.#runs.length >> 1) - 1; place >= 0; place -= 1) this.#down(place);
        this.#isGathered = true;
        return true;
      }
      this.#gathering.push({ name: this.#cursor.name, node: this.#cursor.node! });
    }
    this.#closeRun();
    return false;
  }

  #closeRun(): void {
    if (this.#gathering.length === 0) return;
    this.#runs.push({ children: this.#gathering.sort((a, b) => compareUtf8(a.name, b.name)), at: 0 });
    this.#gathering = [];
  }

  #down(from: number): void {
    const runs = this.#runs;
    let place = from;
    const run = runs[place];
    if (run === undefined) return;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= runs.length) break;
      if (below + 1 < runs.length && isBefore(runs[below + 1]!, runs[below]!)) below += 1;
      if (!isBefore(runs[below]!, run)) break;
      runs[place] = runs[below]!;
      place = below;
    }
    runs[place] = run;
  }
}

function isBefore(a: Run, b: Run): boolean {
  return compareUtf8(a.children[a.at]!.name, b.children[b.at]!.name) < 0;
}
