/**
 * Holds a simulated run to the specification: each observation of a member is a step of abstract-raft.ts, or several, or none. What is
 * said of a disk counts when it is durable, since nothing that depends on it may leave before.
 *
 * Not every step shows. A leader that learns what is committed is taken to learn it as soon as it can; a campaign is known when it is
 * durable. So the order of the abstract steps is one that explains the run, not the one that happened.
 */
import { type Checker, CheckFailure, type EntryDigest, type Observation } from '../../src/sim/observation.ts';
import { AbstractRaft, NoSuchStep } from './abstract-raft.ts';

export class TraceConformance implements Checker {
  readonly name = 'a step of the specification';
  readonly raft = new AbstractRaft();
  /** --force-new-cluster gives up what was promised: the specification has no such step. */
  #given = false;

  observe(observation: Observation): void {
    if (this.#given) return;
    try {
      this.#step(observation);
    } catch (error) {
      if (!(error instanceof NoSuchStep)) throw error;
      throw new CheckFailure(this.name, error.message);
    }
  }

  finish(): void {}

  #step(observation: Observation): void {
    const { raft } = this;
    switch (observation.kind) {
      case 'member-started': {
        const { memberId: id, term, vote, commit, entries, snapshotIndex, configuration } = observation;
        this.#given = observation.forcedNewCluster;
        if (this.#given) return;
        const log = [...raft.before(snapshotIndex), ...entries.map(textOf)];
        raft.start(id, { term, votedFor: vote, log, configuration }, commit);
        return;
      }
      case 'data-lost':
        raft.forget(observation.memberId);
        return;
      case 'configuration-changed':
        raft.configure(observation.memberId, observation.configuration);
        return;
      case 'entries-appended':
        raft.append(observation.memberId, observation.entries[0]!.index, observation.entries.map(textOf));
        return;
      case 'snapshot-installed':
        raft.takeSnapshot(observation.memberId, observation.index, observation.term);
        return;
      case 'leader-elected':
        raft.becomeLeader(observation.memberId, observation.term);
        return;
      case 'log-durable': {
        const { memberId: id, entries, hardState, snapshot } = observation;
        if (hardState !== undefined) raft.moveTo(id, hardState.term, hardState.vote);
        if (snapshot !== undefined) raft.storeSnapshot(id, snapshot.index, snapshot.term);
        if (entries.length > 0) raft.store(id, entries[0]!.index, entries.map(textOf));
        return;
      }
      case 'message-sent': {
        const { memberId: id, message } = observation;
        if (message.type === 'vote-granted') raft.grant(id, message.term, message.to);
        else raft.acknowledge(id, message.term, message.to, message.index);
        return;
      }
      case 'entries-committed':
        for (const entry of observation.entries)
          raft.commit(observation.memberId, entry.index, textOf(entry));
        return;
      default:
    }
  }
}

function textOf({ term, type, hash }: EntryDigest): string {
  return `${term}/${type}/${hash}`;
}
