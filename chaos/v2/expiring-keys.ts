/** The workload of v2 keys with a TTL: never gone early, gone in the end, and watchers are told of it once. */

import { until } from '../../test/support/until.ts';
import { etcdIndexOf, expectStatus, nodeOf, V2Client } from '../../test/support/v2-client.ts';
import { checkExpiry } from '../check-expiry.ts';
import type { KeyLife } from '../key-life.ts';
import { restBoundMs, type Workload, type WorkloadContext } from '../workload.ts';
import { agreedTree, filesBelow } from './agreed-tree.ts';
import { ChangeWatcher } from './change-watcher.ts';
import { expiringFolder, TtlClient } from './ttl-client.ts';

const clientCount = 2;
const faultsKept = 20;

export class ExpiringKeys implements Workload {
  readonly name = 'v2 keys with a TTL';
  readonly #context: WorkloadContext;
  readonly #clients: readonly TtlClient[];
  #watcher: ChangeWatcher | undefined;
  #asking: Promise<unknown> = Promise.resolve();
  #watching: Promise<unknown> = Promise.resolve();
  /** Still there in the end, as the clock of who made them had it. */
  #kept = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
    const { random, members } = context;
    this.#clients = Array.from({ length: clientCount }, (_, id) => new TtlClient(id, random, members));
  }

  async begin(): Promise<void> {
    const { random, members } = this.#context;
    const client = new V2Client(members()[0]!.clientUrl);
    const firstIndex = etcdIndexOf(await client.get('/v2/keys/?quorum=true')) + 1;
    client.close();
    this.#watcher = new ChangeWatcher(expiringFolder, firstIndex, random, members);
    this.#asking = Promise.all(this.#clients.map((each) => each.run()));
    this.#watching = this.#watcher.run();
    // Wherever it fails, it is told at the end; until then nobody waits for it.
    this.#asking.catch(() => {});
    this.#watching.catch(() => {});
  }

  get faults(): readonly string[] {
    return this.#clients.flatMap(({ faults }) => faults);
  }

  hasWrittenSince(fromMs: number): boolean {
    return this.#clients.some(({ lastWriteCalledAtMs }) => lastWriteCalledAtMs > fromMs);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.stop();
    await this.#asking;
  }

  async check(): Promise<readonly string[]> {
    await this.#untilTheRestIsGone();
    const tree = await agreedTree(this.#context);
    const left = new Set([...filesBelow(tree, expiringFolder)].map(({ key }) => key));
    this.#kept = left.size;
    this.#watcher!.stop();
    await this.#watching;
    const faults = [...this.faults, ...this.#eventsAreRight()];
    faults.push(...checkExpiry(this.#livesWithEvents(), this.#context.clocks));
    return faults.slice(0, faultsKept);
  }

  end(): void {
    for (const client of this.#clients) client.stop();
    this.#watcher?.stop();
  }

  figures(): Readonly<Record<string, number>> {
    const lives = this.#lives();
    const leases = lives.reduce((sum, life) => sum + life.leases.length, 0);
    return {
      'keys with a TTL': lives.length,
      refreshes: leases - lives.filter((life) => life.leases.length > 0).length,
      'looks at them': lives.reduce((sum, { sightings }) => sum + sightings.length, 0),
      'expiries watched': this.#watcher?.changes.filter(({ action }) => action === 'expire').length ?? 0,
      'kept by a clock ahead': this.#kept,
    };
  }

  evidence(): ReadonlyMap<string, string> {
    const lines = this.#livesWithEvents().map((life) => JSON.stringify(life));
    return new Map([['expiring-keys.jsonl', `${lines.join('\n')}\n`]]);
  }

  #lives(): KeyLife[] {
    return this.#clients.flatMap(({ lives }) => lives);
  }

  /** What has expired by the tree's own word has to go; only a clock that was ahead explains a key that says it will stay. */
  async #untilTheRestIsGone(): Promise<void> {
    const { members, clocks, launchStopped } = this.#context;
    const lives = new Map(this.#lives().map((life) => [life.key, life]));
    const mayStay = ({ leases }: KeyLife, expirationMs: number): boolean =>
      expirationMs > Date.now() &&
      leases.some(({ member, calledAtMs, answeredAtMs }) => {
        const { ahead } = clocks.offsets(calledAtMs, answeredAtMs ?? Number.POSITIVE_INFINITY, member);
        return ahead > 0;
      });
    await until(
      'every key is gone whose TTL has passed',
      async () => {
        launchStopped();
        const client = new V2Client(members()[0]!.clientUrl);
        try {
          const answer = await client.get(`/v2/keys${expiringFolder}?recursive=true&quorum=true`);
          // Whether a key was ever made here hangs on the faults.
          if (answer.status === 404) return true;
          for (const { key, expiration } of filesBelow(nodeOf(expectStatus(answer, 200)), expiringFolder)) {
            const life = lives.get(key);
            if (life === undefined) throw new Error(`${key}, which nobody made`);
            if (expiration === undefined) throw new Error(`${key} has no expiration`);
            if (!mayStay(life, Date.parse(expiration))) throw new Error(`${key} expires at ${expiration}`);
          }
          return true;
        } finally {
          client.close();
        }
      },
      restBoundMs,
    );
  }

  /** Created once, expired once at most, nothing else; a refresh is told to nobody. */
  *#eventsAreRight(): Generator<string> {
    const { changes, losses } = this.#watcher!;
    const told = new Map<string, string>();
    let before = 0;
    for (const { index, key, action } of changes) {
      if (index <= before) yield `a watch told ${index} after ${before}`;
      before = index;
      const known = told.get(key);
      const isRight =
        action === 'create'
          ? known === undefined
          : action === 'expire' && (known === 'create' || losses.length > 0);
      if (!isRight) yield `@${index} ${action} ${key} after ${known ?? 'nothing'}`;
      told.set(key, action);
    }
  }

  /** What the watcher was told counts as having been seen by then. */
  #livesWithEvents(): KeyLife[] {
    const expired = new Map(
      this.#watcher?.changes
        .filter(({ action }) => action === 'expire')
        .map(({ key, index, seenAtMs }) => [key, { index, seenAtMs }]),
    );
    return this.#lives().map((life) => {
      const event = expired.get(life.key);
      if (event === undefined) return life;
      const { seenAtMs, index } = event;
      const sighting = {
        isThere: false,
        calledAtMs: seenAtMs,
        answeredAtMs: seenAtMs,
        leaseCount: life.leases.length,
        how: `a watch told at @${index} that it expired`,
      };
      return { ...life, sightings: [...life.sightings, sighting] };
    });
  }
}
