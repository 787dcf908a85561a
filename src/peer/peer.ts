/**
 * One other member and all ways to and from it:
 *
 *   to it     msgapp stream (appends), message stream (everything else), both on connections it opened;
 *             pipeline (while those are down); snapshot requests
 *   from it   the same two streams the other way round, on connections we open; its requests come through the handler
 */
import type { HttpStream } from '../net/http-exchange.ts';
import type { Log } from '../ports/log.ts';
import type { PeerAnswer, PeerQuestion, SnapshotForm, SnapshotMessage } from '../ports/peer-network.ts';
import type { MemberId, Message } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { appendStream } from './append-stream.ts';
import { ask } from './ask.ts';
import { LatencyStatistics } from './latency-statistics.ts';
import { messageStream } from './message-stream.ts';
import { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { SNAPSHOT_KIND } from './peer-headers.ts';
import { PeerStatus } from './peer-status.ts';
import { Pipeline } from './pipeline.ts';
import { Prober } from './prober.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { UrlPicker } from './url-picker.ts';

export class Peer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly counters = new PeerCounters();
  readonly latency = new LatencyStatistics();
  readonly status: PeerStatus;
  readonly prober: Prober;
  readonly #environment: PeerEnvironment;
  readonly #log: Log;
  readonly #appendWriter: StreamWriter;
  readonly #messageWriter: StreamWriter;
  readonly #readers: readonly StreamReader[];
  readonly #pipeline: Pipeline;
  readonly #snapshots: SnapshotSender;
  #snapshotKind: string | undefined;
  #hasAnswered = false;

  constructor(network: PeerEnvironment, id: MemberId, urls: readonly string[]) {
    this.id = id;
    this.#log = network.log.child({ 'remote-peer-id': formatId(id) });
    const environment = { ...network, log: this.#log };
    this.#environment = environment;
    this.picker = new UrlPicker(urls);
    this.status = new PeerStatus(environment.clock, this.#log, this.counters);
    this.#appendWriter = new StreamWriter(environment, this, appendStream);
    this.#messageWriter = new StreamWriter(
      environment,
      { id, status: this.status, counters: this.counters, latency: undefined },
      messageStream,
    );
    this.#readers = [
      new StreamReader(environment, this, appendStream),
      new StreamReader(environment, this, messageStream),
    ];
    this.#pipeline = new Pipeline(environment, this);
    this.#snapshots = new SnapshotSender(environment, this);
    this.prober = new Prober(environment, this, this.#log);
  }

  /** What the peer said about snapshots when it answered or asked last: etcd says nothing. */
  get snapshotForm(): SnapshotForm | undefined {
    if (!this.#hasAnswered) return undefined;
    return this.#snapshotKind === SNAPSHOT_KIND ? 'quorate' : 'etcd';
  }

  start(): void {
    for (const reader of this.#readers) reader.start();
    this.prober.start();
  }

  /** Takes a message; it leaves with the next `flush` at the latest. */
  send(message: Message): void {
    if (message.type === 'append' && this.#appendWriter.working) this.#appendWriter.queue(message);
    else if (this.#messageWriter.working) this.#messageWriter.queue(message);
    else this.#pipeline.send(message);
  }

  sendSnapshot(message: SnapshotMessage, state: AsyncIterable<Uint8Array>, form: SnapshotForm): void {
    this.#snapshots.send(message, state, form);
  }

  /** `done` comes once, never before this has returned. */
  ask(question: PeerQuestion, done: (answer: PeerAnswer) => void): void {
    ask(this.#environment, this.picker, question, done);
  }

  flush(): void {
    this.#appendWriter.flush();
    this.#messageWriter.flush();
  }

  tick(): void {
    this.#appendWriter.tick();
    this.#messageWriter.tick();
  }

  /** The peer asked for a stream and `stream` is our answer to it. */
  attach(segment: string, stream: HttpStream, remoteAddress: string, snapshotKind: string | undefined): void {
    this.noteSnapshotKind(snapshotKind);
    this.#writer(segment).attach(stream, remoteAddress);
  }

  lost(segment: string, stream: HttpStream): void {
    this.#writer(segment).lost(stream);
  }

  noteSnapshotKind(kind: string | undefined): void {
    this.#snapshotKind = kind;
    this.#hasAnswered = true;
  }

  /** A message that came on a stream. */
  receive(message: Message, frameBytes: number): void {
    const { clock, handlers, memberId, receivedAppends } = this.#environment;
    if (message.to !== memberId || handlers().isRemoved(message.from)) {
      this.counters.receivedFailures++;
      this.#log.warn('ignored a raft message to another member or from a removed one', {
        from: formatId(message.from),
        to: formatId(message.to),
        'message-type': message.type,
      });
      return;
    }
    if (message.type === 'append') receivedAppends.record(clock.monotonicMs(), frameBytes);
    handlers().onMessage(message);
  }

  update(urls: readonly string[]): void {
    this.picker.update(urls);
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
    this.#appendWriter.close();
    this.#messageWriter.close();
    this.#pipeline.close();
    this.#snapshots.close();
    this.prober.close();
    this.status.close();
  }

  #writer(segment: string): StreamWriter {
    return segment === appendStream.segment ? this.#appendWriter : this.#messageWriter;
  }
}
