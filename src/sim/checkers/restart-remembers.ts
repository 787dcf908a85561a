/**
 * A member comes back with all that was durable when it went: its term, its vote and its log. Of what was not durable it may come
 * back with more: a later vote, or entries that took the place of others. (Commit indexes are not synced, and not asked for.)
 * A member that has lost its disk does not come back at all: it would have forgotten what it promised.
 */
import type { MemberId } from '../../raft/types.ts';
import { type Checker, CheckFailure, type MemberStarted, type Observation } from '../observation.ts';
import { DurableState } from './durable-state.ts';
import { MemberLog } from './member-log.ts';

interface Followed {
  readonly durable: DurableState;
  readonly inMemory: MemberLog;
  /** From here on entries of the disk are being overwritten: after a crash they may be the old ones or the new ones. */
  overwrittenFrom: number;
}

const NOTHING = Number.POSITIVE_INFINITY;

export class RestartRemembers implements Checker {
  readonly name = 'restart remembers';
  readonly #members = new Map<string, Followed>();
  /** Members whose data is gone. */
  readonly #lost = new Set<MemberId>();

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started':
        this.#started(observation);
        return;
      case 'entries-appended': {
        const of = this.#members.get(observation.member);
        const first = observation.entries[0];
        if (of === undefined || first === undefined) return;
        if (first.index <= of.inMemory.lastIndex)
          of.overwrittenFrom = Math.min(of.overwrittenFrom, first.index);
        of.inMemory.replaceFrom(observation.entries);
        return;
      }
      case 'snapshot-installed': {
        const of = this.#members.get(observation.member);
        if (of === undefined) return;
        of.overwrittenFrom = 0;
        of.inMemory.restore(observation.index, observation.term);
        return;
      }
      case 'log-durable': {
        const of = this.#members.get(observation.member);
        if (of === undefined) return;
        const { durable, inMemory } = of;
        const { hardState, member } = observation;
        // What it forgot in memory it forgets on disk with its next write.
        if (hardState !== undefined) this.#compareVote(durable, member, hardState.term, hardState.vote);
        durable.written(observation);
        const { baseIndex, lastIndex } = durable.log;
        const inStep =
          baseIndex === inMemory.baseIndex &&
          lastIndex === inMemory.lastIndex &&
          durable.log.termAt(lastIndex) === inMemory.termAt(lastIndex);
        if (inStep) of.overwrittenFrom = NOTHING;
        return;
      }
      case 'data-lost':
        this.#members.delete(observation.member);
        if (observation.memberId !== 0n) this.#lost.add(observation.memberId);
        return;
      default:
    }
  }

  finish(): void {}

  #started(started: MemberStarted): void {
    const { member, memberId, forcedNewCluster, snapshotIndex, snapshotTerm, entries } = started;
    if (this.#lost.has(memberId)) {
      throw this.#failure(`${member} has lost its data, and starts as the same member again`);
    }
    const before = this.#members.get(member);
    if (before !== undefined && !forcedNewCluster) this.#compare(before, started);
    this.#members.set(member, {
      durable: DurableState.found(started),
      inMemory: new MemberLog(snapshotIndex, snapshotTerm, entries),
      overwrittenFrom: NOTHING,
    });
  }

  #compare({ durable, overwrittenFrom }: Followed, started: MemberStarted): void {
    const { member, term, vote, snapshotIndex, snapshotTerm, entries } = started;
    this.#compareVote(durable, member, term, vote);
    const log = new MemberLog(snapshotIndex, snapshotTerm, entries);
    const to = Math.min(durable.log.lastIndex, overwrittenFrom - 1);
    for (let index = durable.log.baseIndex + 1; index <= to; index++) {
      const was = durable.log.termAt(index);
      if (was === undefined || log.holds(index, was)) continue;
      throw this.#failure(
        `${member} had entry ${index} of term ${was} on its disk, and starts with ${log.termAt(index) ?? 'none'} there; its log ends at ${log.lastIndex}`,
      );
    }
  }

  #compareVote(durable: DurableState, member: string, term: number, vote: MemberId): void {
    if (term < durable.term) throw this.#failure(`${member} was in term ${durable.term}, and is in ${term}`);
    if (term === durable.term && durable.vote !== 0n && vote !== durable.vote) {
      throw this.#failure(`${member} has forgotten its vote of term ${term}`);
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
