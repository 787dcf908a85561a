/**
 * One client of the v3 store that asks one thing at a time and records what it sees: puts, deletions, ranges of one key and of a few, linearizable
 * and serializable, and transactions that compare and change two keys at once.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { Target } from '../workload.ts';
import { endOfPrefix, type GatewayAnswer, GatewayClient } from './gateway-client.ts';
import { gatewayCall, kvAnswer } from './kv-gateway.ts';
import type { KvHistory } from './kv-history.ts';
import { isWriting, type KvRequest, pastRevision, single } from './kv-request.ts';

const tempers = {
  mixed: { thinkMsMax: 40, answerBoundMs: 3_000 },
  /** Only linearizable reads, always at the same place: who sees what a member says that has been cut off, or lags. */
  loyal: { thinkMsMax: 24, answerBoundMs: 400 },
} as const;

const refusedPauseMs = 30;
/** How far back it reads. */
const pastRevisionsMax = 40;

export type KvClientKind = keyof typeof tempers;

export interface KvClientOptions {
  readonly id: number;
  readonly kind: KvClientKind;
  readonly history: KvHistory;
  readonly random: SeededRandom;
  readonly targets: () => readonly Target[];
}

export class KvClient {
  readonly #options: KvClientOptions;
  readonly #clients = new Map<string, GatewayClient>();
  /** The mod revision it last saw of a key, to compare with; 0 for none. */
  readonly #known = new Map<string, number>();
  #asked = 0;
  /** The latest revision it was answered at. */
  #seen = 0;
  #isStopping = false;

  constructor(options: KvClientOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { id, kind, random, targets } = this.#options;
    let target = random.pick(targets());
    while (!this.#isStopping) {
      if (kind === 'loyal') target = targets()[id % targets().length]!;
      const request = this.#draw();
      const isContent = await this.#ask(target, request);
      // Another member has to know at once of what one has acknowledged.
      if (isContent && isWriting(request) && random.below(3) === 0 && !this.#isStopping)
        await this.#ask(random.pick(targets()), single({ kind: 'range', key: request.success[0]!.key }));
      if (!isContent || random.below(25) === 0) target = random.pick(targets());
      // Whoever is just starting needs the processor more.
      if (!isContent) await pause(refusedPauseMs);
      await pause(1 + random.below(tempers[kind].thinkMsMax));
    }
    for (const client of this.#clients.values()) client.close();
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** False if the member does not serve well now. */
  async #ask({ name, clientUrl }: Target, request: KvRequest): Promise<boolean> {
    const { id, kind, history } = this.#options;
    let client = this.#clients.get(clientUrl);
    if (client === undefined) {
      client = new GatewayClient(clientUrl, tempers[kind].answerBoundMs);
      this.#clients.set(clientUrl, client);
    }
    const { path, body } = gatewayCall(request);
    const calledAt = performance.now();
    const past = pastRevision(request) ?? Number.POSITIVE_INFINITY;
    const compactedBefore = history.compaction.acknowledged;
    const asked = { client: id, member: name, request, calledAt };
    let said: GatewayAnswer | undefined;
    let isSent = true;
    try {
      said = await client.call(path, body);
    } catch (error) {
      isSent = (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
    }
    if (said?.fields === undefined) {
      history.unanswered++;
      if (said?.isDefinite === true) {
        // Nobody else compacts, so that it is known how far that can have gone.
        if (past < history.compaction.attempted && said.error.includes('has been compacted')) return true;
        history.fault(`${name} refused ${JSON.stringify(request)}: ${said.error}`);
      } else if (isSent && isWriting(request))
        history.record({ ...asked, answer: undefined, answeredAt: Number.POSITIVE_INFINITY });
      return false;
    }
    if (past < compactedBefore)
      history.fault(`${name} answered a range at ${past} after ${compactedBefore} was compacted`);
    const answer = kvAnswer(request, said.fields);
    this.#seen = Math.max(this.#seen, answer.revision);
    history.record({ ...asked, answer, answeredAt: performance.now() });
    const operations = answer.succeeded ? request.success : request.failure;
    operations.forEach(({ kind: did, key }, at) => {
      if (past !== Number.POSITIVE_INFINITY) return;
      if (did === 'range') for (const kv of answer.results[at]!) this.#known.set(kv.key, kv.modRevision);
      else this.#known.set(key, did === 'put' ? answer.revision : 0);
    });
    return true;
  }

  #draw(): KvRequest {
    const { id, kind, history, random } = this.#options;
    const { prefix, keys } = history.keySet();
    const key = random.pick(keys);
    const other = random.pick(keys.filter((each) => each !== key));
    const value = `${id}.${this.#asked++}`;
    const end = endOfPrefix(prefix);
    const drawn = random.below(100);
    if (drawn < 25 || (kind === 'loyal' && drawn < 80)) return single({ kind: 'range', key });
    if (drawn < 32 || kind === 'loyal') return single({ kind: 'range', key: prefix, end });
    if (drawn < 42) return single({ kind: 'range', key: prefix, end }, true);
    if (drawn < 46) {
      const revision = this.#seen - random.below(pastRevisionsMax);
      return single({ kind: 'range', key: prefix, end, ...(revision > 0 && { revision }) });
    }
    if (drawn < 62) return single({ kind: 'put', key, value });
    if (drawn < 68) return single({ kind: 'delete', key });
    if (drawn < 70) return single({ kind: 'delete', key: prefix, end });
    const expected = this.#known.get(key) ?? 0;
    return {
      via: 'txn',
      isSerializable: false,
      conditions: [
        drawn < 90
          ? { key, target: 'MOD', number: expected }
          : { key, target: 'VERSION', number: expected === 0 ? 0 : 1 },
      ],
      success: [
        { kind: 'put', key, value },
        drawn % 3 === 0 ? { kind: 'delete', key: other } : { kind: 'put', key: other, value: `${value}+` },
      ],
      failure: [{ kind: 'range', key: prefix, end }],
    };
  }
}
