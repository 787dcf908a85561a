/**
 * Changes of the membership: checked here by what this member sees, proposed, and checked again by everyone when they
 * are applied, since others may have been committed in between.
 */
import type { RaftNode } from '../raft/node.ts';
import type { ConfChange, MemberId } from '../raft/types.ts';
import type { Member, ServerErrorCode, Submitted } from './contract.ts';
import { serverError } from './errors.ts';
import type { Cluster } from './membership/cluster.ts';
import { computeMemberId } from './membership/member-id.ts';
import { encodeMember, encodePromotion } from './membership/member-json.ts';
import { checkAdd, checkPromote, checkRemove, type Reachability } from './membership/reconfigure-checks.ts';
import { Proposals, type RequestIds } from './proposals.ts';

/** A learner this close to the leader's log may become a voter. */
const PROMOTION_MATCH_RATIO = 0.9;

type Done = (outcome: Submitted<undefined>) => void;

export interface ReconfigurationParts {
  readonly raft: RaftNode;
  readonly cluster: Cluster;
  readonly ids: RequestIds;
  readonly strict: boolean;
  /** The token that new members' ids are computed with. */
  readonly token: string;
  readonly reachability: () => Reachability;
  readonly wallTimeMs: () => number;
  /** Runs raft after it was given a proposal. */
  readonly wake: () => void;
}

export class Reconfiguration {
  readonly #parts: ReconfigurationParts;
  readonly #pending = new Proposals<ConfChange, Submitted<undefined>>();
  /** Changes that have to wait: for a leader, or until the change before them is applied. */
  #unproposed: ConfChange[] = [];
  #stopped = false;

  constructor(parts: ReconfigurationParts) {
    this.#parts = parts;
  }

  add(peerURLs: readonly string[], isLearner: boolean, done: (outcome: Submitted<Member>) => void): void {
    const { cluster, strict, token, wallTimeMs } = this.#parts;
    const sorted = [...peerURLs].sort();
    const id = computeMemberId(sorted, token, Math.floor(wallTimeMs() / 1000));
    const member: Member = { id, name: '', peerURLs: sorted, clientURLs: [], isLearner };
    const refusal = strict
      ? checkAdd(cluster.votingMembers(), isLearner, this.#parts.reachability())
      : undefined;
    this.#submit(
      refusal,
      {
        type: isLearner ? 'add-learner-node' : 'add-node',
        nodeId: id,
        context: bytesOf(encodeMember(member)),
      },
      (outcome) => done(outcome.ok ? { ok: true, value: member } : outcome),
    );
  }

  remove(id: MemberId, done: Done): void {
    const { cluster, strict } = this.#parts;
    const refusal = strict
      ? checkRemove(cluster.member(id), id, cluster.votingMembers(), this.#parts.reachability())
      : undefined;
    this.#submit(refusal, { type: 'remove-node', nodeId: id, context: new Uint8Array(0) }, done);
  }

  update(id: MemberId, peerURLs: readonly string[], done: (outcome: Submitted<Member>) => void): void {
    const sorted = [...peerURLs].sort();
    const member: Member = {
      id,
      name: '',
      peerURLs: sorted,
      clientURLs: [],
      isLearner: this.#parts.cluster.member(id)?.isLearner ?? false,
    };
    this.#submit(
      undefined,
      { type: 'update-node', nodeId: id, context: bytesOf(encodeMember(member)) },
      (outcome) => done(outcome.ok ? { ok: true, value: this.#parts.cluster.member(id) ?? member } : outcome),
    );
  }

  promote(id: MemberId, done: (outcome: Submitted<Member>) => void): void {
    const { raft, cluster, strict } = this.#parts;
    if (raft.role !== 'leader') {
      done({ ok: false, error: serverError('not-leader') });
      return;
    }
    this.#submit(
      this.#learnerNotReady(id) ?? (strict ? checkPromote(cluster.votingMembers()) : undefined),
      { type: 'add-node', nodeId: id, context: bytesOf(encodePromotion(id)) },
      (outcome) => {
        const member = cluster.member(id);
        if (!outcome.ok) done(outcome);
        else if (member === undefined) done({ ok: false, error: serverError('member-id-not-found') });
        else done({ ok: true, value: member });
      },
    );
  }

  /** A configuration change was applied (or refused by everyone, with `refusal`). */
  finished(changeId: bigint, refusal: ServerErrorCode | undefined): void {
    const waiter = this.#pending.take(changeId);
    waiter?.done(
      refusal === undefined ? { ok: true, value: undefined } : { ok: false, error: serverError(refusal) },
    );
  }

  /** What could not be proposed before may be now: there is a leader again, or the change before it was applied. */
  proposeWaiting(): void {
    if (this.#unproposed.length === 0) return;
    const changes = this.#unproposed;
    this.#unproposed = [];
    for (const change of changes) this.#propose(change);
  }

  /** Refuses what comes from now on. */
  stop(): void {
    this.#stopped = true;
  }

  failStartedBefore(startedMs: number, codeFor: (startedMs: number) => ServerErrorCode): void {
    for (const waiter of this.#pending.takeStartedBefore(startedMs)) {
      this.#unproposed = this.#unproposed.filter((change) => change !== waiter.request);
      waiter.done({ ok: false, error: serverError(codeFor(waiter.startedMs)) });
    }
  }

  #submit(refusal: ServerErrorCode | undefined, fields: Omit<ConfChange, 'id'>, done: Done): void {
    const refused = this.#stopped ? 'stopped' : refusal;
    if (refused !== undefined) {
      done({ ok: false, error: serverError(refused) });
      return;
    }
    const change: ConfChange = { id: this.#parts.ids.next(), ...fields };
    this.#pending.register(change.id, change, this.#parts.reachability().nowMs, done);
    this.#propose(change);
  }

  #propose(change: ConfChange): void {
    const outcome = this.#parts.raft.proposeConfChange(change);
    if (outcome.ok) this.#parts.wake();
    // It would leave no voter; what else raft does not allow is refused by validation or not asked for here.
    else if (outcome.reason === 'conf-change-not-allowed')
      this.finished(change.id, 'not-enough-started-members');
    else this.#unproposed.push(change);
  }

  #learnerNotReady(id: MemberId): ServerErrorCode | undefined {
    const { progress, lastIndex } = this.#parts.raft.status();
    const learner = progress.get(id);
    if (learner === undefined) return 'member-id-not-found';
    return learner.match < lastIndex * PROMOTION_MATCH_RATIO ? 'learner-not-ready' : undefined;
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
