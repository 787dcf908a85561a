/**
 * Random lives of a hub against the naive filter of the whole history: what a watch was given is, after every single step, exactly the
 * events from its start up to its `revision`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWatchHub } from '../../src/watch/create-watch-hub.ts';
import type { Watch, WatchEvent, WatchHub, WatchRequest } from '../../src/watch/types.ts';
import { fc } from '../support/fast-check.ts';
import { concerns, FakeStore, naiveValueBefore, type TestedStore, textOf, type Write } from './fake-store.ts';
import { RealStore } from './real-store.ts';

type Step =
  | { readonly kind: 'write'; readonly writes: readonly Write[] }
  | { readonly kind: 'watch'; readonly request: WatchRequest; readonly habit: Habit }
  | { readonly kind: 'turn' | 'deliver-new' }
  | { readonly kind: 'resume' | 'cancel'; readonly which: number }
  | { readonly kind: 'compact'; readonly behind: number }
  | {
      readonly kind: 'snapshot';
      readonly revisions: readonly (readonly Write[])[];
      readonly compacts: boolean;
    };

/** What a sink does at its n-th call. */
interface Habit {
  readonly fullEvery: number;
  /** Every so many questions whether it has room, it has none. */
  readonly refusesEvery: number;
  readonly cancelsAt: number;
  /** Cancels the watch with this number, too. */
  readonly cancelsOther: number;
  readonly watchesAt: number;
  readonly watchesFrom: number;
}

const key = fc.constantFrom('a', 'b', 'c', 'ca', 'd', '\u0001');
const write = fc.record<Write>({ type: fc.constantFrom('put', 'put', 'delete'), key });
const writes = fc.uniqueArray(write, { minLength: 1, maxLength: 4, selector: (each) => each.key });
const habit = fc.record<Habit>({
  fullEvery: fc.constantFrom(0, 0, 1, 2, 3),
  refusesEvery: fc.constantFrom(0, 0, 1, 2, 3),
  cancelsAt: fc.constantFrom(0, 0, 0, 1, 3),
  cancelsOther: fc.integer({ min: 0, max: 8 }),
  watchesAt: fc.constantFrom(0, 0, 1, 2, 5),
  watchesFrom: fc.integer({ min: 0, max: 60 }),
});
const request = fc.record<WatchRequest>({
  key: key.map((text) => Buffer.from(text)),
  rangeEnd: fc.constantFrom('', '', '', '\0', 'b', 'c', 'cb', 'z').map((text) => Buffer.from(text)),
  startRevision: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 })),
  prevKv: fc.boolean(),
  noPut: fc.boolean(),
  noDelete: fc.boolean(),
});
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write'), writes }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('watch'), request, habit }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'turn' }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'deliver-new' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('resume', 'resume', 'cancel'),
      which: fc.integer({ min: 0, max: 15 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('compact'), behind: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('snapshot'),
      revisions: fc.array(writes, { maxLength: 4 }),
      compacts: fc.boolean(),
    }),
  },
);

/** What was written before there was a hub. */
const past = fc.array(writes, { maxLength: 50, size: 'max' });
const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' });
const sizes = fc.record({
  turnWork: fc.constantFrom(1, 5, 4000),
  logEventsMax: fc.constantFrom(0, 3, 50_000),
  logBytesMax: fc.constantFrom(600, 32 << 20),
  readBytes: fc.constantFrom(1, 40, 128 << 10),
  similarRevisions: fc.constantFrom(0, 3, 1000),
});

function check(openStore: () => TestedStore, numRuns: number): void {
  fc.assert(
    fc.property(past, steps, sizes, (before, life, options) => {
      const store = openStore();
      for (const each of before) store.write(each);
      const world = new World(store, options);
      for (const each of life) world.take(each);
      world.finish();
    }),
    { numRuns, includeErrorInReport: true },
  );
}

const isFull = process.env['QUORATE_FULL'] === '1';

test('every watch gets what it asked for, in order, whole revisions, once', () => {
  check(() => new FakeStore(), isFull ? 20_000 : 500);
});

test('the same with the real store, which compacts meanwhile', () => {
  check(() => new RealStore(), isFull ? 5000 : 200);
});

class World {
  readonly store: TestedStore;
  readonly hub: WatchHub;
  readonly watchers: Observed[] = [];
  works = false;

  constructor(store: TestedStore, options: Parameters<typeof createWatchHub>[1]) {
    this.store = store;
    this.hub = createWatchHub(store, options);
    this.hub.onWork(() => {
      assert(!this.works, 'work is announced once');
      this.works = true;
    });
  }

  take(step: Step): void {
    switch (step.kind) {
      case 'write':
        this.write(step.writes);
        break;
      case 'watch':
        this.watchers.push(new Observed(this, step.request, step.habit));
        break;
      case 'turn':
        this.turn();
        break;
      case 'deliver-new':
        this.hub.deliverNew();
        break;
      case 'resume':
        this.watchers[step.which]?.resume();
        break;
      case 'cancel':
        this.watchers[step.which]?.cancel();
        break;
      case 'compact':
        this.store.compact(this.store.revision - step.behind);
        break;
      case 'snapshot':
        // Revisions that this member never saw one by one.
        for (const each of step.revisions) this.store.write(each);
        if (step.compacts) this.store.compact(this.store.revision);
        this.hub.reset();
        break;
    }
    this.store.endTurn();
    this.check();
  }

  write(writes: readonly Write[]): void {
    const made = this.store.write(writes);
    if (made !== undefined) this.hub.append(made);
  }

  turn(): void {
    if (!this.works) assert.equal(this.hub.turn(), false, 'there was no work');
    else this.works = this.hub.turn();
  }

  check(): void {
    for (const each of this.watchers) each.check();
    const going = this.watchers.filter((each) => !each.isOver);
    assert.equal(this.hub.watchCount, going.length);
    assert(this.hub.slowWatchCount >= going.filter((each) => each.isPaused).length);
    assert(this.hub.slowWatchCount <= going.length);
    assert(this.hub.revision <= this.store.revision);
  }

  /** Every sink has room from now on: nothing may be left out. */
  finish(): void {
    for (let turns = 0; ; turns += 1) {
      assert(turns < 10_000, 'the hub comes to rest');
      for (const each of this.watchers) each.resume();
      if (!this.works) break;
      this.turn();
      this.store.endTurn();
      this.check();
    }
    for (const each of this.watchers) {
      if (each.isOver) continue;
      assert(each.watch.synced);
      assert(each.watch.revision >= this.store.revision);
    }
    assert.equal(this.hub.slowWatchCount, 0);
    assert.equal(this.hub.revision, this.store.revision);
  }
}

class Observed {
  readonly watch: Watch;
  readonly start: number;
  readonly #world: World;
  readonly #request: WatchRequest;
  readonly #habit: Habit;
  readonly #number: number;
  readonly #events: WatchEvent[] = [];
  #calls = 0;
  #questions = 0;
  #deliveredTo = 0;
  #inCall = false;
  isPaused = false;
  isOver = false;

  constructor(world: World, request: WatchRequest, habit: Habit) {
    this.#world = world;
    this.#request = request;
    this.#habit = habit;
    this.#number = world.watchers.length;
    this.start = request.startRevision === 0 ? world.store.revision + 1 : request.startRevision;
    this.#inCall = true;
    this.watch = world.hub.watch(request, {
      events: (events, revision) => this.#take(events, revision),
      hasRoom: () => this.#hasRoom(),
      compacted: (compactRevision) => {
        assert(!this.isOver && !this.#inCall);
        assert.equal(compactRevision, world.store.compactedRevision);
        assert(this.watch.revision + 1 < compactRevision);
        this.isOver = true;
      },
    });
    this.#inCall = false;
  }

  resume(): void {
    this.isPaused = false;
    this.#inCall = true;
    this.watch.resume();
    this.#inCall = false;
  }

  cancel(): void {
    this.isOver = true;
    this.watch.cancel();
  }

  check(): void {
    const { history } = this.#world.store;
    const expected = history
      .filter(({ revision }) => revision >= this.start && revision <= this.watch.revision)
      .flatMap(({ revision, events }) =>
        events
          .filter(({ key }) => concerns(this.#request, key))
          .filter(({ type }) => !(type === 'put' ? this.#request.noPut : this.#request.noDelete))
          .map(({ type, kv }) => ({ type, revision, kv: textOf(kv) })),
      );
    const given = this.#events.map(({ type, revision, kv }) => ({
      type,
      revision,
      kv: textOf(kv),
    }));
    assert.deepEqual(given, expected);
    if (this.watch.synced) assert(this.watch.revision >= this.#world.store.revision);
  }

  #hasRoom(): boolean {
    assert(!this.isOver && !this.isPaused && !this.#inCall);
    const { refusesEvery } = this.#habit;
    this.#questions += 1;
    // Not for ever, so that the hub comes to rest.
    this.isPaused = refusesEvery > 0 && this.#questions % refusesEvery === 0 && this.#questions < 20;
    return !this.isPaused;
  }

  #take(events: readonly WatchEvent[], revision: number): boolean {
    assert(!this.isOver && !this.isPaused && !this.#inCall, 'a sink is called only while it wants to be');
    assert(events.length > 0 && revision >= events.at(-1)!.revision && revision > this.#deliveredTo);
    assert(revision <= this.#world.store.revision);
    assert.equal(this.watch.revision, revision);
    this.#deliveredTo = revision;
    for (const event of events) this.#checkPrevKv(event);
    // What is lent for the turn may be spoilt afterwards: keep copies.
    this.#events.push(...events.map((event) => ({ ...event, kv: event.kv.slice() })));
    return this.#behave();
  }

  #checkPrevKv({ kv, revision, prevKv, type }: WatchEvent): void {
    const { store } = this.#world;
    const key = store.history[revision - 2]!.events.find((each) => Buffer.compare(each.kv, kv) === 0)!.key;
    const expected = this.#request.prevKv ? naiveValueBefore(store, key, revision) : undefined;
    const given = prevKv === undefined ? undefined : textOf(prevKv);
    if (given === undefined && revision - 1 < store.compactedRevision) return;
    assert.equal(given, expected, `prev_kv of ${type} at ${revision}`);
  }

  #behave(): boolean {
    const { fullEvery, cancelsAt, cancelsOther, watchesAt, watchesFrom } = this.#habit;
    const { watchers } = this.#world;
    this.#calls += 1;
    if (this.#calls === watchesAt && watchers.length < 30) {
      const quiet = {
        fullEvery: 0,
        refusesEvery: 0,
        cancelsAt: 0,
        cancelsOther: 0,
        watchesAt: 0,
        watchesFrom: 0,
      };
      watchers.push(new Observed(this.#world, { ...this.#request, startRevision: watchesFrom }, quiet));
    }
    if (this.#calls === cancelsAt) {
      if (cancelsOther !== this.#number) watchers[cancelsOther]?.cancel();
      this.cancel();
      return cancelsOther % 2 === 0;
    }
    this.isPaused = fullEvery > 0 && this.#calls % fullEvery === 0;
    return !this.isPaused;
  }
}
