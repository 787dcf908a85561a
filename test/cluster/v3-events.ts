/** What one watch on everything, at one member, is told, as plain facts that can be compared. */

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { type GatewayFields, openGateway } from './v3-gateway.ts';

export class EventLog {
  readonly #events: GatewayFields[] = [];
  readonly #incoming: IncomingMessage;
  readonly #ended: Promise<void>;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => {};

  private constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    this.#ended = this.#read();
    // Told when it is waited for.
    this.#ended.catch(() => {});
  }

  /** The watch has begun. */
  static async open({ clientUrl }: { readonly clientUrl: string }, revision: number): Promise<EventLog> {
    const all = Buffer.from([0]).toString('base64');
    const incoming = await openGateway(clientUrl, '/v3/watch', {
      create_request: { key: all, range_end: all, start_revision: String(revision), prev_kv: true },
    });
    return new EventLog(incoming);
  }

  /** @returns all events, once there was one of this revision, which nothing follows; the watch ends. */
  async until(revision: number): Promise<readonly GatewayFields[]> {
    const reached = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    this.#wanted = revision;
    if (this.#last >= revision) this.#reached();
    await Promise.race([
      reached,
      this.#ended.then(() => {
        throw new Error(`a watch ended at revision ${this.#last}, before ${revision}`);
      }),
    ]);
    this.#incoming.destroy();
    return this.#events;
  }

  get #last(): number {
    const kv = this.#events.at(-1)?.['kv'] as GatewayFields | undefined;
    return Number(kv?.['mod_revision'] ?? 0);
  }

  async #read(): Promise<void> {
    this.#incoming.setEncoding('utf8');
    let text = '';
    for await (const piece of this.#incoming) {
      text += piece as string;
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) {
        const { result } = JSON.parse(line) as { result?: GatewayFields };
        assert.ok(result !== undefined && result['canceled'] !== true, line);
        this.#events.push(...((result['events'] as GatewayFields[] | undefined) ?? []));
      }
      if (this.#last >= this.#wanted) this.#reached();
    }
  }
}
