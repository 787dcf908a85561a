/**
 * A client of the v2 API as an application would use one: keep-alive connections, form bodies, JSON answers, a deadline.
 * No retries: whoever calls decides what an error means for the write it was.
 */

import { Agent, request as httpRequest } from 'node:http';
import { WAIT_MS_MAX } from './wait-bound.ts';

export interface V2Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface V2Node {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: boolean;
  readonly nodes?: readonly V2Node[];
  readonly createdIndex?: number;
  readonly modifiedIndex?: number;
  readonly ttl?: number;
  readonly expiration?: string;
}

export class V2Client {
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #timeoutMs: number;

  constructor(url: string, timeoutMs = WAIT_MS_MAX) {
    this.url = url;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws when no answer came: refused, reset or late. Whether the request took effect is then unknown. */
  send(method: string, path: string, body?: string, contentType?: string): Promise<V2Answer> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = {};
      if (body !== undefined) {
        headers['Content-Type'] = contentType ?? 'application/x-www-form-urlencoded';
        headers['Content-Length'] = String(Buffer.byteLength(body));
      }
      const outgoing = httpRequest(
        this.url + path,
        { method, headers, agent: this.#agent, timeout: this.#timeoutMs },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text: Buffer.concat(chunks).toString('utf8'),
            }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${this.#timeoutMs} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  get(path: string): Promise<V2Answer> {
    return this.send('GET', path);
  }

  put(key: string, form: Readonly<Record<string, string>>): Promise<V2Answer> {
    return this.send('PUT', `/v2/keys${key}`, new URLSearchParams(form).toString());
  }

  post(key: string, form: Readonly<Record<string, string>>): Promise<V2Answer> {
    return this.send('POST', `/v2/keys${key}`, new URLSearchParams(form).toString());
  }

  delete(keyAndQuery: string): Promise<V2Answer> {
    return this.send('DELETE', `/v2/keys${keyAndQuery}`);
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }
}

/** @throws with the answer when its status is another one. */
export function expectStatus(answer: V2Answer, ...statuses: readonly number[]): V2Answer {
  if (!statuses.includes(answer.status)) {
    throw new Error(`expected ${statuses.join(' or ')}, got ${answer.status}: ${answer.text.slice(0, 500)}`);
  }
  return answer;
}

/** The `node` of a v2 answer. */
export function nodeOf(answer: V2Answer): V2Node {
  return (JSON.parse(answer.text) as { node: V2Node }).node;
}

/** X-Etcd-Index. */
export function etcdIndexOf(answer: V2Answer): number {
  return Number(answer.headers['x-etcd-index']);
}
