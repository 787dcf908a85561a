/** What an operation on keys must give and do, by the history alone: the rules of puts, ranges, deletions and transactions once more, and plainly. */
import type {
  V3Compare,
  V3Event,
  V3KvOperation,
  V3Row,
  V3Span,
  V3Step,
  V3StepResult,
} from '../../v3-observation.ts';
import { isWithin, type V3History } from './v3-history.ts';

export interface Foreseen {
  readonly succeeded: boolean;
  readonly results: readonly V3StepResult[];
  /** In the order in which they are made; all of the revision behind the one it was foreseen at. */
  readonly effects: readonly V3Event[];
}

/** `revision`: of the state the operation finds. */
export function foresee(operation: V3KvOperation, history: V3History, revision: number): Foreseen {
  const state = new State(history, revision);
  let succeeded = true;
  let steps: readonly V3Step[];
  if (operation.kind === 'txn') {
    succeeded = operation.compares.every((compare) => holds(compare, state.row(compare.key)));
    steps = succeeded ? operation.success : operation.failure;
  } else steps = [operation];
  const results = steps.map((step) => state.take(step));
  return { succeeded, results, effects: state.effects };
}

/** The history at a revision, and above it what this operation has changed so far. */
class State {
  readonly effects: V3Event[] = [];
  readonly #history: V3History;
  readonly #revision: number;
  readonly #changed = new Map<string, V3Row | undefined>();

  constructor(history: V3History, revision: number) {
    this.#history = history;
    this.#revision = revision;
  }

  row(key: string): V3Row | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#history.rowAt(key, this.#revision);
  }

  take(step: V3Step): V3StepResult {
    const mod = this.#revision + 1;
    switch (step.kind) {
      case 'put': {
        const { key, value, lease } = step;
        const previous = this.row(key);
        const create = previous?.create ?? mod;
        this.#change({
          key,
          mod,
          row: { key, value, create, mod, version: (previous?.version ?? 0) + 1, lease },
        });
        return { kind: 'put', previous };
      }
      case 'delete': {
        const previous = this.#rows(step);
        for (const { key } of previous) this.#change({ key, mod, row: undefined });
        return { kind: 'delete', previous };
      }
      case 'range': {
        const { revision, limit } = step;
        const rows =
          revision > 0 && revision <= this.#revision
            ? this.#history.rowsAt(step, revision)
            : this.#rows(step);
        const more = limit > 0 && rows.length > limit;
        return { kind: 'range', rows: more ? rows.slice(0, limit) : rows, count: rows.length, more };
      }
    }
  }

  #change(event: V3Event): void {
    this.effects.push(event);
    this.#changed.set(event.key, event.row);
  }

  #rows(span: V3Span): V3Row[] {
    const rows = new Map(this.#history.rowsAt(span, this.#revision).map((row) => [row.key, row]));
    for (const [key, row] of this.#changed) {
      if (!isWithin(key, span)) continue;
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
    return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

/** A value of a key that is not there compares with nothing. */
function holds({ target, result, operand }: V3Compare, row: V3Row | undefined): boolean {
  if (target === 'value' && row === undefined) return false;
  const found = row === undefined ? 0 : row[target];
  switch (result) {
    case '=':
      return found === operand;
    case '!=':
      return found !== operand;
    case '<':
      return found < operand;
    case '>':
      return found > operand;
  }
}
