/**
 * `GET /v2/keys/...?wait=true`: a long poll answers with one event, a stream with all that follow. The head goes out when the watch
 * begins. A watcher is removed when its client goes away, and when more waits for the client than it takes.
 */
import type { HttpExchange, HttpStream } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { encodeEvent } from '../../store/v2/event-encoder.ts';
import type { V2Error, V2Event, V2Watcher } from '../../store/v2/types.ts';
import type { KeyHeaders } from './key-headers.ts';
import type { KeyOptions } from './key-options.ts';
import { STORE_PREFIX_LENGTH } from './store-path.ts';

export class KeyWatches {
  readonly #server: QuorateServer;
  readonly #headers: KeyHeaders;
  readonly #backlogBytesMax: number;
  /** One change reaches many watchers: its text is made once. */
  #lastEvent: V2Event | undefined;
  #lastText = '';

  constructor(server: QuorateServer, headers: KeyHeaders, backlogBytesMax: number) {
    this.#server = server;
    this.#headers = headers;
    this.#backlogBytesMax = backlogBytesMax;
  }

  /** Returns the refusal, to be answered by the caller; undefined once the exchange belongs to the watch. */
  open(exchange: HttpExchange, path: string, options: KeyOptions): V2Error | undefined {
    const server = this.#server;
    /** Events of the past are delivered before `watch` returns. */
    let early: V2Event[] | undefined = [];
    let stream: HttpStream | undefined;
    let watcher: V2Watcher | undefined;

    const deliver = (event: V2Event): void => {
      if (stream === undefined || watcher === undefined) {
        early?.push(event);
        return;
      }
      if (exchange.closed) return;
      stream.write(this.#textOf(event));
      if (!options.stream) {
        stream.end();
        return;
      }
      if (stream.pendingBytes > this.#backlogBytesMax) {
        watcher.remove();
        stream.end();
      }
    };

    const outcome = server.store.watch(
      path,
      options.recursive,
      options.stream,
      options.since,
      deliver,
      server.nowNs(),
    );
    if (outcome.error !== undefined) return outcome.error;
    watcher = outcome.watcher;
    stream = exchange.begin(200, this.#headers.ofEvent(watcher.startIndex));
    if (exchange.closed) watcher.remove();
    else exchange.onClose(watcher.remove.bind(watcher));
    const events = early;
    early = undefined;
    for (const event of events) deliver(event);
    return undefined;
  }

  #textOf(event: V2Event): string {
    if (event !== this.#lastEvent) {
      this.#lastEvent = event;
      this.#lastText = encodeEvent(event, STORE_PREFIX_LENGTH);
    }
    return this.#lastText;
  }
}
