/**
 * Snapshots on their way in. The v3 state of one is complete here, beside the present one, before raft hears of the snapshot; if raft takes it, everything is
 * replaced in one turn, and what raft did not want is thrown away.
 */
import type { StagedContent } from '../ports/backend.ts';
import type { SnapshotMessage } from '../ports/peer-network.ts';
import type { Snapshot } from '../raft/types.ts';

export class ReceivedSnapshots {
  /** By the snapshot as raft's message carried it. */
  readonly #staged = new Map<Snapshot, StagedContent>();
  readonly #stage: (state: AsyncIterable<Uint8Array>) => Promise<StagedContent>;
  readonly #step: (message: SnapshotMessage) => void;
  #stopped = false;

  constructor(parts: {
    readonly stage: (state: AsyncIterable<Uint8Array>) => Promise<StagedContent>;
    readonly step: (message: SnapshotMessage) => void;
  }) {
    this.#stage = parts.stage;
    this.#step = parts.step;
  }

  async receive(message: SnapshotMessage, state: AsyncIterable<Uint8Array>): Promise<void> {
    const staged = await this.#stage(state);
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
