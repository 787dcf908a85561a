/**
 * Follows every change below a prefix through the gateway's watch, one member after another, going on behind the last revision seen.
 *
 * Invariant: `events` holds whole revisions only, in the order they were told.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { Target } from '../workload.ts';
import { endOfPrefix, GatewayClient, type GatewayFields, listOf, toBase64 } from './gateway-client.ts';
import { keyValueOf } from './kv-gateway.ts';
import type { KeyValue } from './kv-request.ts';

export interface KvEvent {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly after: KeyValue | undefined;
  /** As the event tells it; undefined for nothing. */
  readonly before: KeyValue | undefined;
  /** Who told. */
  readonly member: string;
  /** `performance.now()` when it was heard of. */
  readonly seenAtMs: number;
}

/** Without an event for so long another member is asked: this one may be cut off. */
const silenceMs = 1_500;

export class KvWatcher {
  readonly events: KvEvent[] = [];
  readonly faults: string[] = [];
  /** Times it went on at another member. */
  moves = 0;
  readonly #prefix: string;
  readonly #random: SeededRandom;
  readonly #targets: () => readonly Target[];
  #nextRevision: number;
  #client: GatewayClient | undefined;
  #isStopping = false;

  constructor(prefix: string, fromRevision: number, random: SeededRandom, targets: () => readonly Target[]) {
    this.#prefix = prefix;
    this.#nextRevision = fromRevision;
    this.#random = random;
    this.#targets = targets;
  }

  /** The next revision it asks for. */
  get nextRevision(): number {
    return this.#nextRevision;
  }

  async run(): Promise<void> {
    while (!this.#isStopping) {
      const target = this.#random.pick(this.#targets());
      this.#client = new GatewayClient(target.clientUrl, silenceMs);
      this.moves++;
      // However the stream ends, it goes on elsewhere.
      await this.#follow(this.#client, target.name).catch(() => {});
      this.#client.close();
      await pause(5);
    }
  }

  stop(): void {
    this.#isStopping = true;
    this.#client?.close();
  }

  async #follow(client: GatewayClient, member: string): Promise<void> {
    const incoming = await client.open('/v3/watch', {
      create_request: {
        key: toBase64(this.#prefix),
        range_end: toBase64(endOfPrefix(this.#prefix)),
        start_revision: String(this.#nextRevision),
        prev_kv: true,
      },
    });
    incoming.setEncoding('utf8');
    let text = '';
    for await (const piece of incoming) {
      text += piece as string;
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) {
        const { result, error } = JSON.parse(line) as { result?: GatewayFields; error?: unknown };
        if (result === undefined || result['canceled'] === true) {
          if (result?.['compact_revision'] !== undefined)
            this.#fault(`${member} says that revisions were compacted: ${line}`);
          else if (error === undefined && result === undefined) this.#fault(`${member} told ${line}`);
          return;
        }
        this.#take(listOf(result['events']), member);
      }
      if (this.#isStopping) return;
    }
  }

  #take(events: readonly GatewayFields[], member: string): void {
    for (const fields of events) {
      const kv = keyValueOf((fields['kv'] ?? {}) as GatewayFields);
      const before = fields['prev_kv'] as GatewayFields | undefined;
      this.events.push({
        revision: kv.modRevision,
        key: kv.key,
        after: fields['type'] === 'DELETE' ? undefined : kv,
        before: before === undefined ? undefined : keyValueOf(before),
        member,
        seenAtMs: performance.now(),
      });
      if (kv.modRevision < this.#nextRevision)
        this.#fault(`${member} told revision ${kv.modRevision} to a watch from ${this.#nextRevision}`);
    }
    // Only now: all events of one revision come in one answer.
    const last = this.events.at(-1);
    if (events.length > 0 && last !== undefined) this.#nextRevision = last.revision + 1;
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}
