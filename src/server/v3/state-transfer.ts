/**
 * The v3 state on its way between members, in either form: our own stream (state-stream.ts), or etcd's database (snapshot-file.ts, etcd-state.ts).
 */
import type { BackendView, StagedContent } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SnapshotForm } from '../../ports/peer-network.ts';
import type { RaftNode } from '../../raft/node.ts';
import type { SnapshotMetadata } from '../../raft/types.ts';
import type { PassingFiles } from '../passing-files.ts';
import { openEtcdState } from './etcd-state.ts';
import { databaseFile, type SnapshotContent } from './snapshot-file.ts';
import { decodeState, encodeState } from './state-stream.ts';
import type { V3State } from './v3-state.ts';

export interface StateTransferParts {
  readonly state: V3State;
  readonly cluster: SnapshotContent['cluster'];
  readonly raft: Pick<RaftNode, 'configuration'>;
  readonly clock: Clock;
  readonly files: PassingFiles;
}

export class StateTransfer {
  readonly #parts: StateTransferParts;

  constructor(parts: StateTransferParts) {
    this.#parts = parts;
  }

  /** Our own form, of the moment at which its first piece is asked for: a stream that is returned unread never held a view. */
  async *stream(): AsyncGenerator<Uint8Array> {
    const { state, clock } = this.#parts;
    yield* encodeState(state.backend.viewNow(), clock);
  }

  /** etcd's form, of now, when this entry was applied last. Holds a view until it is read to its end or returned. */
  database(index: number, term: number): AsyncIterable<Uint8Array> {
    const { state, cluster, raft, clock } = this.#parts;
    if (index > state.kv.appliedIndex) state.kv.setApplied(index, term);
    const view = releasedOnce(state.backend.viewNow());
    const chunks = databaseFile({ view, cluster, configuration: raft.configuration }, clock);
    const iterator: AsyncIterator<Uint8Array> = {
      next: () => chunks.next(),
      return: () => {
        // A generator that was never begun runs nothing of itself.
        view.release();
        return chunks.return(undefined);
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Reads a leader's state from its stream, beside what is here. Rejects if it is not what it should be. */
  stage(
    stream: AsyncIterable<Uint8Array>,
    form: SnapshotForm,
    snapshot: SnapshotMetadata,
  ): Promise<StagedContent> {
    const { state, clock, files } = this.#parts;
    if (form === 'quorate') return state.backend.stage(decodeState(stream));
    return files.hold(stream, async (file) => {
      const database = await openEtcdState(file);
      const { meta } = database;
      // The leader made both in one step: entries that its database does not count had no effect on it.
      const position = meta.index >= snapshot.index ? meta : snapshot;
      return state.backend.stageBy((tables) => database.fill(tables, clock, position));
    });
  }
}

function releasedOnce(view: BackendView): BackendView {
  let isHeld = true;
  return {
    table: (name) => view.table(name),
    tables: () => view.tables(),
    release() {
      if (isHeld) view.release();
      isHeld = false;
    },
  };
}
