/**
 * The workload of the v3 store over the JSON gateway: transactions, puts, deletions, ranges, leases, watches and compactions. In the end every member has
 * to hold what the watchers saw, and to have the same HashKV.
 */

import { isDeepStrictEqual } from 'node:util';
import { until } from '../../test/support/until.ts';
import { checkExpiry } from '../check-expiry.ts';
import { ClockHistory } from '../clock-history.ts';
import type { KeyLife } from '../key-life.ts';
import { restBoundMs, type Workload, type WorkloadContext } from '../workload.ts';
import { checkKvHistory } from './check-kv-history.ts';
import { CompactionClient } from './compaction-client.ts';
import {
  endOfPrefix,
  GatewayClient,
  type GatewayFields,
  listOf,
  revisionOf,
  toBase64,
} from './gateway-client.ts';
import { type HashKv, hashKv } from './hash-kv.ts';
import { KvClient, type KvClientKind } from './kv-client.ts';
import { keyValueOf } from './kv-gateway.ts';
import { KvHistory, kvPrefix } from './kv-history.ts';
import { KvLog } from './kv-log.ts';
import type { KeyValue } from './kv-request.ts';
import { KvWatcher } from './kv-watcher.ts';
import { LeaseClient } from './lease-client.ts';

/** Loyal readers first: their place is their number, and there is one for each member. */
const kinds: readonly KvClientKind[] = [
  ...Array<KvClientKind>(3).fill('loyal'),
  ...Array<KvClientKind>(6).fill('mixed'),
];
const leaseClientCount = 2;
const watcherCount = 2;
interface MemberState extends HashKv {
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
}

const everything = { key: toBase64(kvPrefix), range_end: toBase64(endOfPrefix(kvPrefix)) };

export class KvWorkload implements Workload {
  readonly name = 'v3 store';
  readonly #context: WorkloadContext;
  readonly #history = new KvHistory();
  readonly #clients: readonly KvClient[];
  readonly #leaseClients: readonly LeaseClient[];
  readonly #compacter: CompactionClient;
  #watchers: readonly KvWatcher[] = [];
  #firstRevision = 0;
  #asking: Promise<unknown> = Promise.resolve();
  #watching: Promise<unknown> = Promise.resolve();

  constructor(context: WorkloadContext) {
    this.#context = context;
    const { random, members: targets } = context;
    const history = this.#history;
    this.#clients = kinds.map((kind, id) => new KvClient({ id, kind, history, random, targets }));
    this.#leaseClients = Array.from(
      { length: leaseClientCount },
      (_, id) => new LeaseClient(id, history, random, targets),
    );
    const seenByAll = (): number => Math.min(...this.#watchers.map(({ nextRevision }) => nextRevision)) - 1;
    this.#compacter = new CompactionClient({ history, random, targets, seenByAll });
  }

  #askers(): readonly (KvClient | LeaseClient | CompactionClient)[] {
    return [...this.#clients, ...this.#leaseClients, this.#compacter];
  }

  async begin(): Promise<void> {
    const { random, members } = this.#context;
    this.#firstRevision =
      (await until('the first revision', () => this.#stateOf(members()[0]!.clientUrl))).revision + 1;
    this.#watchers = Array.from(
      { length: watcherCount },
      () => new KvWatcher(kvPrefix, this.#firstRevision, random, members),
    );
    this.#asking = Promise.all(this.#askers().map((each) => each.run()));
    this.#watching = Promise.all(this.#watchers.map((each) => each.run()));
    // Wherever it fails, it is told at the end; until then nobody waits for it.
    this.#asking.catch(() => {});
    this.#watching.catch(() => {});
  }

  get faults(): readonly string[] {
    return [...this.#history.faults, ...this.#watchers.flatMap(({ faults }) => faults)];
  }

  hasWrittenSince(fromMs: number): boolean {
    const { requests } = this.#history;
    for (let at = requests.length - 1; at >= 0 && requests[at]!.answeredAt > fromMs; at--) {
      const { calledAt, answer, request } = requests[at]!;
      if (calledAt > fromMs && answer !== undefined && request.via === 'put') return true;
    }
    return false;
  }

  get acknowledgedWrites(): number {
    return this.#history.acknowledgedWrites;
  }

  /** Of each member, at its own revision, which it tells, too. */
  hashes(): Promise<readonly string[]> {
    return Promise.all(
      this.#context.members().map(async ({ clientUrl }) => {
        const { revision, hash } = await this.#stateOf(clientUrl);
        return `${hash} at revision ${revision}`;
      }),
    );
  }

  async stop(): Promise<void> {
    for (const client of this.#askers()) client.stop();
    await this.#asking;
  }

  async check(): Promise<readonly string[]> {
    const { revision, kvs } = await this.#agreed();
    await until(
      'all watches at the last revision',
      () => this.#watchers.every((watcher) => watcher.nextRevision > revision),
      restBoundMs,
    );
    for (const watcher of this.#watchers) watcher.stop();
    await this.#watching;
    const log = new KvLog(this.#firstRevision, this.#watchers);
    const { faults, store } = checkKvHistory(this.#history.requests, log);
    const found = [...this.faults, ...faults];
    if (!isDeepStrictEqual(kvs, store.all()))
      found.push(`the members hold ${JSON.stringify(kvs)}, by the watches ${JSON.stringify(store.all())}`);
    if (!this.#context.areLeasesExact) return found;
    // A lease's time is measured, not read from the wall clock.
    return [...found, ...checkExpiry(this.#livesWithEvents(), new ClockHistory())];
  }

  end(): void {
    for (const client of this.#askers()) client.stop();
    for (const watcher of this.#watchers) watcher.stop();
  }

  figures(): Readonly<Record<string, number>> {
    const { requests, unanswered } = this.#history;
    const count = (via: string): number => requests.filter(({ request }) => request.via === via).length;
    const leases = this.#leaseClients.flatMap(({ lives }) => lives);
    return {
      'v3 puts': count('put'),
      'v3 deletions': count('delete'),
      'v3 transactions': count('txn'),
      'v3 ranges': count('range'),
      'v3 unanswered': unanswered,
      'v3 events watched': this.#watchers[0]?.events.length ?? 0,
      'v3 watches begun': this.#watchers.reduce((sum, { moves }) => sum + moves, 0),
      compactions: this.#compacter.done,
      'refusals of what was compacted': this.#compacter.refusals,
      'leases granted': leases.length,
      'keep-alives': leases.reduce((sum, life) => sum + life.leases.length - 1, 0),
      'leases revoked': this.#leaseClients.reduce((sum, { revoked }) => sum + revoked, 0),
    };
  }

  evidence(): ReadonlyMap<string, string> {
    const lines = (all: readonly unknown[]): string =>
      `${all.map((each) => JSON.stringify(each)).join('\n')}\n`;
    return new Map([
      ['v3-requests.jsonl', lines(this.#history.requests)],
      ['v3-leases.jsonl', lines(this.#leaseClients.flatMap(({ lives }) => lives))],
      ...this.#watchers.map(({ events }, at): [string, string] => [`v3-events-${at}.jsonl`, lines(events)]),
    ]);
  }

  /** When no lease has a key any more: what every member holds, all of them alike, at one revision. */
  async #agreed(): Promise<MemberState> {
    const { members, launchStopped } = this.#context;
    return until(
      'all members hold the same at one revision, without keys of leases',
      async () => {
        launchStopped();
        const states = await Promise.all(members().map(({ clientUrl }) => this.#stateOf(clientUrl)));
        const [first] = states;
        const other = states.find((state) => !isDeepStrictEqual(state, first));
        if (other !== undefined) throw new Error(`${JSON.stringify(first)} and ${JSON.stringify(other)}`);
        const leased = first!.kvs.find(({ lease }) => lease !== '0');
        if (leased !== undefined) throw new Error(`${leased.key} is still there`);
        return first!;
      },
      restBoundMs,
    );
  }

  async #stateOf(url: string): Promise<MemberState> {
    const client = new GatewayClient(url, 60_000);
    const ask = async (path: string, body: GatewayFields): Promise<GatewayFields> => {
      const { fields, error } = await client.call(path, body);
      if (fields === undefined) throw new Error(`${path}: ${error}`);
      return fields;
    };
    try {
      const fields = await ask('/v3/kv/range', everything);
      const revision = revisionOf(fields);
      const { hash, compactRevision } = await hashKv(url, revision);
      return { revision, kvs: listOf(fields['kvs']).map(keyValueOf), hash, compactRevision };
    } finally {
      client.close();
    }
  }

  /** A deletion that a watcher was told of counts as having been seen by then; what happens after a revocation is not held against anyone. */
  #livesWithEvents(): KeyLife[] {
    const gone = new Map(
      this.#watchers.flatMap(({ events }) =>
        events.filter(({ after }) => after === undefined).map((event) => [event.key, event] as const),
      ),
    );
    return this.#leaseClients
      .flatMap(({ lives }) => lives)
      .filter(({ isRevoked }) => !isRevoked)
      .map((life) => {
        const event = gone.get(life.key);
        if (event === undefined) return life;
        const { seenAtMs, revision } = event;
        const sighting = {
          isThere: false,
          calledAtMs: seenAtMs,
          answeredAtMs: seenAtMs,
          leaseCount: life.leases.length,
          how: `a watch told at revision ${revision} that it was gone`,
        };
        return { ...life, sightings: [...life.sightings, sighting] };
      });
  }
}
