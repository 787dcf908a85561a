/**
 * Sends snapshots to a peer.
 *
 *   POST /raft/snapshot   body: | length, 8 bytes big endian | raftpb.Message of type MsgSnap | v3 state, to the end |
 *
 * The message holds the v2 tree. What follows it has one of two forms: etcd's database, a bbolt file, which every member takes, or a stream of our tables
 * (server/v3/state-stream.ts), which costs less on both sides and goes only to a peer that has said it understands it (peer-headers.ts). The header of the
 * request says which it is; etcd sends and reads the first and no such header.
 */
import type { SnapshotForm, SnapshotMessage } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';
import { encodeMessage } from '../wire/raftpb.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { ETCD_SNAPSHOT_KIND, SNAPSHOT_HEADER, SNAPSHOT_KIND } from './peer-headers.ts';
import type { PeerStatus } from './peer-status.ts';
import { type Post, post } from './post.ts';
import { RepeatedLog } from './repeated-log.ts';
import type { UrlPicker } from './url-picker.ts';

export const SNAPSHOT_LENGTH_BYTES = 8;

export interface SnapshotSenderPeer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly counters: PeerCounters;
  /** What it takes; undefined while it has not said anything. */
  readonly snapshotForm: SnapshotForm | undefined;
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

  send(message: SnapshotMessage, state: AsyncIterable<Uint8Array>, form: SnapshotForm): void {
    const { log, clock, limits } = this.#environment;
    const { id, counters, status } = this.#peer;
    const { index } = message.snapshot.metadata;
    if (form === 'quorate' && this.#peer.snapshotForm !== 'quorate') {
      void state[Symbol.asyncIterator]().return?.();
      this.#refuse(index);
      return;
    }
    const body = frame(encodeMessage(message));
    const tail = new Tail(state);
    const facts = { 'snapshot-index': index, 'message-bytes': body.length, form };
    log.info('sending snapshot', facts);
    counters.snapshotSendInFlight++;
    const startMs = clock.monotonicMs();
    const settle = (failure: string | undefined): void => {
      counters.snapshotSendInFlight--;
      if (this.#closed) return;
      if (failure === undefined) {
        status.activate();
        counters.sentBytes += body.length + tail.bytes;
        counters.snapshotSendSuccess++;
        counters.snapshotSendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
        log.info('sent snapshot', { ...facts, 'state-bytes': tail.bytes });
        this.#environment.reportSnapshot(id, true);
        return;
      }
      log.warn('failed to send snapshot', { ...facts, error: failure });
      status.deactivate('post sendMsgSnap', failure);
      this.#failed();
    };
    const spec = {
      path: '/raft/snapshot',
      contentType: 'application/octet-stream',
      headers: { [SNAPSHOT_HEADER]: form === 'quorate' ? SNAPSHOT_KIND : ETCD_SNAPSHOT_KIND },
      body,
      silenceTimeoutMs: limits.snapshotTimeoutMs,
    };
    tail.begin().then(
      () => this.#post(spec, tail, settle),
      (error: Error) => settle(error.message),
    );
  }

  #post(spec: Omit<Post, 'tail'>, tail: Tail, settle: (failure: string | undefined) => void): void {
    if (this.#closed) {
      void tail.end();
      settle('closed');
      return;
    }
    const abort = post(this.#environment, this.#peer, { ...spec, tail: tail.read() }, (failure) => {
      this.#inFlight.delete(abort);
      settle(failure);
    });
    this.#inFlight.add(abort);
  }

  close(): void {
    this.#closed = true;
    for (const abort of this.#inFlight) abort();
    this.#inFlight.clear();
  }

  /** Raft tries again and again until the peer has said what it takes. */
  #refuse(index: number): void {
    if (this.#repeatedLog.isDue('refuse')) {
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

/**
 * What follows the message, counted. It is begun before there is a connection: the first piece of a database comes only after a walk over all its rows, and
 * a connection that is silent for so long would be given up.
 */
class Tail {
  bytes = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #first: IteratorResult<Uint8Array> | undefined;

  constructor(state: AsyncIterable<Uint8Array>) {
    this.#pieces = state[Symbol.asyncIterator]();
  }

  async begin(): Promise<void> {
    this.#first = await this.#pieces.next();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    try {
      let piece = this.#first ?? (await this.#pieces.next());
      while (piece.done !== true) {
        this.bytes += piece.value.length;
        yield piece.value;
        piece = await this.#pieces.next();
      }
    } finally {
      await this.end();
    }
  }

  async end(): Promise<void> {
    await this.#pieces.return?.();
  }
}
