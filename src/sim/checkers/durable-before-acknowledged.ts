/**
 * Nothing is acknowledged before a quorum has it on disk. In two steps: an entry that is called committed for the first time is
 * durable on a quorum of the configuration of whoever says so (the leader: it learns it first); and a client hears of an
 * entry only when it is committed.
 *
 * "Has" is "had": a disk may be lost while its member's acknowledgement is still under way, and the leader counts it rightly.
 */
import type { ConfState, MemberId } from '../../raft/types.ts';
import {
  type Checker,
  CheckFailure,
  type EntriesCommitted,
  type MemberStarted,
  type Observation,
  type OperationReturned,
} from '../observation.ts';
import { DurableState } from './durable-state.ts';
import { idText } from './member-log.ts';

interface Disk {
  readonly id: MemberId;
  readonly state: DurableState;
}

export class DurableBeforeAcknowledged implements Checker {
  readonly name = 'durable before acknowledged';
  /** By host. */
  readonly #durable = new Map<string, Disk>();
  readonly #lost: Disk[] = [];
  /** By host: the configuration in force and the one before, by which entries may be committed that are told of just now. */
  readonly #configurations = new Map<string, readonly ConfState[]>();
  #committed = 0;

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started':
        this.#started(observation);
        return;
      case 'data-lost':
        this.#dataLost(observation.member);
        return;
      case 'configuration-changed': {
        const { member, configuration } = observation;
        const last = this.#configurations.get(member)?.at(-1);
        this.#configurations.set(member, last === undefined ? [configuration] : [last, configuration]);
        return;
      }
      case 'log-durable':
        this.#durable.get(observation.member)?.state.written(observation);
        return;
      case 'entries-committed':
        this.#commits(observation);
        return;
      case 'operation-returned':
        this.#answered(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #started(started: MemberStarted): void {
    const { member, memberId, configuration, commit } = started;
    this.#durable.set(member, { id: memberId, state: DurableState.found(started) });
    this.#configurations.set(member, [configuration]);
    // Founders begin with entries that are committed by agreement.
    this.#committed = Math.max(this.#committed, commit);
  }

  #dataLost(member: string): void {
    const disk = this.#durable.get(member);
    if (disk === undefined) return;
    this.#lost.push(disk);
    this.#durable.delete(member);
  }

  #commits({ member, entries }: EntriesCommitted): void {
    for (const { index, term } of entries) {
      if (index <= this.#committed) continue;
      this.#committed = index;
      const holders = new Set<MemberId>();
      for (const { id, state } of [...this.#durable.values(), ...this.#lost]) {
        if (state.log.holds(index, term)) holders.add(id);
      }
      const configurations = this.#configurations.get(member) ?? [];
      if (configurations.some((configuration) => isQuorum(configuration, holders))) continue;
      const voters = configurations.at(-1)?.voters.map(idText).join(', ');
      throw new CheckFailure(
        this.name,
        `${member} calls entry ${index} of term ${term} committed, which is durable on ${[...holders].map(idText).join(', ') || 'nobody'} of the voters ${voters}`,
      );
    }
  }

  #answered({ outcome, member, operation }: OperationReturned): void {
    if (outcome.kind === 'unknown' || outcome.logIndex <= this.#committed) return;
    throw new CheckFailure(
      this.name,
      `${member} answers a ${operation.kind} of entry ${outcome.logIndex}, entries are committed up to ${this.#committed}`,
    );
  }
}

function isQuorum({ voters, votersOutgoing }: ConfState, holders: ReadonlySet<MemberId>): boolean {
  return isMajority(voters, holders) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, holders));
}

function isMajority(voters: readonly MemberId[], holders: ReadonlySet<MemberId>): boolean {
  return 2 * voters.filter((id) => holders.has(id)).length > voters.length;
}
