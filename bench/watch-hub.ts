/**
 * Microbenchmarks of the watch hub alone (no encoding, no network): what an event costs with 10,000 watches on one key, on 10,000 keys, on 10,000
 * ranges, and what catching up costs. Run: node --import tsx bench/watch-hub.ts
 */

import type { MvccEvent, RevisionEvents } from '../src/store/mvcc/types.ts';
import { createWatchHub, type WatchedStore } from '../src/watch/create-watch-hub.ts';
import type { WatchHub, WatchRequest } from '../src/watch/types.ts';

const WATCHES = 10_000;
const VALUE = Buffer.alloc(256, 'v');
const NOTHING = new Uint8Array(0);

class HistoryStore implements WatchedStore {
  revision = 1;
  compactedRevision = -1;
  readonly #history: RevisionEvents[] = [];

  write(key: string): RevisionEvents {
    this.revision += 1;
    const event: MvccEvent = { type: 'put', key: Buffer.from(key), kv: VALUE, isCreate: false };
    const made = { revision: this.revision, events: [event] };
    this.#history.push(made);
    return made;
  }

  eventsFrom(from: number, bytesMax: number): ReturnType<WatchedStore['eventsFrom']> {
    const count = Math.ceil(bytesMax / VALUE.length);
    return {
      batches: this.#history.slice(from - 2, from - 2 + count),
      next: Math.min(this.revision + 1, from + count),
    };
  }

  valueBefore(): Uint8Array {
    return VALUE;
  }
}

function watchOf(key: string, rangeEnd: string, more: Partial<WatchRequest>): WatchRequest {
  return {
    key: Buffer.from(key),
    rangeEnd: rangeEnd === '' ? NOTHING : Buffer.from(rangeEnd),
    startRevision: 0,
    prevKv: false,
    noPut: false,
    noDelete: false,
    ...more,
  };
}

function keyOf(n: number): string {
  return `/registry/pods/key-${String(n % WATCHES).padStart(8, '0')}`;
}

interface Figures {
  deliveries: number;
  longestTurnMs: number;
}

function drain(hub: WatchHub, figures: Figures): void {
  for (let more = true; more; ) {
    // CPU, since a busy machine would show its own pauses here.
    const start = process.cpuUsage();
    more = hub.turn();
    const used = process.cpuUsage(start);
    figures.longestTurnMs = Math.max(figures.longestTurnMs, (used.user + used.system) / 1000);
  }
}

function bench(
  name: string,
  requestOf: (n: number) => WatchRequest,
  writtenKey: (n: number) => string,
  writes: number,
  perTurn: number,
  before = 0,
): void {
  const store = new HistoryStore();
  for (let n = 0; n < before; n += 1) store.write(writtenKey(n));
  const hub = createWatchHub(store, {});
  const figures: Figures = { deliveries: 0, longestTurnMs: 0 };
  const sink = {
    events: (events: readonly unknown[]): boolean => {
      figures.deliveries += events.length;
      return true;
    },
    compacted: (): void => undefined,
  };
  const watchStart = performance.now();
  for (let n = 0; n < WATCHES; n += 1) hub.watch(requestOf(n), sink);
  const watchUs = ((performance.now() - watchStart) * 1000) / WATCHES;

  const cpuStart = process.cpuUsage();
  drain(hub, figures);
  for (let n = 0; n < writes; n += 1) {
    hub.append(store.write(writtenKey(n)));
    if (n % perTurn === perTurn - 1) drain(hub, figures);
  }
  drain(hub, figures);
  const cpu = process.cpuUsage(cpuStart);
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const cells = [
    name.padEnd(46),
    `${Math.round((figures.deliveries / cpuMs) * 1000).toLocaleString('en')} deliveries/s`.padStart(28),
    `${((cpuMs * 1000) / Math.max(1, writes + before)).toFixed(2)} us CPU a write`.padStart(24),
    `${watchUs.toFixed(2)} us a watch`.padStart(18),
    `longest turn ${figures.longestTurnMs.toFixed(1)} ms`.padStart(24),
  ];
  console.log(cells.join(''));
}

const prevKv = { prevKv: true };
// Twice: the first round warms the compiler up.
for (let round = 0; round < 2; round += 1) {
  console.log(round === 0 ? 'cold' : 'warm');
  bench(
    '10,000 watches on one key, one write a turn',
    () => watchOf('one', '', {}),
    () => 'one',
    300,
    1,
  );
  bench(
    '10,000 watches on one key, 50 writes a turn',
    () => watchOf('one', '', {}),
    () => 'one',
    3000,
    50,
  );
  bench('10,000 watches on 10,000 keys', (n) => watchOf(keyOf(n), '', {}), keyOf, 300_000, 50);
  bench('10,000 watches on 10,000 keys, prev_kv', (n) => watchOf(keyOf(n), '', prevKv), keyOf, 300_000, 50);
  bench('10,000 watches on 10,000 ranges', (n) => watchOf(keyOf(n), keyOf(n + 1), {}), keyOf, 200_000, 50);
  bench(
    '10,000 watches on keys nobody writes',
    (n) => watchOf(keyOf(n), '', {}),
    () => 'none',
    300_000,
    50,
  );
  const late = (n: number): WatchRequest => watchOf(keyOf(n), '', { startRevision: 2 + ((n * 37) % 90_000) });
  bench('10,000 watches catch up with 100,000 revisions', late, keyOf, 0, 1, 100_000);
}
