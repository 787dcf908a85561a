/** Breadth-first search through all worlds within the bounds: the first violation found is one of the shortest there are. */
import { type Bounds, DEFAULT_BOUNDS } from './bounds.ts';
import { Histories } from './history.ts';
import { MemberStates } from './member-states.ts';
import { CanonicalWorlds } from './symmetry.ts';
import { describeTrace } from './trace.ts';
import { WorldModel } from './world.ts';
import { WorldStore } from './world-store.ts';

export interface Limits {
  /** Finds the rich worlds early that cover the poor ones: fewer are looked at, but no depth is complete before all is. */
  readonly deepFirst: boolean;
  /** Steps from the start. */
  readonly depth: number;
  readonly states: number;
  /** Asked now and then; true ends the search. */
  readonly outOfTime: () => boolean;
  /** Called when all worlds of a depth are known. */
  readonly progress: (depth: number, states: number, frontier: number) => void;
}

export interface Exploration {
  /** Worlds found, counted once for all their renamings; without those that one found before covers. */
  readonly states: number;
  /** Of these, those that one found later covers: they were not looked at. */
  readonly covered: number;
  /** Worlds that differ in more than the messages under way. */
  readonly heads: number;
  readonly steps: number;
  /** Everything up to this many steps was explored. */
  readonly depth: number;
  /** There is nothing within the bounds that was not explored. */
  readonly complete: boolean;
  readonly memberStates: number;
  readonly messages: number;
  readonly violation:
    | {
        readonly broken: string;
        readonly trace: string;
        readonly length: number;
      }
    | undefined;
}

export function explore(bounds: Partial<Bounds>, limits: Limits): Exploration {
  const all: Bounds = { ...DEFAULT_BOUNDS, ...bounds };
  const states = new MemberStates(all);
  const model = new WorldModel(all, states, new Histories());
  // Configuration changes name members in bytes that a renaming does not see.
  const canonical = new CanonicalWorlds(model, all.changes === 0);
  const store = new WorldStore(canonical.width, {
    deepFirst: limits.deepFirst,
    covering: !all.unreduced,
  });
  let steps = 0;
  let violation: Exploration['violation'];
  let stopped = false;

  canonical.find(model.initial());
  store.add(canonical.head, canonical.messages, -1, 0);

  let depth = 0;
  let taken = 0;
  while (violation === undefined) {
    const at = store.take();
    if (at === undefined) break;
    const here = store.depthOf(at);
    if (limits.deepFirst) {
      if ((taken & 0xffff) === 0) limits.progress(here, store.count, store.waiting + 1);
    } else if (here > depth) {
      depth = here;
      limits.progress(depth, store.count, store.waiting + 1);
      if (depth >= limits.depth) {
        stopped = true;
        break;
      }
    }
    if (store.count >= limits.states || ((taken++ & 0x3ff) === 0 && limits.outOfTime())) {
      stopped = true;
      break;
    }
    const world = canonical.worldOf((word) => store.headOf(at, word), store.messagesOf(at));
    model.steps(world, (step) => {
      steps++;
      if (step.world === undefined) {
        const path: string[] = [];
        for (let i = at; i >= 0; i = store.parentOf(i)) {
          const passed = canonical.worldOf((word) => store.headOf(i, word), store.messagesOf(i));
          path.unshift(canonical.textOf(passed));
        }
        const broken = step.broken ?? '';
        violation = {
          broken,
          trace: describeTrace(model, canonical, path),
          length: path.length,
        };
        return false;
      }
      canonical.find(step.world);
      store.add(canonical.head, canonical.messages, at, here + 1);
      return true;
    });
  }
  return {
    states: store.count,
    covered: store.covered,
    heads: store.heads,
    steps,
    depth,
    complete: violation === undefined && !stopped,
    memberStates: states.count,
    messages: states.messageCount,
    violation,
  };
}
