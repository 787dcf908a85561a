/**
 * The workload of v2 registers: many clients on few keys, with every kind of write, quorum reads and stale reads, and watchers that follow
 * every change. Checked for linearizability, and against what the watchers saw.
 */

import type { CheckResult } from '../../src/linearizability/check-linearizable.ts';
import { renderHistory } from '../../src/linearizability/render-history.ts';
import {
  type V2RegisterInput,
  type V2RegisterOutput,
  v2Register,
} from '../../src/linearizability/v2-register.ts';
import { until } from '../../test/support/until.ts';
import { etcdIndexOf, V2Client } from '../../test/support/v2-client.ts';
import { restBoundMs, type Workload, type WorkloadContext } from '../workload.ts';
import { agreedTree, filesBelow } from './agreed-tree.ts';
import { ChangeLog } from './change-log.ts';
import { ChangeWatcher } from './change-watcher.ts';
import { checkHistory, type Leaves } from './check-history.ts';
import { History, registersFolder } from './history.ts';
import { type ClientKind, RecordedClient } from './recorded-client.ts';

/** Loyal readers first: their place is their number, and there is one for each member. */
const kinds: readonly ClientKind[] = [
  ...Array<ClientKind>(3).fill('loyal'),
  ...Array<ClientKind>(3).fill('reader'),
  ...Array<ClientKind>(6).fill('mixed'),
];
const watcherCount = 2;

export class Registers implements Workload {
  readonly name = 'v2 registers';
  readonly #context: WorkloadContext;
  readonly #history = new History();
  readonly #clients: readonly RecordedClient[];
  #watchers: readonly ChangeWatcher[] = [];
  #asking: Promise<unknown> = Promise.resolve();
  #watching: Promise<unknown> = Promise.resolve();
  #log = new ChangeLog([]);
  #linearizability: CheckResult<V2RegisterInput, V2RegisterOutput> | undefined;

  constructor(context: WorkloadContext) {
    this.#context = context;
    const { random, members } = context;
    this.#clients = kinds.map(
      (kind, id) => new RecordedClient({ id, kind, history: this.#history, random, targets: members }),
    );
  }

  async begin(): Promise<void> {
    const { random, members } = this.#context;
    const client = new V2Client(members()[0]!.clientUrl);
    const firstIndex = etcdIndexOf(await client.get('/v2/keys/?quorum=true')) + 1;
    client.close();
    this.#watchers = Array.from(
      { length: watcherCount },
      () => new ChangeWatcher(registersFolder, firstIndex, random, members),
    );
    this.#asking = Promise.all(this.#clients.map((each) => each.run()));
    this.#watching = Promise.all(this.#watchers.map((each) => each.run()));
    // Wherever it fails, it is told at the end; until then nobody waits for it.
    this.#asking.catch(() => {});
    this.#watching.catch(() => {});
  }

  get faults(): readonly string[] {
    return this.#history.faults;
  }

  hasWrittenSince(fromMs: number): boolean {
    const { operations } = this.#history;
    for (let at = operations.length - 1; at >= 0 && operations[at]!.answeredAt > fromMs; at--) {
      if (operations[at]!.calledAt > fromMs && operations[at]!.output?.result === 'done') return true;
    }
    return false;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.stop();
    await this.#asking;
  }

  async check(): Promise<readonly string[]> {
    const tree = await agreedTree(this.#context);
    const leaves: Leaves = new Map(
      [...filesBelow(tree, registersFolder)].map(({ key, value, modifiedIndex }) => [
        key,
        { value: value!, index: modifiedIndex! },
      ]),
    );
    const lastIndex = Math.max(0, ...[...leaves.values()].map(({ index }) => index));
    await until(
      'all watches at the last change',
      () => this.#watchers.every((watcher) => watcher.nextIndex > lastIndex),
      restBoundMs,
    );
    for (const watcher of this.#watchers) watcher.stop();
    await this.#watching;
    this.#log = new ChangeLog(this.#watchers);
    const { faults, linearizability } = checkHistory(this.#history, this.#log, leaves);
    this.#linearizability = linearizability;
    return faults;
  }

  end(): void {
    for (const client of this.#clients) client.stop();
    for (const watcher of this.#watchers) watcher.stop();
  }

  figures(): Readonly<Record<string, number>> {
    const { operations, staleReads, unanswered } = this.#history;
    const reads = operations.filter(({ input }) => input.kind === 'get').length;
    return {
      writes: operations.length - reads,
      'quorum reads': reads,
      'stale reads': staleReads.length,
      unanswered,
      'changes watched': this.#log.changes.length,
      'watches begun': this.#watchers.reduce((sum, { moves }) => sum + moves, 0),
      'watches too late': this.#watchers.reduce((sum, { losses }) => sum + losses.length, 0),
      'steps of the linearizability checker': this.#linearizability?.figures.steps ?? 0,
    };
  }

  evidence(): ReadonlyMap<string, string> {
    const { operations, staleReads } = this.#history;
    const lines = [...operations, ...staleReads].map((operation) => JSON.stringify(operation));
    const files = new Map([['history.jsonl', `${lines.join('\n')}\n`]]);
    const verdict = this.#linearizability;
    if (verdict !== undefined && verdict.result !== 'ok')
      files.set('history.html', renderHistory(v2Register, verdict.partition));
    return files;
  }
}
