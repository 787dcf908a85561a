/**
 * What must hold of a round's history, once the cluster has come to rest. Each check returns what it found wrong, in sentences.
 */

import { type CheckResult, checkLinearizable } from '../../src/linearizability/check-linearizable.ts';
import {
  type V2RegisterInput,
  type V2RegisterOutput,
  v2Register,
} from '../../src/linearizability/v2-register.ts';
import type { ChangeLog } from './change-log.ts';
import type { History, RecordedOperation } from './history.ts';

/** Leaves of the tree as one member prints it: key to value and modifiedIndex. */
export type Leaves = ReadonlyMap<string, { readonly value: string; readonly index: number }>;

export interface HistoryVerdict {
  readonly faults: readonly string[];
  readonly linearizability: CheckResult<V2RegisterInput, V2RegisterOutput>;
}

const faultsKept = 20;

export function checkHistory(history: History, log: ChangeLog, leaves: Leaves): HistoryVerdict {
  const linearizability = checkLinearizable(v2Register, history.operations);
  const faults = [
    ...history.faults,
    ...log.faults,
    ...laterSeesEarlier(history.operations),
    ...acknowledgedWritesAreInTheLog(history.operations, log),
    ...changesWereAskedFor(history.operations, log),
    ...readsFitTheLog([...history.operations, ...history.staleReads], log),
    ...treeIsWhatTheLogSays(log, leaves),
  ];
  if (linearizability.result === 'violation')
    faults.unshift(`not linearizable: ${linearizability.partition.key}`);
  if (linearizability.result === 'unknown')
    faults.unshift(
      `the linearizability of ${linearizability.partition.key} was not decided within the budget`,
    );
  return { faults: faults.slice(0, faultsKept), linearizability };
}

function textOf(operation: RecordedOperation): string {
  const { client, member, calledAt, answeredAt } = operation;
  const said = v2Register.describe(operation.input, operation.output);
  return `client ${client} at ${member} [${calledAt.toFixed(1)}, ${answeredAt.toFixed(1)}] ${operation.input.key} ${said}`;
}

/** Over all keys at once: what is asked after a write was acknowledged is answered at that write's index or later, a write after it. */
function* laterSeesEarlier(operations: readonly RecordedOperation[]): Generator<string> {
  const answered = operations.filter(({ output }) => output !== undefined);
  const byCall = answered.toSorted((a, b) => a.calledAt - b.calledAt);
  const byAnswer = answered.toSorted((a, b) => a.answeredAt - b.answeredAt);
  let latest: { readonly index: number; readonly operation: RecordedOperation } | undefined;
  let next = 0;
  for (const operation of byCall) {
    for (; next < byAnswer.length && byAnswer[next]!.answeredAt < operation.calledAt; next++) {
      const { output } = byAnswer[next]!;
      if (output?.result !== 'done' || output.index === undefined) continue;
      if (latest === undefined || output.index > latest.index)
        latest = { index: output.index, operation: byAnswer[next]! };
    }
    if (latest === undefined) continue;
    const { output, etcdIndex } = operation;
    const isEarlier =
      output?.result === 'done' ? (output.index ?? 0) <= latest.index : etcdIndex < latest.index;
    if (isEarlier)
      yield `answered at index ${etcdIndex}: ${textOf(operation)}, after ${textOf(latest.operation)}`;
  }
}

function* acknowledgedWritesAreInTheLog(
  operations: readonly RecordedOperation[],
  log: ChangeLog,
): Generator<string> {
  for (const operation of operations) {
    const { input, output } = operation;
    if (output?.result !== 'done' || output.index === undefined) continue;
    const change = log.at(output.index);
    const value = 'value' in input ? input.value : undefined;
    if (change === undefined) {
      if (log.isComplete) yield `acknowledged and lost: ${textOf(operation)}`;
    } else if (change.key !== input.key || change.value !== value) {
      yield `acknowledged ${textOf(operation)}, but @${output.index} is ${change.action} ${change.key} ${change.value}`;
    }
  }
}

/** Nothing happens that nobody asked for, and nothing twice. */
function* changesWereAskedFor(operations: readonly RecordedOperation[], log: ChangeLog): Generator<string> {
  const writers = new Map<string, RecordedOperation>();
  for (const operation of operations) {
    if ('value' in operation.input) writers.set(operation.input.value, operation);
  }
  const used = new Map<string, number>();
  for (const { value, key, index } of log.changes) {
    if (value === undefined) continue;
    const writer = writers.get(value);
    if (writer === undefined || writer.input.key !== key)
      yield `@${index} ${key} = ${value}: nobody wrote that`;
    const before = used.get(value);
    if (before !== undefined) yield `${key} = ${value} was written at ${before} and again at ${index}`;
    used.set(value, index);
    if (writer?.output !== undefined && writer.output.result !== 'done')
      yield `@${index}: refused, but done: ${textOf(writer)}`;
  }
}

/** Any read, stale ones too, shows what its key was at the index it tells. */
function* readsFitTheLog(operations: readonly RecordedOperation[], log: ChangeLog): Generator<string> {
  if (!log.isComplete) return;
  for (const operation of operations) {
    const { input, output, etcdIndex } = operation;
    if (input.kind !== 'get' || output === undefined || etcdIndex > log.lastIndex) continue;
    const change = log.latest(input.key, etcdIndex);
    const isRight =
      output.result === 'found'
        ? change?.value === output.value && change.index === output.index
        : change?.value === undefined;
    if (!isRight)
      yield `at index ${etcdIndex} the key was ${JSON.stringify(change?.value)} @${change?.index}: ${textOf(operation)}`;
  }
}

function* treeIsWhatTheLogSays(log: ChangeLog, leaves: Leaves): Generator<string> {
  if (!log.isComplete) return;
  for (const key of log.keys()) {
    const change = log.latest(key, Number.POSITIVE_INFINITY)!;
    const leaf = leaves.get(key);
    if (change.value !== leaf?.value || (leaf !== undefined && change.index !== leaf.index))
      yield `${key} holds ${leaf?.value} @${leaf?.index}, but its last change is ${change.action} ${change.value} @${change.index}`;
  }
  for (const [key, { value }] of leaves) {
    if (log.latest(key, Number.POSITIVE_INFINITY) === undefined)
      yield `${key} holds ${value} that no watch told of`;
  }
}
