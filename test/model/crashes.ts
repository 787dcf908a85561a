/** The crashes that are worth a step: those that leave a member, or the others, what no other crash does. */
import type { Crash, Input, MemberState, MemberStates, Result } from './member-states.ts';

type Work = Exclude<Input, Crash>;

export class Crashes {
  readonly #states: MemberStates;
  /** By member's state, then by message or kind of input. */
  readonly #known = new Map<MemberState, Map<number | string, readonly Crash[]>>();

  constructor(states: MemberStates) {
    this.#states = states;
  }

  /** All that a crash can leave of the writes under way; if `during` is given, of those that it brings. */
  of(state: MemberState, during: Work | undefined): readonly Crash[] {
    const key = during === undefined ? '' : keyOf(during);
    let byInput = this.#known.get(state);
    if (byInput === undefined) {
      byInput = new Map();
      this.#known.set(state, byInput);
    }
    let crashes = byInput.get(key);
    if (crashes === undefined) {
      crashes = this.#distinct(state, during);
      byInput.set(key, crashes);
    }
    return crashes;
  }

  #distinct(state: MemberState, during: Work | undefined): readonly Crash[] {
    // Nothing is written where nothing changes.
    if (during !== undefined && this.#states.result(state, during).to === state) return [];
    const writes = this.#states.writesAfter(state, during);
    // What was not begun cannot be told from what was lost.
    const others = during?.kind === 'receive' ? this.of(state, undefined) : [];
    const results = others.map((crash) => this.#states.result(state, crash));
    const kept: Crash[] = [];
    for (let survived = 0; survived <= writes.length; survived++) {
      const torn = writes[survived] ?? 0;
      for (let entries = 0; entries <= torn; entries++) {
        const crash: Crash = { kind: 'crash', during, writes: survived, entries };
        const result = this.#states.result(state, crash);
        if (results.some((other) => isSame(result, other))) continue;
        results.push(result);
        kept.push(crash);
      }
    }
    return kept;
  }
}

/** Both lead to the same member and say the same to the others. */
function isSame(one: Result, other: Result): boolean {
  return (
    one.to === other.to &&
    one.broken === other.broken &&
    one.committed.length + other.committed.length + one.reads.length + other.reads.length === 0 &&
    one.sent.length === other.sent.length &&
    one.sent.every((message) => other.sent.includes(message))
  );
}

function keyOf(input: Work): number | string {
  if (input.kind === 'receive') return input.message.id;
  if (input.kind === 'transfer') return `transfer ${input.to}`;
  return 'text' in input ? `${input.kind} ${input.text}` : input.kind;
}
