/**
 * Every member makes the same revisions, none is left out, and each is exactly what one operation does to what was there before, or the end
 * of one lease: nothing is done by halves, twice, or by nobody.
 */
import { type Checker, CheckFailure, type Observation } from '../../observation.ts';
import type {
  V3Event,
  V3KvOperation,
  V3Opened,
  V3Operation,
  V3Revision,
  V3Step,
} from '../../v3-observation.ts';
import { foresee } from './foresee.ts';
import { ALL_KEYS, eventsText, rowText, sameEvents, sameRow, V3History } from './v3-history.ts';

export class V3Revisions implements Checker {
  readonly name = 'v3 revisions';
  history = new V3History();
  /** By written value: the operation that writes it. */
  readonly #writers = new Map<string, { readonly operationId: number; readonly operation: V3KvOperation }>();
  /** Operations that may delete something yet. */
  readonly #deleters = new Map<number, V3KvOperation>();
  readonly #done = new Map<number, number>();
  /** Leases whose end is committed. */
  readonly #ended = new Set<number>();
  #isBegun: boolean;

  /** `isWhole`: the history begins with the cluster; else with the first state that a process finds. */
  constructor(isWhole = true) {
    this.#isBegun = isWhole;
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'v3-invoked':
        this.#invoked(observation.operationId, observation.operation);
        return;
      case 'v3-returned':
        if (observation.outcome.kind !== 'unknown') this.#deleters.delete(observation.operationId);
        return;
      case 'v3-revoke-committed':
        this.#ended.add(observation.lease);
        return;
      case 'v3-opened':
        this.#opened(observation);
        return;
      case 'v3-revision':
        if (this.#isBegun) this.#made(observation);
        return;
      case 'v3-final':
        this.#holds(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #invoked(operationId: number, operation: V3Operation): void {
    if (operation.kind !== 'put' && operation.kind !== 'delete' && operation.kind !== 'txn') return;
    for (const step of stepsOf(operation)) {
      if (step.kind === 'put') this.#writers.set(step.value, { operationId, operation });
      else if (step.kind === 'delete') this.#deleters.set(operationId, operation);
    }
  }

  #opened(opened: V3Opened): void {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.history = new V3History(opened.revision, opened.rows);
      return;
    }
    this.#holds(opened);
  }

  /** A whole state is that of its revision. */
  #holds({ member, revision, rows }: Pick<V3Opened, 'member' | 'revision' | 'rows'>): void {
    if (!this.#isBegun || revision < this.history.base) return;
    if (revision > this.history.last) {
      throw this.#failure(
        `${member} holds revision ${revision}, the last that anybody made is ${this.history.last}`,
      );
    }
    const expected = this.history.rowsAt(ALL_KEYS, revision);
    for (let i = 0; i < Math.max(rows.length, expected.length); i++) {
      if (sameRow(rows[i], expected[i])) continue;
      throw this.#failure(
        `at revision ${revision} ${member} holds ${rowText(rows[i])} where ${rowText(expected[i])} belongs`,
      );
    }
  }

  #made({ member, revision, events }: V3Revision): void {
    const { history } = this;
    if (revision <= history.base) return;
    const known = history.at(revision);
    if (known !== undefined) {
      if (sameEvents(known, events)) return;
      throw this.#failure(
        `revision ${revision} is ${eventsText(events)} on ${member}, elsewhere ${eventsText(known)}`,
      );
    }
    if (revision !== history.last + 1) {
      throw this.#failure(`${member} makes revision ${revision}, nobody has made ${history.last + 1}`);
    }
    this.#explain(member, revision, events);
    history.add(events);
  }

  #explain(member: string, revision: number, events: readonly V3Event[]): void {
    const value = events.find(({ row }) => row !== undefined)?.row?.value;
    if (value === undefined) {
      if (this.#isEndOfLease(revision, events)) return;
      // Equal deletions under way can't be told apart: each may have been it until it is answered.
      for (const operation of this.#deleters.values()) {
        if (sameEvents(foresee(operation, this.history, revision - 1).effects, events)) return;
      }
      throw this.#failure(`revision ${revision} of ${member}: nobody asked for ${eventsText(events)}`);
    }
    const writer = this.#writers.get(value);
    if (writer === undefined) {
      throw this.#failure(`revision ${revision} of ${member}: nobody wrote ${eventsText(events)}`);
    }
    const { operationId, operation } = writer;
    const before = this.#done.get(operationId);
    if (before !== undefined) {
      throw this.#failure(`operation ${operationId} is done twice, at revisions ${before} and ${revision}`);
    }
    this.#done.set(operationId, revision);
    this.#deleters.delete(operationId);
    const { effects } = foresee(operation, this.history, revision - 1);
    if (sameEvents(effects, events)) return;
    throw this.#failure(
      `revision ${revision} of ${member} is ${eventsText(events)}; operation ${operationId} does ${eventsText(effects)} there`,
    );
  }

  /** All keys of a lease that were there, and nothing else. */
  #isEndOfLease(revision: number, events: readonly V3Event[]): boolean {
    const lease = this.history.rowAt(events[0]?.key ?? '', revision - 1)?.lease ?? 0;
    if (!this.#ended.has(lease)) return false;
    const attached = this.history.rowsAt(ALL_KEYS, revision - 1).filter((row) => row.lease === lease);
    return attached.length === events.length && attached.every(({ key }, i) => events[i]!.key === key);
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}

export function stepsOf(operation: V3KvOperation): readonly V3Step[] {
  return operation.kind === 'txn' ? [...operation.success, ...operation.failure] : [operation];
}
