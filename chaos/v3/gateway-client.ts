/**
 * A client of v3's JSON gateway as an application would write one: keep-alive connections, base64 for bytes, a deadline, no retries.
 *
 * An answer is definite unless its code says that the cluster did not come to an end with the request: then it may have been done, and may be
 * done yet.
 */

import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';

/** Fields as the gateway prints them: snake case, 64-bit numbers as strings, zero and empty left out. */
export type GatewayFields = { readonly [field: string]: unknown };

export interface GatewayAnswer {
  readonly isDefinite: boolean;
  /** Undefined for an error. */
  readonly fields: GatewayFields | undefined;
  /** What an error says, '' for none. */
  readonly error: string;
}

/** gRPC codes of a request that was refused or found impossible before anything was done: invalid argument, not found, precondition, out of range. */
const definiteCodes: readonly number[] = [3, 5, 9, 11];

export class GatewayClient {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  constructor(url: string, timeoutMs: number) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws when no answer came: refused, reset, late, or cut off. */
  async call(path: string, body: unknown): Promise<GatewayAnswer> {
    const incoming = await this.open(path, body);
    incoming.setEncoding('utf8');
    let text = '';
    for await (const piece of incoming) text += piece as string;
    let parsed: GatewayFields;
    try {
      parsed = JSON.parse(text) as GatewayFields;
    } catch {
      return { isDefinite: false, fields: undefined, error: `${incoming.statusCode} ${text}` };
    }
    if (incoming.statusCode === 200 && parsed['error'] === undefined) {
      // A stream's answer is a line of its own kind.
      const fields = (parsed['result'] ?? parsed) as GatewayFields;
      return { isDefinite: true, fields, error: '' };
    }
    const inner = parsed['error'] as GatewayFields | string | undefined;
    const told = typeof inner === 'object' ? inner : parsed;
    const code = Number(told['code'] ?? told['grpc_code'] ?? 2);
    return { isDefinite: definiteCodes.includes(code), fields: undefined, error: text.trim() };
  }

  /** The head of the answer has come; what follows is for the caller. Without a sign of life for the time of the deadline it is cut off. */
  open(path: string, body: unknown): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        this.#url + path,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: this.#timeoutMs,
          headers: { 'Content-Type': 'application/json' },
        },
        resolve,
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${this.#timeoutMs} ms`)));
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function fromBase64(text: unknown): string {
  return Buffer.from((text as string | undefined) ?? '', 'base64').toString();
}

/** A number that is left out is 0. */
export function numberOf(field: unknown): number {
  return Number(field ?? 0);
}

/** The revision in an answer's header. */
export function revisionOf(fields: GatewayFields): number {
  return numberOf((fields['header'] as GatewayFields | undefined)?.['revision']);
}

/** A list that is left out is empty. */
export function listOf(field: unknown): readonly GatewayFields[] {
  return (field as readonly GatewayFields[] | undefined) ?? [];
}

/** The first key behind all that begin with `prefix`, which ends in an ASCII character. */
export function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
