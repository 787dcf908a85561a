/**
 * Compacts the store behind what every watcher has seen, again and again, every other time until the rows are gone. The member that has done it
 * has to refuse what was before, to readers and to watchers, and to have what was at the compacted revision.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { Target } from '../workload.ts';
import { GatewayClient, type GatewayFields, numberOf, toBase64 } from './gateway-client.ts';
import { type KvHistory, kvPrefix } from './kv-history.ts';

const answerBoundMs = 3_000;
const pauseMsMax = 1_500;

export interface CompactionOptions {
  readonly history: KvHistory;
  readonly random: SeededRandom;
  readonly targets: () => readonly Target[];
  /** The last revision that all watchers have seen. */
  readonly seenByAll: () => number;
}

export class CompactionClient {
  done = 0;
  refusals = 0;
  readonly #options: CompactionOptions;
  #isStopping = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { random, targets } = this.#options;
    while (!this.#isStopping) {
      await pause(1 + random.below(pauseMsMax));
      const { name, clientUrl } = random.pick(targets());
      const client = new GatewayClient(clientUrl, answerBoundMs);
      // However it fails, it goes on elsewhere.
      await this.#compact(client, name).catch(() => {
        this.#options.history.unanswered++;
      });
      client.close();
    }
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #compact(client: GatewayClient, member: string): Promise<void> {
    const { history, random, seenByAll } = this.#options;
    // Mostly right behind the slowest watcher.
    const revision = seenByAll() - (random.below(3) === 0 ? random.below(30) : 0);
    // The revision before it is asked about, and 0 would mean now.
    if (revision <= Math.max(history.compaction.attempted, 1)) return;
    history.compaction.attempted = revision;
    const physical = random.below(2) === 0;
    const said = await client.call('/v3/kv/compaction', { revision: String(revision), physical });
    if (said.fields === undefined) {
      if (said.isDefinite) history.fault(`${member} refused to compact ${revision}: ${said.error}`);
      return;
    }
    history.compaction.acknowledged = revision;
    this.done++;
    await this.#isRefused(client, member, revision - 1);
    const kept = await this.#rangeAt(client, revision);
    if (kept.fields === undefined && kept.isDefinite)
      history.fault(`${member} compacted ${revision} and has nothing of it: ${kept.error}`);
  }

  async #isRefused(client: GatewayClient, member: string, revision: number): Promise<void> {
    const { history } = this.#options;
    const read = await this.#rangeAt(client, revision);
    if (read.fields !== undefined)
      history.fault(`${member} compacted ${revision + 1} and answers a range at ${revision}`);
    else if (read.isDefinite) this.refusals++;
    // The first line says that the watch is there, the second that it is not to be.
    const incoming = await client.open('/v3/watch', {
      create_request: { key: toBase64(kvPrefix), start_revision: String(revision) },
    });
    incoming.setEncoding('utf8');
    let text = '';
    for await (const piece of incoming) {
      text += piece as string;
      for (const line of text.split('\n').slice(0, -1)) {
        const { result } = JSON.parse(line) as { result?: GatewayFields };
        if (result?.['canceled'] !== true) continue;
        if (numberOf(result['compact_revision']) < revision + 1)
          history.fault(`${member} compacted ${revision + 1} and tells a watch: ${line}`);
        this.refusals++;
        return;
      }
    }
  }

  #rangeAt(client: GatewayClient, revision: number): ReturnType<GatewayClient['call']> {
    return client.call('/v3/kv/range', { key: toBase64(kvPrefix), revision: String(revision) });
  }
}
