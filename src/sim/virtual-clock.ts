/**
 * Time that only passes when it is turned. All that happens in a simulation is an event here: a timer, a message that arrives, a
 * disk operation that completes. Events run one at a time in the order (time, phase, sequence of scheduling); after each, all
 * promises that it settled have run their course, so a run depends on nothing but its inputs.
 *
 * `defer` is the second phase of its instant: it runs behind all timers of the same time, as the end of a turn does behind the
 * input of that turn.
 */
import type { Clock, Timer } from '../ports/clock.ts';

class Event implements Timer {
  readonly timeMs: number;
  readonly phase: 0 | 1;
  readonly sequence: number;
  callback: (() => void) | undefined;
  /** Of which process; undefined: of the world. */
  readonly process: ProcessClock | undefined;

  constructor(
    timeMs: number,
    phase: 0 | 1,
    sequence: number,
    callback: () => void,
    process: ProcessClock | undefined,
  ) {
    this.timeMs = timeMs;
    this.phase = phase;
    this.sequence = sequence;
    this.callback = callback;
    this.process = process;
  }

  cancel(): void {
    this.callback = undefined;
  }

  run(): void {
    const { callback, process } = this;
    if (process === undefined) callback?.();
    else if (process.isPaused) process.run(() => this.callback?.());
    else if (process.isAlive) callback?.();
  }
}

/** So many events are run in one turn of Node's event loop. */
const EVENTS_A_TURN = 1_000;
/** So many events without time going on are an endless loop. */
const EVENTS_AT_ONE_TIME_MAX = 100_000;

export class VirtualClock {
  #nowMs = 0;
  #sequence = 0;
  #events = 0;
  readonly #epochMs: number;
  readonly #heap: Event[] = [];
  readonly #afterEvent: () => void;

  /** `epochMs`: the wall time at the beginning. `afterEvent` runs after each event and what followed from it. */
  constructor(epochMs: number, afterEvent: () => void = () => {}) {
    this.#epochMs = epochMs;
    this.#afterEvent = afterEvent;
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get wallTimeMs(): number {
    return this.#epochMs + this.#nowMs;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** The clock of one process, which may die. Its wall time may be off by `skewMs`, and all its time pass `rate` times as fast. */
  process(skewMs = 0, rate = 1): ProcessClock {
    return new ProcessClock(this, skewMs, rate);
  }

  /** In `process`, if one is named: not while it is paused, and not after its end. */
  schedule(delayMs: number, callback: () => void, process?: ProcessClock): Timer {
    return this.#add(this.#nowMs + Math.max(0, delayMs), 0, callback, process);
  }

  /** `atMs`: of which instant, not before now. */
  defer(callback: () => void, process?: ProcessClock, atMs = this.#nowMs): void {
    this.#add(atMs, 1, callback, process);
  }

  /** Runs everything that is due up to `untilMs`, or until `done` says so. True if it did. Throws what a callback throws. */
  async runUntil(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    await settled();
    let atOneTime = 0;
    while (!done()) {
      const event = this.#heap[0];
      if (event === undefined || event.timeMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#removeFirst();
      if (event.callback === undefined) continue;
      atOneTime = event.timeMs > this.#nowMs ? 0 : atOneTime + 1;
      if (atOneTime > EVENTS_AT_ONE_TIME_MAX) {
        throw new Error(`the simulation does not get beyond ${this.#nowMs} ms`);
      }
      this.#nowMs = event.timeMs;
      this.#events++;
      event.run();
      await (this.#events % EVENTS_A_TURN === 0 ? turned() : settled());
      this.#afterEvent();
    }
    return true;
  }

  #add(timeMs: number, phase: 0 | 1, callback: () => void, process: ProcessClock | undefined): Timer {
    const event = new Event(timeMs, phase, this.#sequence++, callback, process);
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(event, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = event;
    return event;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below++;
      if (!before(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

/** The Clock port of one process. Once killed it runs nothing more; while paused, what is due waits. */
export class ProcessClock implements Clock {
  /** The wall time is off by so much; it may jump. */
  skewMs: number;
  /** So long a turn of the process takes: what is deferred waits for it, in its order. */
  turnMs = 0;
  #turnEndsMs = 0;
  readonly #world: VirtualClock;
  readonly #rate: number;
  #alive = true;
  /** What came due during a pause, in its order; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(world: VirtualClock, skewMs: number, rate: number) {
    this.#world = world;
    this.skewMs = skewMs;
    this.#rate = rate;
  }

  kill(): void {
    this.#alive = false;
    this.#held = undefined;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  /** As SIGSTOP does: time goes on, the process does not. */
  pause(): void {
    if (this.#alive) this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const callback of held) this.#world.schedule(0, () => this.run(callback));
  }

  /** Something from outside reaches the process: now, after the pause, or never. */
  run(callback: () => void): void {
    if (!this.#alive) return;
    if (this.#held === undefined) callback();
    else this.#held.push(callback);
  }

  wallTimeMs(): number {
    return this.#world.wallTimeMs + this.skewMs;
  }

  monotonicMs(): number {
    return this.#world.nowMs * this.#rate;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#world.schedule(delayMs / this.#rate, callback, this);
  }

  defer(callback: () => void): void {
    this.#turnEndsMs = Math.max(this.#turnEndsMs, this.#world.nowMs + this.turnMs);
    this.#world.defer(callback, this, this.#turnEndsMs);
  }
}

function before(a: Event, b: Event): boolean {
  return (a.timeMs - b.timeMs || a.phase - b.phase || a.sequence - b.sequence) < 0;
}

/** All promises that can go on have done so: a tick comes behind every microtask, and costs less than a turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Lets the event loop turn, for signals and the like. */
function turned(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
