/**
 * Requests to other members: `node:http` and `node:https` with connections of our own making. Owns the deadlines (dial,
 * then silence) and the TLS options, which are asked for anew each time because certificates are replaced while we run.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as AgentHttps, request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

/** Members close idle connections after 5 s; we must be the first, or a request meets a closing connection. */
const IDLE_CONNECTION_MS = 4000;
const KEEP_ALIVE_PROBE_MS = 30_000;

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST';
  /** A member's URL; only scheme, host and port count. */
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialTimeoutMs: number;
  /** Longest silence in either direction once connected. */
  readonly silenceTimeoutMs: number;
}

export class OutgoingHttp {
  readonly #tlsOptions: () => ConnectionOptions | undefined;
  readonly #agent = new Agent({
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
    timeout: IDLE_CONNECTION_MS,
  });
  readonly #agentHttps = new AgentHttps({
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
    timeout: IDLE_CONNECTION_MS,
    // Each connection proves anew who it is, with the certificates of the day.
    maxCachedSessions: 0,
  });

  constructor(tlsOptions: (() => ConnectionOptions | undefined) | undefined) {
    this.#tlsOptions = tlsOptions ?? (() => undefined);
  }

  /**
   * A request whose body the caller has still to end; it must get an 'error' listener in the same turn, which hears of
   * missed deadlines too. Throws TypeError when `spec.url` is no URL.
   */
  open(spec: OutgoingRequest): ClientRequest {
    const target = new URL(spec.url);
    const secure = target.protocol === 'https:';
    target.pathname = spec.path;
    const options = {
      method: spec.method,
      headers: spec.headers,
      timeout: spec.dialTimeoutMs,
      noDelay: true,
      ...(secure ? this.#tlsOptions() : undefined),
    };
    const request = secure
      ? requestHttps(target, { ...options, agent: this.#agentHttps })
      : requestHttp(target, { ...options, agent: this.#agent });
    let connected = false;
    request.once('socket', (socket) => {
      const ready = (): void => {
        connected = true;
        socket.setTimeout(spec.silenceTimeoutMs);
      };
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', ready);
      else ready();
    });
    request.on('timeout', () => {
      const reason = connected
        ? `no data for ${spec.silenceTimeoutMs} ms`
        : `no connection within ${spec.dialTimeoutMs} ms`;
      request.destroy(new Error(reason));
    });
    return request;
  }

  /** Closes all connections, those in use too. */
  close(): void {
    this.#agent.destroy();
    this.#agentHttps.destroy();
  }
}

/** The whole body as text, at most `limitBytes`; `done` is called once, with undefined if the body broke off or is too long. */
export function readText(
  response: IncomingMessage,
  limitBytes: number,
  done: (text: string | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let settled = false;
  const settle = (text: string | undefined): void => {
    if (settled) return;
    settled = true;
    done(text);
  };
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limitBytes) chunks.push(chunk);
    else {
      settle(undefined);
      response.destroy();
    }
  });
  response.on('end', () => settle(Buffer.concat(chunks).toString('utf8')));
  response.on('error', () => settle(undefined));
  response.on('close', () => settle(undefined));
}
