/**
 * /v2/keys: the hot path. A plain GET or PUT is parsed by hand, answered from the store or proposed, and rendered with the header block of
 * the answer before; everything unusual takes the exact path.
 */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer, ServerError, Submitted } from '../../server/contract.ts';
import { httpStatusOfV2Error, RAFT_INTERNAL, v2Error } from '../../store/v2/errors.ts';
import { encodeActionOnly, encodeError, encodeEvent } from '../../store/v2/event-encoder.ts';
import { openListing } from '../../store/v2/listing.ts';
import type { V2Error, V2Event, V2Outcome } from '../../store/v2/types.ts';
import { sendMethodNotAllowed } from '../http/answers.ts';
import { byteTextOf } from '../http/byte-text.ts';
import { parseMediaType } from '../http/media-type.ts';
import type { KeyMethod, KeyTraffic } from '../ops/key-traffic.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { AuthLookups } from './auth.ts';
import { KeyHeaders } from './key-headers.ts';
import { DEFAULT_KEY_OPTIONS, type KeyOptions, parseKeyOptions } from './key-options.ts';
import { KeyWatches } from './key-watches.ts';
import { type Defer, sendListing } from './listing-answer.ts';
import { STORE_PREFIX, STORE_PREFIX_LENGTH } from './store-path.ts';

export interface KeysOptions {
  readonly authLookups: AuthLookups;
  /** Bytes of a form in a request's body; a larger one is answered 413. */
  readonly bodyBytesMax: number;
  /** Bytes that may wait for a slow watcher before its stream is ended. */
  readonly watchBacklogBytesMax: number;
  readonly metrics: Metrics;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
  readonly defer: Defer;
}

const FORM_TYPE = 'application/x-www-form-urlencoded';
/** A form of the one field 'value' whose text stands for itself. */
const PLAIN_VALUE_FORM = /^value=[^&%+;\x80-\xff]*$/;
const VALUE_START = 'value='.length;
const ALLOW = 'HEAD,GET,PUT,POST,DELETE';

export class KeysEndpoint {
  readonly #server: QuorateServer;
  readonly #options: KeysOptions;
  readonly #headers: KeyHeaders;
  readonly #watches: KeyWatches;
  readonly #traffic: KeyTraffic;

  constructor(server: QuorateServer, options: KeysOptions) {
    this.#server = server;
    this.#options = options;
    this.#traffic = options.metrics.keys;
    this.#headers = new KeyHeaders(server);
    this.#watches = new KeyWatches(server, this.#headers, options.watchBacklogBytesMax);
  }

  /** `path` is the store path. */
  serve(exchange: HttpExchange, path: string): void {
    const method = exchange.method;
    switch (method) {
      case 'GET':
        if (exchange.query !== '') {
          this.#readWithOptions(exchange, method, path);
          return;
        }
        this.#options.authLookups.count++;
        this.#readLocally(exchange, method, path, DEFAULT_KEY_OPTIONS, this.#options.monotonicMs());
        return;
      case 'PUT':
      case 'POST':
        this.#writeWithForm(exchange, method, path);
        return;
      case 'DELETE':
        // Only its query counts.
        this.#writeWithOptions(exchange, method, path, '', undefined);
        return;
      case 'HEAD':
        this.#readWithOptions(exchange, method, path);
        return;
      default:
        sendMethodNotAllowed(exchange, ALLOW);
    }
  }

  #readWithOptions(exchange: HttpExchange, method: 'GET' | 'HEAD', path: string): void {
    const { options, error } = parseKeyOptions(method, '', undefined, exchange.query, this.#server.nowNs());
    if (error !== undefined) {
      this.#sendError(exchange, v2Error(error.errorCode, error.cause, 0));
      return;
    }
    this.#options.authLookups.count++;
    const startMs = this.#options.monotonicMs();
    if (method === 'GET' && options.quorum) {
      this.#server.awaitReadIndex((error) => {
        if (error === undefined) this.#readLocally(exchange, method, path, options, startMs);
        else this.#fail(exchange, method, error);
      });
      return;
    }
    if (options.wait) {
      this.#traffic.watchRequests++;
      const refused = this.#watches.open(exchange, path, options);
      if (refused !== undefined) this.#traffic.watchFailed(this.#sendError(exchange, refused));
      return;
    }
    this.#readLocally(exchange, method, path, options, startMs);
  }

  #readLocally(
    exchange: HttpExchange,
    method: 'GET' | 'HEAD',
    path: string,
    { recursive, sorted }: KeyOptions,
    startMs: number,
  ): void {
    const { monotonicMs, defer } = this.#options;
    const { store } = this.#server;
    const nowNs = this.#server.nowNs();
    const found = openListing(store, path, recursive, sorted, STORE_PREFIX_LENGTH, nowNs);
    if (found.error !== undefined) {
      this.#traffic.failed(method, this.#sendError(exchange, found.error));
      return;
    }
    if (found.event !== undefined) {
      const { event } = found;
      exchange.send(200, this.#headers.ofEvent(event.etcdIndex), encodeEvent(event, STORE_PREFIX_LENGTH));
    } else {
      sendListing(exchange, this.#headers.ofEvent(found.listing.etcdIndex), found.listing, defer);
    }
    this.#traffic.succeeded(method, monotonicMs() - startMs);
  }

  #writeWithForm(exchange: HttpExchange, method: 'PUT' | 'POST', path: string): void {
    const contentType = exchange.header('content-type', 'first');
    if (contentType === FORM_TYPE) {
      this.#readForm(exchange, method, path, undefined);
      return;
    }
    // Without a type, and with another, the body does not count.
    const media = contentType === undefined || contentType === '' ? undefined : parseMediaType(contentType);
    if (media?.type === FORM_TYPE) this.#readForm(exchange, method, path, undefined);
    else this.#writeWithOptions(exchange, method, path, '', media?.error);
  }

  #readForm(
    exchange: HttpExchange,
    method: 'PUT' | 'POST',
    path: string,
    formError: string | undefined,
  ): void {
    exchange.readBody(this.#options.bodyBytesMax, (body) => {
      const form = byteTextOf(body);
      if (exchange.query === '' && PLAIN_VALUE_FORM.test(form)) {
        const options: KeyOptions = { ...DEFAULT_KEY_OPTIONS, value: form.slice(VALUE_START) };
        this.#options.authLookups.count++;
        this.#submit(exchange, method, path, options);
        return;
      }
      this.#writeWithOptions(exchange, method, path, form, formError);
    });
  }

  #writeWithOptions(
    exchange: HttpExchange,
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    form: string,
    formError: string | undefined,
  ): void {
    const { options, error } = parseKeyOptions(method, form, formError, exchange.query, this.#server.nowNs());
    if (error !== undefined) {
      this.#sendError(exchange, v2Error(error.errorCode, error.cause, 0));
      return;
    }
    this.#options.authLookups.count++;
    this.#submit(exchange, method, path, options);
  }

  #submit(
    exchange: HttpExchange,
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    options: KeyOptions,
  ): void {
    const startMs = this.#options.monotonicMs();
    this.#server.submitV2(
      {
        method,
        path,
        value: options.value,
        dir: options.dir,
        prevValue: options.prevValue,
        prevIndex: options.prevIndex,
        prevExist: options.prevExist,
        expirationNs: options.expirationNs,
        wait: options.wait,
        since: options.since,
        recursive: options.recursive,
        sorted: options.sorted,
        quorum: options.quorum,
        timeNs: 0n,
        stream: options.stream,
        refresh: options.refresh,
      },
      (outcome) => this.#answer(exchange, method, options, startMs, outcome),
    );
  }

  #answer(
    exchange: HttpExchange,
    method: KeyMethod,
    options: KeyOptions,
    startMs: number,
    submitted: Submitted<V2Outcome>,
  ): void {
    const { monotonicMs } = this.#options;
    const traffic = this.#traffic;
    if (!submitted.ok) {
      this.#fail(exchange, method, submitted.error);
      return;
    }
    const { event, error } = submitted.value;
    if (event === undefined) {
      traffic.failed(method, this.#sendError(exchange, withExactPrevIndex(error, options)));
      return;
    }
    const status = isCreation(event) ? 201 : 200;
    const headers = this.#headers.ofEvent(event.etcdIndex);
    const isShort = options.noValueOnSuccess && isWrite(event);
    const body = isShort ? encodeActionOnly(event) : encodeEvent(event, STORE_PREFIX_LENGTH);
    exchange.send(status, headers, body);
    traffic.succeeded(method, monotonicMs() - startMs);
  }

  #fail(exchange: HttpExchange, method: KeyMethod, error: ServerError): void {
    this.#traffic.failed(method, this.#sendError(exchange, v2Error(RAFT_INTERNAL, error.message, 0)));
  }

  /** Returns the status. */
  #sendError(exchange: HttpExchange, error: V2Error): number {
    const status = httpStatusOfV2Error(error);
    exchange.send(status, this.#headers.ofError(error.index), encodeError(error, STORE_PREFIX));
    return status;
  }
}

function isCreation(event: V2Event): boolean {
  return event.action === 'create' || (event.action === 'set' && event.prevNode === undefined);
}

/** What `noValueOnSuccess` shortens: a deletion is told in full. */
function isWrite(event: V2Event): boolean {
  const action = event.action;
  return action === 'set' || action === 'create' || action === 'update' || action === 'compareAndSwap';
}

/** A failed comparison names the client's own number, though a smaller one stands in the log. */
function withExactPrevIndex(error: V2Error, options: KeyOptions): V2Error {
  if (options.hugePrevIndex === undefined) return error;
  return {
    ...error,
    cause: error.cause.replace(`[${options.prevIndex} != `, `[${options.hugePrevIndex} != `),
  };
}
