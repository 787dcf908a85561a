/**
 * Half-open intervals of keys and what is registered under each: a treap ordered by (start, end), whose nodes know the farthest end below
 * them. All intervals that hold a key are found in O(log n + found); adding and removing one costs O(log n) expected.
 *
 *            [c, f) farthest z           keys are strings of one char per byte, which compare as the bytes do;
 *            /             \             an end of `undefined` means: no end
 *    [a, d) d               [m, z) z
 *
 * The shape comes from a generator of its own with a fixed seed: the same on every run, and nothing that a client may choose.
 */

interface Node<T> {
  readonly start: string;
  readonly end: string | undefined;
  readonly value: T;
  readonly priority: number;
  farthest: string | undefined;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

export class IntervalTree<T> {
  #root: Node<T> | undefined;
  #size = 0;
  #state = 0x9e3779b9;

  get size(): number {
    return this.#size;
  }

  get(start: string, end: string | undefined): T | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(start, end, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** The interval must not be there. */
  add(start: string, end: string | undefined, value: T): void {
    const priority = this.#nextPriority();
    const [left, right] = split(this.#root, start, end);
    const node: Node<T> = { start, end, value, priority, farthest: end, left: undefined, right: undefined };
    this.#root = merge(merge(left, node), right);
    this.#size += 1;
  }

  /** The interval must be there. */
  remove(start: string, end: string | undefined): void {
    this.#root = without(this.#root, start, end);
    this.#size -= 1;
  }

  /** Visits what is registered for the intervals that hold `key`. */
  stab(key: string, visit: (value: T) => void): void {
    stab(this.#root, key, visit);
  }

  /** Xorshift. */
  #nextPriority(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state;
  }
}

function stab<T>(node: Node<T> | undefined, key: string, visit: (value: T) => void): void {
  let rest = node;
  while (rest !== undefined && isBeforeEnd(key, rest.farthest)) {
    stab(rest.left, key, visit);
    if (key < rest.start) return;
    if (isBeforeEnd(key, rest.end)) visit(rest.value);
    rest = rest.right;
  }
}

function isBeforeEnd(key: string, end: string | undefined): boolean {
  return end === undefined || key < end;
}

function compare<T>(start: string, end: string | undefined, node: Node<T>): number {
  if (start !== node.start) return start < node.start ? -1 : 1;
  if (end === node.end) return 0;
  return end !== undefined && isBeforeEnd(end, node.end) ? -1 : 1;
}

/** Nodes before the interval, and those behind it. */
function split<T>(
  node: Node<T> | undefined,
  start: string,
  end: string | undefined,
): [Node<T> | undefined, Node<T> | undefined] {
  if (node === undefined) return [undefined, undefined];
  if (compare(start, end, node) < 0) {
    const [left, right] = split(node.left, start, end);
    node.left = right;
    return [left, updated(node)];
  }
  const [left, right] = split(node.right, start, end);
  node.right = left;
  return [updated(node), right];
}

/** All of `left` comes before all of `right`. */
function merge<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return updated(left);
  }
  right.left = merge(left, right.left);
  return updated(right);
}

function without<T>(node: Node<T> | undefined, start: string, end: string | undefined): Node<T> | undefined {
  if (node === undefined) throw new Error('an interval to be removed is not in the tree');
  const order = compare(start, end, node);
  if (order === 0) return merge(node.left, node.right);
  if (order < 0) node.left = without(node.left, start, end);
  else node.right = without(node.right, start, end);
  return updated(node);
}

function updated<T>(node: Node<T>): Node<T> {
  let farthest = node.end;
  if (node.left !== undefined) farthest = later(farthest, node.left.farthest);
  if (node.right !== undefined) farthest = later(farthest, node.right.farthest);
  node.farthest = farthest;
  return node;
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a < b ? b : a;
}
