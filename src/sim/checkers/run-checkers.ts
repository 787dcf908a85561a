/**
 * All checkers of a run as one. A forced new cluster (--force-new-cluster) begins history anew: what was promised before binds
 * nobody any more, so the checkers are replaced, and what members of the old cluster still do is not looked at.
 */
import type { MemberId } from '../../raft/types.ts';
import type { Checker, Observation } from '../observation.ts';
import { AcknowledgedWrites } from './acknowledged-writes.ts';
import { AnswersMatchHistory } from './answers-match-history.ts';
import { ClientIndexes } from './client-indexes.ts';
import { CommittedEntries } from './committed-entries.ts';
import { DurableBeforeAcknowledged } from './durable-before-acknowledged.ts';
import { DurableBeforeSaid } from './durable-before-said.ts';
import { ElectionSafety } from './election-safety.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { Linearizability } from './linearizability.ts';
import { LogMatching } from './log-matching.ts';
import { RealTimeOrder } from './real-time-order.ts';
import { RestartRemembers } from './restart-remembers.ts';
import { StateAgreement } from './state-agreement.ts';
import { TtlExpiry } from './ttl-expiry.ts';
import { LeasePromises } from './v3/lease-promises.ts';
import { V3Answers } from './v3/v3-answers.ts';
import { V3Revisions } from './v3/v3-revisions.ts';
import { V3StateAgreement } from './v3/v3-state.ts';
import { V3Watches } from './v3/v3-watches.ts';
import { WatchHistories } from './watch-histories.ts';

export class RunCheckers implements Checker {
  readonly name = 'all checkers';
  #checkers: readonly Checker[] = checkersOf([], true);
  /** Members of clusters that a forced one has replaced. */
  readonly #replaced = new Set<MemberId>();
  readonly #known = new Set<MemberId>();
  /** By host: the member that runs there, or ran last. */
  readonly #memberAt = new Map<string, MemberId>();
  /** Keys that clients have named. */
  readonly #keys = new Set<string>();
  /** Operations that were invoked of a cluster that was replaced since. */
  readonly #before = new Set<number>();
  readonly #pending = new Set<number>();
  readonly #watchersBefore = new Set<number>();
  readonly #watchers = new Set<number>();

  observe(observation: Observation): void {
    this.#follow(observation);
    if (this.#isOfReplaced(observation)) return;
    for (const checker of this.#checkers) checker.observe(observation);
  }

  finish(): void {
    for (const checker of this.#checkers) checker.finish();
  }

  #follow(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started': {
        const { member, memberId, forcedNewCluster } = observation;
        this.#memberAt.set(member, memberId);
        this.#known.add(memberId);
        if (forcedNewCluster) this.#replaceAll(memberId);
        return;
      }
      case 'operation-invoked':
        this.#keys.add(observation.operation.key);
        this.#pending.add(observation.operationId);
        return;
      case 'v3-invoked':
        this.#pending.add(observation.operationId);
        return;
      case 'watch-begun':
      case 'v3-watch-begun':
        this.#watchers.add(observation.watcherId);
        this.#watchersBefore.delete(observation.watcherId);
        return;
      default:
    }
  }

  #replaceAll(by: MemberId): void {
    // What clients had seen by then must have been right.
    for (const checker of this.#checkers) if (checker instanceof Linearizability) checker.finish();
    for (const id of this.#known) if (id !== by) this.#replaced.add(id);
    for (const id of this.#pending) this.#before.add(id);
    for (const id of this.#watchers) this.#watchersBefore.add(id);
    this.#pending.clear();
    this.#watchers.clear();
    this.#checkers = checkersOf(this.#keys, false);
  }

  #isOfReplaced(observation: Observation): boolean {
    if ('memberId' in observation) return this.#replaced.has(observation.memberId);
    if ('operationId' in observation) {
      if (observation.kind.endsWith('returned')) this.#pending.delete(observation.operationId);
      return this.#before.has(observation.operationId) || this.#isAtReplaced(observation.member);
    }
    if ('watcherId' in observation) {
      return this.#watchersBefore.has(observation.watcherId) || this.#isAtReplaced(observation.member);
    }
    return false;
  }

  #isAtReplaced(member: string): boolean {
    const id = this.#memberAt.get(member);
    return id !== undefined && this.#replaced.has(id);
  }
}

/** `keys`: those that were there before; `isWhole`: the history begins with the cluster. */
function checkersOf(keys: Iterable<string>, isWhole: boolean): readonly Checker[] {
  const revisions = new V3Revisions(isWhole);
  return [
    new ElectionSafety(),
    new LogMatching(),
    new DurableBeforeSaid(),
    new RestartRemembers(),
    new LeaderCompleteness(),
    new CommittedEntries(),
    new DurableBeforeAcknowledged(),
    new StateAgreement(),
    new RealTimeOrder(),
    new ClientIndexes(),
    new AnswersMatchHistory(isWhole),
    new WatchHistories(),
    new TtlExpiry(isWhole),
    new AcknowledgedWrites(isWhole),
    new Linearizability(keys),
    revisions,
    new V3StateAgreement(),
    new V3Answers(revisions, isWhole),
    new V3Watches(revisions, isWhole),
    new LeasePromises(),
  ];
}
