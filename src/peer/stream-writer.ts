/**
 * Our half of a stream to a peer. The peer opened the connection by asking for the stream; we write frames into the answer,
 * which never ends. At most one connection is attached; a newer one replaces it.
 *
 * Invariants: frames go out in the order of `queue`; all messages queued before one `flush` leave in one write; bytes waiting
 * for a peer that reads slowly stay below the bound (plus one flush), what comes beyond is dropped and reported.
 */
import type { HttpStream } from '../net/http-exchange.ts';
import type { MemberId, Message } from '../raft/types.ts';
import type { LatencyStatistics } from './latency-statistics.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import type { PeerStatus } from './peer-status.ts';

/** State of one direction of one stream, fresh for each connection. */
export interface StreamEncoder {
  /** One buffer with the frames of all messages, in order. */
  encode(messages: readonly Message[]): Uint8Array;
  heartbeat(): Uint8Array;
}

export interface StreamKind {
  /** As in etcd's logs: 'stream MsgApp v2' or 'stream Message'. */
  readonly name: string;
  /** Path segment below /raft/stream/. */
  readonly segment: string;
  createEncoder(): StreamEncoder;
}

interface Attachment {
  readonly stream: HttpStream;
  readonly encoder: StreamEncoder;
  readonly remoteAddress: string;
}

export interface StreamWriterPeer {
  readonly id: MemberId;
  readonly status: PeerStatus;
  readonly counters: PeerCounters;
  /** Undefined where sends are no appends. */
  readonly latency: LatencyStatistics | undefined;
}

export class StreamWriter {
  readonly #environment: PeerEnvironment;
  readonly #peer: StreamWriterPeer;
  readonly #kind: StreamKind;
  #attached: Attachment | undefined;
  #queued: Message[] = [];
  #wroteSinceHeartbeat = false;
  #dropping = false;

  constructor(environment: PeerEnvironment, peer: StreamWriterPeer, kind: StreamKind) {
    this.#environment = environment;
    this.#peer = peer;
    this.#kind = kind;
  }

  /** True while a connection is attached: messages may be queued. */
  get working(): boolean {
    return this.#attached !== undefined;
  }

  attach(stream: HttpStream, remoteAddress: string): void {
    const { log } = this.#environment;
    const replaced = this.#detach();
    if (replaced !== undefined) {
      log.info(
        'closed TCP streaming connection with remote peer: it opened a new one',
        this.#facts(replaced),
      );
      replaced.stream.end();
    }
    const attachment = { stream, encoder: this.#kind.createEncoder(), remoteAddress };
    this.#attached = attachment;
    this.#wroteSinceHeartbeat = false;
    this.#dropping = false;
    this.#peer.status.activate();
    log.info('established TCP streaming connection with remote peer', this.#facts(attachment));
  }

  /** The connection behind `stream` is gone. */
  lost(stream: HttpStream): void {
    if (this.#attached?.stream !== stream) return;
    this.#fail('write', 'connection closed');
  }

  /** Call only while `working`; the message leaves with the next `flush`. */
  queue(message: Message): void {
    this.#queued.push(message);
  }

  flush(): void {
    const messages = this.#queued;
    const count = messages.length;
    if (count === 0) return;
    const attached = this.#attached;
    if (attached === undefined) {
      this.#dropQueued();
      return;
    }
    if (attached.stream.pendingBytes > this.#environment.limits.streamPendingBytes) {
      if (!this.#dropping) {
        this.#dropping = true;
        this.#environment.log.warn(
          'dropping raft messages since the sending buffer is full (overloaded network)',
          { ...this.#facts(attached), 'pending-bytes': attached.stream.pendingBytes },
        );
      }
      this.#dropQueued();
      return;
    }
    this.#dropping = false;
    const latency = this.#peer.latency;
    const startMs = latency === undefined ? 0 : this.#environment.clock.monotonicMs();
    const frames = attached.encoder.encode(messages);
    this.#queued = [];
    this.#write(attached, frames);
    if (latency === undefined) return;
    const nowMs = this.#environment.clock.monotonicMs();
    latency.succeed((nowMs - startMs) / count, count);
    const { sentAppends } = this.#environment;
    const bytesEach = frames.length / count;
    for (let i = 0; i < count; i++) sentAppends.record(nowMs, bytesEach);
  }

  /** Called a few times in every read timeout: keeps an idle stream alive. */
  tick(): void {
    const attached = this.#attached;
    if (attached === undefined) return;
    if (this.#wroteSinceHeartbeat) this.#wroteSinceHeartbeat = false;
    else {
      this.#write(attached, attached.encoder.heartbeat());
      this.#wroteSinceHeartbeat = false;
    }
  }

  close(): void {
    this.#detach()?.stream.end();
    this.#queued = [];
  }

  #write(attached: Attachment, bytes: Uint8Array): void {
    this.#wroteSinceHeartbeat = true;
    this.#peer.counters.sentBytes += bytes.length;
    attached.stream.write(bytes);
  }

  #dropQueued(): void {
    this.#peer.counters.sentFailures += this.#queued.length;
    this.#queued = [];
    this.#environment.reportUnreachable(this.#peer.id);
  }

  #fail(action: string, reason: string): void {
    const attached = this.#detach();
    if (attached === undefined) return;
    attached.stream.destroy();
    this.#peer.counters.sentFailures++;
    this.#peer.status.deactivate(`${action} ${this.#kind.name}`, reason);
    this.#environment.log.warn('lost TCP streaming connection with remote peer', {
      ...this.#facts(attached),
      error: reason,
    });
    this.#queued = [];
    this.#environment.reportUnreachable(this.#peer.id);
  }

  #detach(): Attachment | undefined {
    const attached = this.#attached;
    this.#attached = undefined;
    return attached;
  }

  #facts(attached: Attachment): Record<string, string> {
    return { 'stream-writer-type': this.#kind.name, 'remote-address': attached.remoteAddress };
  }
}
