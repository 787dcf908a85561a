/**
 * Where everything goes in the picture of a partition that is not linearizable. Time is drawn by rank (each call and answer one step to
 * the right), so that order, which is all that matters, can be seen whatever the gaps; the true times stand in the tooltips.
 *
 * Invariant: of a long history only what is near the operation in question is kept, and how much was left out is told.
 */

import type { FailedPartition } from './check-linearizable.ts';
import type { Operation } from './model.ts';

export interface PictureBar {
  /** Index into the partition's operations. */
  readonly index: number;
  readonly row: number;
  /** In steps from the left; `to` is Infinity for an operation that was never answered. */
  readonly from: number;
  readonly to: number;
  /** Place in the linearization, from 1; undefined if it is not in it. */
  readonly order: number | undefined;
  /** Where it may have taken effect, in steps. */
  readonly point: number | undefined;
  readonly isStuck: boolean;
}

export interface HistoryPicture {
  readonly bars: readonly PictureBar[];
  /** The clients of the rows. */
  readonly rows: readonly number[];
  /** Width in steps. */
  readonly steps: number;
  readonly leftOut: number;
}

/** @param operationsMax how many operations around the one in question are kept */
export function layOutHistory<Input, Output>(
  partition: FailedPartition<Input, Output>,
  operationsMax: number,
): HistoryPicture {
  const { operations, longest, stuckAt } = partition;
  const orderOf = new Map(longest.map((index, at) => [index, at + 1]));
  const kept = nearest(operations, stuckAt, operationsMax);

  const events: { readonly index: number; readonly at: number; readonly isAnswer: boolean }[] = [];
  for (const index of kept) {
    const { output, calledAt, answeredAt } = operations[index]!;
    events.push({ index, at: calledAt, isAnswer: false });
    if (output !== undefined) events.push({ index, at: answeredAt, isAnswer: true });
  }
  events.sort((a, b) => a.at - b.at || Number(a.isAnswer) - Number(b.isAnswer));
  const from = new Map<number, number>();
  const to = new Map<number, number>();
  events.forEach(({ index, isAnswer }, step) => {
    (isAnswer ? to : from).set(index, step);
  });

  const points = pointsOf(longest, from);
  const rows = [...new Set(kept.map((index) => operations[index]!.client))].sort((a, b) => a - b);
  const rowOf = new Map(rows.map((client, row) => [client, row]));
  const bars = kept.map((index) => ({
    index,
    row: rowOf.get(operations[index]!.client)!,
    from: from.get(index)!,
    to: to.get(index) ?? Number.POSITIVE_INFINITY,
    order: orderOf.get(index),
    point: points.get(index),
    isStuck: index === stuckAt,
  }));
  return { bars, rows, steps: events.length, leftOut: operations.length - kept.length };
}

/** The operations called nearest to the answer in question, and the one in question itself, by the time of their calls. */
function nearest(
  operations: readonly Operation<unknown, unknown>[],
  stuckAt: number,
  operationsMax: number,
): number[] {
  const moment = operations[stuckAt]!.answeredAt;
  const distance = (index: number): number => Math.abs(operations[index]!.calledAt - moment);
  const others = [...operations.keys()].filter((index) => index !== stuckAt);
  if (others.length >= operationsMax) others.sort((a, b) => distance(a) - distance(b));
  return [stuckAt, ...others.slice(0, operationsMax - 1)].sort(
    (a, b) => operations[a]!.calledAt - operations[b]!.calledAt,
  );
}

/** One moment for each operation of the linearization, in its order: as early as the calls allow. */
function pointsOf(longest: readonly number[], from: ReadonlyMap<number, number>): Map<number, number> {
  const points = new Map<number, number>();
  let call = 0;
  let after = 0;
  for (const index of longest) {
    const begin = from.get(index);
    if (begin === undefined) continue;
    if (begin > call) {
      call = begin;
      after = 0;
    }
    // Several at one step share the room before the next.
    after++;
    points.set(index, call + 1 - 1 / (1 + after));
  }
  return points;
}
