/**
 * Sends snapshots to a peer.
 *
 *   POST /raft/snapshot   body: | length, 8 bytes big endian | raftpb.Message of type MsgSnap | v3 state, to the end |
 *
 * The message holds the v2 tree. Where etcd's database file would follow, ours sends the v3 state in a form of its own (see
 * server/v3/state-stream.ts), which etcd can't read. So a snapshot goes only to a peer that has said it understands this kind
 * (peer-headers.ts); for any other peer it fails with an error in the log. Symmetrically we refuse etcd's.
 */
import type { SnapshotMessage } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';
import { encodeMessage } from '../wire/raftpb.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { SNAPSHOT_KIND } from './peer-headers.ts';
import type { PeerStatus } from './peer-status.ts';
import { post } from './post.ts';
import { RepeatedLog } from './repeated-log.ts';
import type { UrlPicker } from './url-picker.ts';

export const SNAPSHOT_LENGTH_BYTES = 8;

export interface SnapshotSenderPeer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly counters: PeerCounters;
  /** Undefined while the peer has not answered anything yet. */
  readonly snapshotKind: string | undefined;
  readonly hasAnswered: boolean;
}

export class SnapshotSender {
  readonly #environment: PeerEnvironment;
  readonly #peer: SnapshotSenderPeer;
  readonly #inFlight = new Set<() => void>();
  readonly #repeatedLog: RepeatedLog;
  #closed = false;

  constructor(environment: PeerEnvironment, peer: SnapshotSenderPeer) {
    this.#environment = environment;
    this.#peer = peer;
    this.#repeatedLog = new RepeatedLog(environment.clock);
  }

  send(message: SnapshotMessage, state: AsyncIterable<Uint8Array>): void {
    const { log, clock, limits } = this.#environment;
    const { id, counters, status } = this.#peer;
    const { index } = message.snapshot.metadata;
    if (this.#peer.snapshotKind !== SNAPSHOT_KIND) {
      this.#refuse(index);
      return;
    }
    const body = frame(encodeMessage(message));
    const counted = new CountedBytes(state);
    const facts = { 'snapshot-index': index, 'message-bytes': body.length };
    log.info('sending snapshot', facts);
    counters.snapshotSendInFlight++;
    const startMs = clock.monotonicMs();
    const abort = post(
      this.#environment,
      this.#peer,
      {
        path: '/raft/snapshot',
        contentType: 'application/octet-stream',
        body,
        tail: counted.read(),
        silenceTimeoutMs: limits.snapshotTimeoutMs,
      },
      (failure) => {
        this.#inFlight.delete(abort);
        counters.snapshotSendInFlight--;
        if (this.#closed) return;
        if (failure === undefined) {
          status.activate();
          counters.sentBytes += body.length + counted.bytes;
          counters.snapshotSendSuccess++;
          counters.snapshotSendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
          log.info('sent snapshot', { ...facts, 'state-bytes': counted.bytes });
          this.#environment.reportSnapshot(id, true);
          return;
        }
        log.warn('failed to send snapshot', { ...facts, error: failure });
        status.deactivate('post sendMsgSnap', failure);
        this.#failed();
      },
    );
    this.#inFlight.add(abort);
  }

  close(): void {
    this.#closed = true;
    for (const abort of this.#inFlight) abort();
    this.#inFlight.clear();
  }

  #refuse(index: number): void {
    if (!this.#repeatedLog.isDue('refuse')) {
      // Raft tries again and again, and nothing has changed.
    } else if (this.#peer.hasAnswered) {
      this.#environment.log.error(
        'cannot bring this peer up to date: it needs a snapshot and it runs etcd, which expects a database of its own kind with it; ' +
          'snapshots to and from etcd members are not supported yet',
        { 'snapshot-index': index },
      );
    } else {
      this.#environment.log.warn('cannot send a snapshot to this peer yet: it has not answered so far', {
        'snapshot-index': index,
      });
    }
    this.#failed();
  }

  #failed(): void {
    const { id, counters } = this.#peer;
    counters.snapshotSendFailures++;
    counters.sentFailures++;
    this.#environment.reportUnreachable(id);
    this.#environment.reportSnapshot(id, false);
  }
}

function frame(message: Uint8Array): Uint8Array {
  const body = new Uint8Array(SNAPSHOT_LENGTH_BYTES + message.length);
  new DataView(body.buffer).setBigUint64(0, BigInt(message.length));
  body.set(message, SNAPSHOT_LENGTH_BYTES);
  return body;
}

class CountedBytes {
  bytes = 0;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.bytes += chunk.length;
      yield chunk;
    }
  }
}
