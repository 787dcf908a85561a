/** What operators ask of one member: its state, its hash, its data as a file, defragmentation, another leader. */
import type { Clock } from '../../ports/clock.ts';
import type { RaftNode } from '../../raft/node.ts';
import { type MemberId, NO_MEMBER } from '../../raft/types.ts';
import { serverError } from '../errors.ts';
import type { Leadership } from '../leadership.ts';
import type { Cluster } from '../membership/cluster.ts';
import type { HashResult, MemberStatus, V3Answer, V3Maintenance } from '../v3-contract.ts';
import { alarmText } from './alarms.ts';
import { type SnapshotChunk, type SnapshotContent, snapshotFile, snapshotHash } from './snapshot-file.ts';
import type { V3State } from './v3-state.ts';

export interface MaintenanceParts {
  readonly state: V3State;
  readonly raft: RaftNode;
  readonly cluster: Cluster;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly self: MemberId;
  readonly serverVersion: string;
  readonly quotaBytes: number;
  readonly appliedIndex: () => number;
}

export class Maintenance implements V3Maintenance {
  readonly #parts: MaintenanceParts;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  status(): MemberStatus {
    const { state, raft, cluster, leadership, self, serverVersion, quotaBytes, appliedIndex } = this.#parts;
    const { backend, alarms } = state;
    const errors: string[] = [];
    if (leadership.leader === NO_MEMBER) errors.push(serverError('no-leader').message);
    for (const alarm of alarms.list()) errors.push(alarmText(alarm));
    return {
      version: serverVersion,
      dbSizeBytes: backend.sizeBytes,
      dbSizeInUseBytes: backend.sizeInUseBytes,
      leader: leadership.leader,
      raftIndex: raft.commit,
      raftTerm: raft.term,
      raftAppliedIndex: appliedIndex(),
      errors,
      isLearner: cluster.member(self)?.isLearner ?? false,
      quotaBytes,
    };
  }

  hash(done: (answer: V3Answer<HashResult>) => void): void {
    const { state, clock } = this.#parts;
    const { revision, compactedRevision } = state.kv;
    snapshotHash(this.#content(), clock).then(
      (hash) =>
        done({
          ok: true,
          value: { hash, revision, compactRevision: compactedRevision, hashRevision: revision },
        }),
      () => done({ ok: false, error: serverError('stopped') }),
    );
  }

  defragment(done: (answer: V3Answer<undefined>) => void): void {
    this.#parts.state.backend.defragment().then(
      () => done({ ok: true, value: undefined }),
      (error: Error) => done({ ok: false, error: { code: 'unhealthy', message: error.message } }),
    );
  }

  /** Of the moment at which its first piece is asked for. */
  async *snapshotFile(isWanted: () => boolean): AsyncGenerator<SnapshotChunk> {
    yield* snapshotFile(this.#content(), this.#parts.clock, isWanted);
  }

  moveLeader(target: MemberId, done: (answer: V3Answer<undefined>) => void): void {
    const { raft, leadership } = this.#parts;
    if (raft.role !== 'leader') {
      done({ ok: false, error: serverError('not-leader') });
      return;
    }
    leadership.transferTo(target, (handedOver) => {
      if (handedOver) done({ ok: true, value: undefined });
      else done({ ok: false, error: serverError('timeout-leader-transfer') });
    });
  }

  /** All of one moment: the view, the members and their configuration. */
  #content(): SnapshotContent {
    const { state, cluster, raft } = this.#parts;
    return { view: state.backend.viewNow(), cluster, configuration: raft.configuration };
  }
}
