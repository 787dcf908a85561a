/** Breadth-first search through all worlds within the bounds: the first violation found is one of the shortest there are. */
import { type Bounds, DEFAULT_BOUNDS } from './bounds.ts';
import { Histories } from './history.ts';
import { MemberStates } from './member-states.ts';
import { WorldKeys } from './symmetry.ts';
import { describeTrace } from './trace.ts';
import { WorldModel } from './world.ts';

export interface Limits {
  /** Steps from the start. */
  readonly depth: number;
  readonly states: number;
  /** Asked now and then; true ends the search. */
  readonly outOfTime: () => boolean;
  /** Called when all worlds of a depth are known. */
  readonly progress: (depth: number, states: number, frontier: number) => void;
}

export interface Exploration {
  /** Worlds, counted once for all their renamings. */
  readonly states: number;
  readonly steps: number;
  /** Everything up to this many steps was explored. */
  readonly depth: number;
  /** There is nothing within the bounds that was not explored. */
  readonly complete: boolean;
  readonly memberStates: number;
  readonly messages: number;
  readonly violation:
    | { readonly broken: string; readonly trace: string; readonly length: number }
    | undefined;
}

export function explore(bounds: Partial<Bounds>, limits: Limits): Exploration {
  const all: Bounds = { ...DEFAULT_BOUNDS, ...bounds };
  const states = new MemberStates(all);
  const model = new WorldModel(all, states, new Histories());
  // Configuration changes name members in bytes that a renaming does not see.
  const keys = new WorldKeys(model, all.changes === 0);
  const numbers = new Map<string, number>();
  const order: string[] = [];
  const parents: number[] = [];
  let steps = 0;
  let violation: Exploration['violation'];
  let stopped = false;

  const discover = (key: string, parent: number): void => {
    if (numbers.has(key)) return;
    numbers.set(key, order.length);
    order.push(key);
    parents.push(parent);
  };
  discover(keys.keyOf(model.initial()), -1);

  let depth = 0;
  let levelEnd = 1;
  let at = 0;
  for (; at < order.length && violation === undefined; at++) {
    if (at === levelEnd) {
      depth++;
      levelEnd = order.length;
      limits.progress(depth, at, levelEnd - at);
      if (depth >= limits.depth) break;
    }
    if (order.length >= limits.states || ((at & 0x3ff) === 0 && limits.outOfTime())) {
      stopped = true;
      break;
    }
    model.steps(keys.worldOf(order[at]!), (step) => {
      steps++;
      if (step.world === undefined) {
        const path: string[] = [];
        for (let i = at; i >= 0; i = parents[i]!) path.unshift(order[i]!);
        const broken = step.broken ?? '';
        violation = { broken, trace: describeTrace(model, keys, path), length: path.length };
        return false;
      }
      discover(keys.keyOf(step.world), at);
      return true;
    });
  }
  return {
    states: order.length,
    steps,
    depth,
    complete: violation === undefined && !stopped && at === order.length,
    memberStates: states.count,
    messages: states.messageCount,
    violation,
  };
}
