/** What operators ask of one member: its state, its hash, its data as a file, defragmentation, another leader. */
import type { Backend } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RaftNode } from '../../raft/node.ts';
import { type MemberId, NO_MEMBER } from '../../raft/types.ts';
import { crc32c } from '../../wire/crc32c.ts';
import { serverError } from '../errors.ts';
import type { Leadership } from '../leadership.ts';
import type { Cluster } from '../membership/cluster.ts';
import type { HashResult, MemberStatus, V3Answer, V3Maintenance } from '../v3-contract.ts';
import { alarmText } from './alarms.ts';
import { encodeState } from './state-stream.ts';
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
    hashOf(state.backend, clock).then(
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

  async *snapshotFile(): AsyncGenerator<{ readonly bytes: Uint8Array; readonly remainingBytes: number }> {
    const { state, clock } = this.#parts;
    for await (const bytes of encodeState(state.backend.viewNow(), clock)) yield { bytes, remainingBytes: 0 };
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
}

/** CRC-32C over all tables, names, keys and values, in their order. */
async function hashOf(backend: Backend, clock: Clock): Promise<number> {
  let hash = 0;
  for await (const frame of encodeState(backend.viewNow(), clock)) hash = crc32c(hash, frame);
  return hash;
}
