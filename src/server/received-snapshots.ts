/**
 * Snapshots on their way in. The v3 state of one is complete here, beside the present one, before raft hears of the snapshot; if raft takes it, everything is
 * replaced in one turn, and what raft did not want is thrown away.
 */
import type { StagedContent } from '../ports/backend.ts';
import type { SnapshotForm, SnapshotMessage } from '../ports/peer-network.ts';
import type { Snapshot, SnapshotMetadata } from '../raft/types.ts';

/** Makes content of what follows a snapshot's message, beside the present one. */
export type Stage = (
  state: AsyncIterable<Uint8Array>,
  form: SnapshotForm,
  snapshot: SnapshotMetadata,
) => Promise<StagedContent>;

export class ReceivedSnapshots {
  /** By the snapshot as raft's message carried it. */
  readonly #staged = new Map<Snapshot, StagedContent>();
  readonly #stage: Stage;
  readonly #step: (message: SnapshotMessage) => void;
  #stopped = false;

  constructor(parts: {
    readonly stage: Stage;
    readonly step: (message: SnapshotMessage) => void;
  }) {
    this.#stage = parts.stage;
    this.#step = parts.step;
  }

  async receive(
    message: SnapshotMessage,
    state: AsyncIterable<Uint8Array>,
    form: SnapshotForm,
  ): Promise<void> {
    const staged = await this.#stage(state, form, message.snapshot.metadata);
    if (this.#stopped) {
      staged.discard();
      throw new Error('the member stops');
    }
    this.#staged.set(message.snapshot, staged);
    this.#step(message);
  }

  /** The state that came with a snapshot that raft has taken. */
  take(snapshot: Snapshot): StagedContent {
    const staged = this.#staged.get(snapshot);
    if (staged === undefined) throw new Error('a snapshot came without the v3 state');
    this.#staged.delete(snapshot);
    return staged;
  }

  /** Raft has decided about all it was told of. */
  drop(): void {
    for (const staged of this.#staged.values()) staged.discard();
    this.#staged.clear();
  }

  stop(): void {
    this.#stopped = true;
    this.drop();
  }
}
