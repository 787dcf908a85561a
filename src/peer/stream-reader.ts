/**
 * The other half of a stream: we ask the peer for its stream, it writes frames into the answer for as long as both live.
 * Lost or refused, the stream is asked for again, at most every `retryMs`, on the peer's next URL.
 *
 *   GET /raft/stream/<segment>/<our id>
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Timer } from '../ports/clock.ts';
import type { MemberId, Message } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { readText } from './outgoing-http.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { explainPreconditionFailed, requestHeaders, SNAPSHOT_HEADER_LOWER } from './peer-headers.ts';
import type { PeerStatus } from './peer-status.ts';
import { speaksOurStreams } from './server-version.ts';
import type { UrlPicker } from './url-picker.ts';

const REFUSAL_BYTES = 64 * 1024;

/** State of one direction of one stream, fresh for each connection. Throws on bytes that are no frames. */
export interface StreamDecoder {
  push(chunk: Uint8Array): void;
}

export interface IncomingStreamKind {
  readonly name: string;
  readonly segment: string;
  /** `onMessage` gets the message and the bytes its frame took; heartbeats of the link are not messages. */
  createDecoder(
    local: MemberId,
    remote: MemberId,
    messageBytesMax: number,
    onMessage: (message: Message, frameBytes: number) => void,
  ): StreamDecoder;
}

export interface StreamReaderPeer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly counters: PeerCounters;
  /** The peer's answer said (or did not say) that it takes snapshots of our kind. */
  noteSnapshotKind(kind: string | undefined): void;
  receive(message: Message, frameBytes: number): void;
}

export class StreamReader {
  readonly #environment: PeerEnvironment;
  readonly #peer: StreamReaderPeer;
  readonly #kind: IncomingStreamKind;
  #request: ClientRequest | undefined;
  #retry: Timer | undefined;
  #dialledAtMs = Number.NEGATIVE_INFINITY;
  /** The failure logged last; the same one ten times a second is no news. */
  #lastFailure = '';
  #closed = false;

  constructor(environment: PeerEnvironment, peer: StreamReaderPeer, kind: IncomingStreamKind) {
    this.#environment = environment;
    this.#peer = peer;
    this.#kind = kind;
  }

  start(): void {
    this.#dial();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#request?.destroy();
  }

  #dial(): void {
    const { memberId, limits, http, clock } = this.#environment;
    const url = this.#peer.picker.url;
    this.#dialledAtMs = clock.monotonicMs();
    const request = http.open({
      method: 'GET',
      url,
      path: `/raft/stream/${this.#kind.segment}/${formatId(memberId)}`,
      headers: { ...requestHeaders(this.#environment), 'X-Raft-To': formatId(this.#peer.id) },
      dialTimeoutMs: limits.dialTimeoutMs,
      silenceTimeoutMs: limits.readTimeoutMs,
    });
    this.#request = request;
    request.on('error', (error) => this.#ended(request, url, 'dial', error.message));
    request.on('response', (response) => this.#answered(request, url, response));
    request.end();
  }

  #answered(request: ClientRequest, url: string, response: IncomingMessage): void {
    const version = response.headers['x-server-version'];
    const status = response.statusCode ?? 0;
    // From here on failures show on the response; the request may still emit the same error once more.
    if (status !== 200) {
      readText(response, REFUSAL_BYTES, (body) => {
        this.#refused(status, response, body ?? '', (reason) => this.#ended(request, url, 'dial', reason));
      });
      return;
    }
    if (!speaksOurStreams(typeof version === 'string' ? version : undefined)) {
      this.#ended(
        request,
        url,
        'dial',
        `unsupported stream type: the peer runs version ${String(version ?? '2.0')}`,
      );
      return;
    }
    const kind = response.headers[SNAPSHOT_HEADER_LOWER];
    this.#peer.noteSnapshotKind(typeof kind === 'string' ? kind : undefined);
    this.#peer.status.activate();
    this.#lastFailure = '';
    this.#environment.log.info('established TCP streaming connection with remote peer', this.#facts(url));
    this.#decode(request, url, response);
  }

  #decode(request: ClientRequest, url: string, response: IncomingMessage): void {
    const decoder = this.#kind.createDecoder(
      this.#environment.memberId,
      this.#peer.id,
      this.#environment.limits.messageBytes,
      (message, frameBytes) => this.#peer.receive(message, frameBytes),
    );
    response.on('data', (chunk: Buffer) => {
      if (this.#request !== request) return;
      this.#peer.counters.receivedBytes += chunk.length;
      try {
        decoder.push(chunk);
      } catch (error) {
        this.#peer.counters.receivedFailures++;
        this.#ended(request, url, 'read', (error as Error).message);
      }
    });
    response.on('end', () => this.#ended(request, url, 'read', 'EOF'));
    response.on('error', (error) => this.#ended(request, url, 'read', error.message));
    response.on('close', () => this.#ended(request, url, 'read', 'connection closed'));
  }

  #refused(status: number, response: IncomingMessage, body: string, done: (reason: string) => void): void {
    const { id } = this.#peer;
    switch (status) {
      case 410:
        this.#environment.reportGone(id);
        done('the member has been permanently removed from the cluster');
        return;
      case 404:
        done(`peer ${formatId(id)} failed to find local node ${formatId(this.#environment.memberId)}`);
        return;
      case 412: {
        const clusterId = response.headers['x-etcd-cluster-id'];
        const remote = typeof clusterId === 'string' ? clusterId : undefined;
        done(explainPreconditionFailed(this.#environment, id, body, remote));
        return;
      }
      default:
        done(`unhandled http status ${status}: ${body.trimEnd().slice(0, 200)}`);
    }
  }

  /** The end of one attempt or one connection, however it comes; only the first word about it counts. */
  #ended(request: ClientRequest, url: string, action: 'dial' | 'read', reason: string): void {
    if (this.#request !== request) return;
    this.#request = undefined;
    request.destroy();
    if (this.#closed) return;
    const { clock, limits, log } = this.#environment;
    if (action === 'dial' || reason !== 'EOF') {
      this.#peer.picker.failed(url);
      this.#peer.status.deactivate(`${action} ${this.#kind.name}`, reason);
    }
    const failure = `${action} ${reason}`;
    if (failure !== this.#lastFailure) {
      this.#lastFailure = failure;
      const sentence =
        action === 'read'
          ? 'lost TCP streaming connection with remote peer'
          : 'failed to open TCP streaming connection with remote peer';
      log.warn(sentence, { ...this.#facts(url), error: reason });
    }
    const waitMs = Math.max(0, this.#dialledAtMs + limits.retryMs - clock.monotonicMs());
    this.#retry = clock.schedule(waitMs, () => this.#dial());
  }

  #facts(url: string): Record<string, string> {
    return { 'stream-reader-type': this.#kind.name, 'remote-address': url };
  }
}
