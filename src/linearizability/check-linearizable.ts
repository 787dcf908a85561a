/**
 * Is a history linearizable (Herlihy & Wing 1990)? Partition by key (a history is linearizable if and only if each of its objects'
 * is), then a search in each partition. Pure: no clock; the budget is counted in steps of the model.
 */

import type { Model, Operation } from './model.ts';
import { type SearchOutcome, searchLinearization } from './search.ts';

export interface CheckOptions {
  /** Steps of the model spent on one partition before its result is 'unknown'. */
  readonly budget?: number;
}

export interface CheckFigures {
  readonly operations: number;
  readonly partitions: number;
  readonly configurations: number;
  readonly steps: number;
}

/** The partition that is not, or not known to be, linearizable: what `renderHistory` draws. */
export interface FailedPartition<Input, Output> {
  readonly key: string;
  readonly operations: readonly Operation<Input, Output>[];
  /** The longest linearization of a beginning that was found: indexes into `operations`. */
  readonly longest: readonly number[];
  /** Index into `operations` of the answer that no linearization found explains. */
  readonly stuckAt: number;
}

export type CheckResult<Input, Output> =
  | { readonly result: 'ok'; readonly figures: CheckFigures }
  | {
      /** 'unknown': the budget ran out in this partition, and no other one is a violation. */
      readonly result: 'violation' | 'unknown';
      readonly figures: CheckFigures;
      readonly partition: FailedPartition<Input, Output>;
    };

/** Some ten seconds of work for a model of registers. */
const budgetDefault = 20_000_000;

/** @throws RangeError if an operation was answered before it was called. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  options: CheckOptions = {},
): CheckResult<Input, Output> {
  const partitions = partitionsOf(model, history);
  let configurations = 0;
  let steps = 0;
  let failed: { result: 'violation' | 'unknown'; partition: FailedPartition<Input, Output> } | undefined;
  for (const [key, operations] of partitions) {
    const outcome: SearchOutcome = searchLinearization(model, operations, options.budget ?? budgetDefault);
    configurations += outcome.configurations;
    steps += outcome.steps;
    if (outcome.result === 'ok' || outcome.stuckAt === undefined) continue;
    if (failed === undefined || outcome.result === 'violation') {
      const { result, longest, stuckAt } = outcome;
      failed = { result, partition: { key, operations, longest, stuckAt } };
    }
    if (outcome.result === 'violation') break;
  }
  const figures = { operations: history.length, partitions: partitions.size, configurations, steps };
  return failed === undefined ? { result: 'ok', figures } : { ...failed, figures };
}

function partitionsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Map<string, Operation<Input, Output>[]> {
  const partitions = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    if (operation.output !== undefined && !(operation.answeredAt >= operation.calledAt)) {
      throw new RangeError(
        `answered at ${operation.answeredAt}, before its call at ${operation.calledAt}: ` +
          model.describe(operation.input, operation.output),
      );
    }
    const key = model.partition(operation.input);
    const partition = partitions.get(key);
    if (partition === undefined) partitions.set(key, [operation]);
    else partition.push(operation);
  }
  return partitions;
}
