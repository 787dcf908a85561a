/**
 * Deadlines of calls, without a timer for each: a wheel of slots, each a ring of the calls that fall due in its share of the time.
 *
 *   slot    0 ──> call <-> call        20 ms each, 512 of them; a call further away than one turn of the wheel is passed by
 *   slot    1                          until its turn comes
 *
 * One timer of the clock is set, for the first slot that is not empty. It stays when the calls are answered before, since the next
 * ones are mostly due later still; then it finds nothing and is not set again.
 */
import type { Clock } from '../../ports/clock.ts';

const slotMs = 20;
const slotCount = 512;

/** An entry is in at most one wheel; the wheel alone touches the links. */
export interface DeadlineEntry {
  readonly deadlineMs: number | undefined;
  deadlineSlot: number;
  deadlineNext: DeadlineEntry | undefined;
  deadlinePrevious: DeadlineEntry | undefined;
  expire(): void;
}

export class DeadlineWheel {
  private readonly clock: Clock;
  private readonly slots: (DeadlineEntry | undefined)[] = new Array(slotCount).fill(undefined);
  private count = 0;
  /** The next tick to be looked at; ticks are counted from the clock's zero. */
  private tick = 0;
  /** The tick that the timer is set for; Infinity: none is set. */
  private timerTick = Number.POSITIVE_INFINITY;
  private timer: { cancel(): void } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.count;
  }

  /** @param nowMs the clock's present monotonic time */
  add(entry: DeadlineEntry, nowMs: number): void {
    const nowTick = Math.floor(nowMs / slotMs);
    if (this.count++ === 0) this.tick = nowTick;
    const dueTick = Math.max(Math.ceil(entry.deadlineMs! / slotMs), nowTick + 1);
    const slot = dueTick % slotCount;
    const first = this.slots[slot];
    entry.deadlineSlot = slot;
    entry.deadlineNext = first;
    entry.deadlinePrevious = undefined;
    if (first !== undefined) first.deadlinePrevious = entry;
    this.slots[slot] = entry;
    const wakeTick = Math.min(dueTick, nowTick + slotCount);
    if (wakeTick < this.timerTick) this.setTimer(wakeTick, nowMs);
  }

  /** Idempotent. */
  remove(entry: DeadlineEntry): void {
    if (entry.deadlineSlot === -1) return;
    const { deadlineNext: next, deadlinePrevious: previous } = entry;
    if (previous === undefined) this.slots[entry.deadlineSlot] = next;
    else previous.deadlineNext = next;
    if (next !== undefined) next.deadlinePrevious = previous;
    entry.deadlineSlot = -1;
    entry.deadlineNext = undefined;
    entry.deadlinePrevious = undefined;
    this.count--;
  }

  /** Nothing falls due any more; the listener is closed. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerTick = Number.POSITIVE_INFINITY;
  }

  private setTimer(tick: number, nowMs: number): void {
    this.timer?.cancel();
    this.timerTick = tick;
    this.timer = this.clock.schedule(Math.max(0, tick * slotMs - nowMs), () => this.run());
  }

  private run(): void {
    this.timer = undefined;
    this.timerTick = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.monotonicMs();
    const nowTick = Math.floor(nowMs / slotMs);
    // After a long pause one turn of the wheel sees every slot.
    for (let tick = Math.max(this.tick, nowTick - slotCount + 1); tick <= nowTick; tick++) {
      this.expireSlot(tick % slotCount, nowMs);
    }
    this.tick = nowTick + 1;
    if (this.count === 0 || this.timer !== undefined) return;
    for (let tick = this.tick; tick < this.tick + slotCount; tick++) {
      if (this.slots[tick % slotCount] === undefined) continue;
      this.setTimer(tick, nowMs);
      return;
    }
  }

  private expireSlot(slot: number, nowMs: number): void {
    let due: DeadlineEntry[] | undefined;
    for (let entry = this.slots[slot]; entry !== undefined; entry = entry.deadlineNext) {
      if (entry.deadlineMs! > nowMs) continue;
      due ??= [];
      due.push(entry);
    }
    if (due === undefined) return;
    for (const entry of due) {
      // One call's end may have ended another.
      if (entry.deadlineSlot === -1) continue;
      this.remove(entry);
      entry.expire();
    }
  }
}
