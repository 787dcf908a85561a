/** What the property test does not show: sharing, bounds, fairness, and figures. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWatchHub } from '../../src/watch/create-watch-hub.ts';
import type { Watch, WatchEvent, WatchRequest, WatchSink } from '../../src/watch/types.ts';
import { FakeStore, watchOf } from './fake-store.ts';

class Sink implements WatchSink {
  readonly calls: { readonly events: readonly WatchEvent[]; readonly revision: number }[] = [];
  compactRevision: number | undefined;
  accepts = true;

  events(events: readonly WatchEvent[], revision: number): boolean {
    this.calls.push({ events, revision });
    return this.accepts;
  }

  compacted(compactRevision: number): void {
    this.compactRevision = compactRevision;
  }

  get revisions(): number[] {
    return this.calls.flatMap(({ events }) => events.map((event) => event.revision));
  }
}

function put(key: string): { readonly type: 'put'; readonly key: string }[] {
  return [{ type: 'put', key }];
}

function worldOf(options: Parameters<typeof createWatchHub>[1] = {}) {
  const store = new FakeStore();
  const hub = createWatchHub(store, options);
  return {
    store,
    hub,
    write: (key: string, times = 1): void => {
      for (let n = 0; n < times; n += 1) hub.append(store.write(put(key)));
    },
    watch: (request: WatchRequest): { readonly watch: Watch; readonly sink: Sink } => {
      const sink = new Sink();
      return { watch: hub.watch(request, sink), sink };
    },
    rest: (): void => {
      for (let turns = 0; hub.turn(); turns += 1) assert(turns < 100_000, 'the hub comes to rest');
    },
  };
}

test('watches of one kind share one array of events', () => {
  const { write, watch, rest } = worldOf();
  const [a, b] = [watch(watchOf('k')), watch(watchOf('k'))];
  const other = watch(watchOf('k', '', { noDelete: true }));
  write('k', 3);
  rest();
  assert.deepEqual(a.sink.revisions, [2, 3, 4]);
  assert.equal(a.sink.calls[0]!.events, b.sink.calls[0]!.events);
  assert.notEqual(a.sink.calls[0]!.events, other.sink.calls[0]!.events);
  // The events themselves are the same ones.
  assert.equal(a.sink.calls[0]!.events[0], other.sink.calls[0]!.events[0]);
});

test('what is new is delivered at once, a part of it where many watch', () => {
  const { write, watch, hub, rest } = worldOf();
  const few = watch(watchOf('few'));
  const many = Array.from({ length: 10_000 }, () => watch(watchOf('many')).sink);
  write('few');
  hub.deliverNew();
  assert.deepEqual(few.sink.revisions, [2]);
  assert.equal(few.watch.synced, true);

  write('many');
  hub.deliverNew();
  const calls = (): number => many.reduce((sum, sink) => sum + sink.calls.length, 0);
  assert(calls() > 0 && calls() <= 1000, `${calls()} deliveries at once`);
  write('few');
  hub.deliverNew();
  rest();
  assert.equal(calls(), 10_000);
  assert.deepEqual(few.sink.revisions, [2, 4]);
});

test('what has to be read from history is not delivered at once, nor anything before it', () => {
  const { write, watch, hub, rest } = worldOf({ logEventsMax: 2 });
  const { sink } = watch(watchOf('k'));
  const past = watch(watchOf('k', '', { startRevision: 2 }));
  write('k', 3);
  hub.deliverNew();
  assert.deepEqual(sink.revisions, []);
  assert.deepEqual(past.sink.revisions, []);
  rest();
  assert.deepEqual(sink.revisions, [2, 3, 4]);
  assert.deepEqual(past.sink.revisions, [2, 3, 4]);
});

test('ten thousand watches of one key are served in bounded turns, then once more for all that came meanwhile', () => {
  const { write, watch, hub } = worldOf({ turnWork: 1000 });
  const sinks = Array.from({ length: 10_000 }, () => watch(watchOf('k')).sink);
  const calls = (): number => sinks.reduce((sum, sink) => sum + sink.calls.length, 0);
  write('k');
  let before = 0;
  while (hub.turn()) {
    const now = calls();
    assert(now - before <= 1000, `${now - before} deliveries in a turn`);
    before = now;
    if (now < 10_000) write('k');
    assert(hub.revision <= 2 || now > 10_000);
  }
  assert.equal(calls(), 20_000);
  for (const sink of sinks) assert.deepEqual(sink.revisions, sinks[0]!.revisions);
});

test('only watches that are concerned are visited', () => {
  const { write, watch, rest } = worldOf();
  const sinks = Array.from({ length: 10_000 }, (_, n) => watch(watchOf(`k${n}`)).sink);
  write('k77');
  write('none');
  rest();
  assert.deepEqual(
    sinks.flatMap((sink, n) => (sink.calls.length > 0 ? [n] : [])),
    [77],
  );
});

test('a paused watch keeps nothing but its place, and goes on through history', () => {
  const { store, hub, write, watch, rest } = worldOf({ logEventsMax: 4 });
  const { watch: slow, sink } = watch(watchOf('k'));
  sink.accepts = false;
  write('k');
  rest();
  assert.equal(slow.revision, 2);
  assert(!slow.synced);
  assert.equal(hub.slowWatchCount, 1);
  write('k', 50);
  assert(!hub.turn());
  assert.deepEqual(sink.revisions, [2]);
  assert.equal(store.scans, 0);

  sink.accepts = true;
  slow.resume();
  assert.deepEqual(sink.revisions, [2], 'nothing is delivered from within resume');
  rest();
  assert.deepEqual(
    sink.revisions,
    Array.from({ length: 51 }, (_, n) => n + 2),
  );
  assert(store.scans > 0 && slow.synced);
  assert.equal(hub.slowWatchCount, 0);
});

test('watches that share a full buffer are not given another batch each', () => {
  const { hub, write, rest } = worldOf();
  let room = 2;
  let given = 0;
  const made = Array.from({ length: 100 }, () =>
    hub.watch(watchOf('k'), {
      hasRoom: () => room > 0,
      events: (events) => {
        given += events.length;
        room -= 1;
        return room > 0;
      },
      compacted: () => undefined,
    }),
  );
  write('k');
  rest();
  assert.equal(given, 2);
  assert.equal(hub.slowWatchCount, 99);
  write('k');
  room = 1000;
  for (const watch of made) watch.resume();
  rest();
  assert.equal(given, 200);
  assert(made.every((watch) => watch.synced));
});

test('watches with similar starts share their scans', () => {
  const { store, write, watch, rest } = worldOf({ readBytes: 100, logEventsMax: 0 });
  write('k', 500);
  const first = watch(watchOf('k', '', { startRevision: 2 }));
  rest();
  const scansOfOne = store.scans;
  store.scans = 0;
  const sinks = Array.from({ length: 400 }, (_, n) => {
    return watch(watchOf('k', '', { startRevision: 2 + (n % 100) })).sink;
  });
  rest();
  assert(store.scans <= 2 * scansOfOne, `${store.scans} scans instead of ${scansOfOne}`);
  for (const [n, sink] of sinks.entries()) {
    assert.deepEqual(sink.revisions, first.sink.revisions.slice(n % 100));
  }
});

test('newcomers keep nobody from catching up', () => {
  const { write, watch, hub } = worldOf({
    readBytes: 100,
    logEventsMax: 0,
    turnWork: 60,
    similarRevisions: 1000,
  });
  write('k', 300);
  const early = watch(watchOf('k', '', { startRevision: 2 }));
  for (let turns = 0; !early.watch.synced; turns += 1) {
    assert(turns < 1000, 'the first one gets there');
    hub.turn();
    watch(watchOf('other', '', { startRevision: 2 }));
  }
  assert.equal(early.sink.revisions.length, 300);
});

test('a watch made by a sink does not confuse the order of those behind', () => {
  const { hub, write, watch, rest } = worldOf({ similarRevisions: 0, readBytes: 1, logEventsMax: 0 });
  write('k', 40);
  const made = new Sink();
  const revisions: number[] = [];
  hub.watch(watchOf('k', '', { startRevision: 2 }), {
    events: (events) => {
      if (revisions.length === 0) hub.watch(watchOf('k', '', { startRevision: 20 }), made);
      revisions.push(...events.map((event) => event.revision));
      return true;
    },
    compacted: () => undefined,
  });
  const other = watch(watchOf('k', '', { startRevision: 30 }));
  rest();
  const upTo41 = (from: number): number[] => Array.from({ length: 42 - from }, (_, n) => from + n);
  assert.deepEqual(revisions, upTo41(2));
  assert.deepEqual(made.revisions, upTo41(20));
  assert.deepEqual(other.sink.revisions, upTo41(30));
});

test('those behind do not hold up the live ones', () => {
  const { write, watch, hub } = worldOf({ readBytes: 100, logEventsMax: 100, turnWork: 60 });
  write('old', 2000);
  const behind = watch(watchOf('old', '', { startRevision: 2 }));
  const live = watch(watchOf('new'));
  write('new');
  hub.turn();
  assert.equal(live.sink.calls.length, 1);
  assert(live.watch.synced && !behind.watch.synced);
});

test('a start in the future', () => {
  const { write, watch, rest } = worldOf();
  const { watch: future, sink } = watch(watchOf('k', '', { startRevision: 5 }));
  assert.equal(future.revision, 4);
  write('k', 6);
  rest();
  assert.deepEqual(sink.revisions, [5, 6, 7]);
});

test('a revision that was compacted away ends the watch from the next turn on', () => {
  const { store, hub, write, watch, rest } = worldOf();
  write('k', 10);
  store.compact(6);
  const gone = watch(watchOf('k', '', { startRevision: 5 }));
  const kept = watch(watchOf('k', '', { startRevision: 6 }));
  assert.equal(gone.sink.compactRevision, undefined);
  rest();
  assert.equal(gone.sink.compactRevision, 6);
  assert.equal(gone.sink.calls.length, 0);
  assert.deepEqual(kept.sink.revisions, [6, 7, 8, 9, 10, 11]);
  assert.equal(hub.watchCount, 1);
  gone.watch.cancel();
  assert.equal(hub.watchCount, 1);
});

test('progress: what a watch was offered, whether or not anything concerned it', () => {
  const { hub, write, watch, rest } = worldOf();
  const { watch: quiet } = watch(watchOf('quiet'));
  const { watch: busy, sink } = watch(watchOf('k'));
  sink.accepts = false;
  assert.equal(quiet.revision, 1);
  write('k', 3);
  assert.equal(quiet.revision, 1);
  assert(!quiet.synced);
  rest();
  assert.equal(quiet.revision, 4);
  assert(quiet.synced);
  write('k');
  rest();
  assert.equal(busy.revision, 4);
  assert.equal(hub.revision, 5);
});

test('a snapshot that brings revisions nobody saw: watches go on by history', () => {
  const { store, hub, write, watch, rest } = worldOf();
  const { watch: existing, sink } = watch(watchOf('k'));
  write('k');
  for (let n = 0; n < 2; n += 1) store.write(put('k'));
  hub.reset();
  rest();
  assert.deepEqual(sink.revisions, [2, 3, 4]);
  assert(existing.synced);
  write('k');
  rest();
  assert.deepEqual(sink.revisions, [2, 3, 4, 5]);

  const lagging = watch(watchOf('k'));
  for (let n = 0; n < 3; n += 1) store.write(put('k'));
  store.compact(8);
  hub.reset();
  rest();
  assert.equal(lagging.sink.compactRevision, 8);
});

test('a sink that throws leaves the hub in order', () => {
  const { hub, write, watch, rest } = worldOf();
  const before = watch(watchOf('k'));
  hub.watch(watchOf('k'), {
    events: () => {
      throw new Error('broken sink');
    },
    compacted: () => undefined,
  });
  const after = watch(watchOf('k'));
  write('k');
  assert.throws(rest, /broken sink/);
  rest();
  assert.equal(before.sink.calls.length, 1);
  assert.equal(after.sink.calls.length, 1);
});

test('work is announced once, and to a late listener', () => {
  const { hub, write, watch, rest } = worldOf();
  watch(watchOf('k'));
  write('k');
  let announced = 0;
  hub.onWork(() => {
    announced += 1;
  });
  assert.equal(announced, 1);
  write('k');
  assert.equal(announced, 1);
  rest();
  write('k');
  assert.equal(announced, 2);
});
