/**
 * The whole cluster as one value, and all that may happen to it next.
 *
 *   members    each one's memory, disk and writes under way
 *   messages   all that were ever sent: each may arrive at any time, again and again, or never. So loss, duplication, delay and
 *              reordering need no steps of their own. What its receiver will ignore for ever is dropped.
 *   history    what the invariants need to remember
 *   used       how much of each budget is spent
 *
 * A Ready is taken and its messages are sent at once, unless `batching` makes a step of it; what is to be persisted waits for a
 * `sync` step, any number of steps later, or for a crash that loses it, or tears it.
 */
import { type Bounds, BUDGETS, type Budget } from './bounds.ts';
import { type Histories, type History, lackingOf } from './history.ts';
import type { Input, KnownMessage, MemberState, MemberStates, Result } from './member-states.ts';

export interface World {
  readonly members: readonly MemberState[];
  /** Ids, ascending. */
  readonly messages: readonly number[];
  readonly history: History;
  readonly used: readonly number[];
}

export interface Step {
  readonly position: number;
  readonly input: Input;
  readonly result: Result;
  /** Undefined if an invariant broke. */
  readonly world: World | undefined;
  readonly broken: string | undefined;
}

export class WorldModel {
  readonly #bounds: Bounds;
  readonly #limits: readonly number[];
  readonly states: MemberStates;
  readonly histories: Histories;
  /** Pairs of members whose logs were compared. */
  readonly #compared = new Map<number, string | undefined>();

  constructor(bounds: Bounds, states: MemberStates, histories: Histories) {
    this.#bounds = bounds;
    this.#limits = BUDGETS.map((name) => bounds[name]);
    this.states = states;
    this.histories = histories;
  }

  initial(): World {
    const { members } = this.#bounds;
    return {
      members: Array.from({ length: members }, (_, i) => this.states.initial(BigInt(i + 1))),
      messages: [],
      history: this.histories.initial(members),
      used: BUDGETS.map(() => 0),
    };
  }

  /** Calls `visit` for each step that changes the world; stops when it returns false. */
  steps(world: World, visit: (step: Step) => boolean): void {
    for (let position = 0; position < world.members.length; position++) {
      for (const [input, budget] of this.#inputs(world, position)) {
        const step = this.#step(world, position, input, budget);
        if (step !== undefined && !visit(step)) return;
      }
    }
    for (const id of world.messages) {
      const message = this.states.messageById(id);
      const position = Number(message.message.to) - 1;
      const step = this.#step(world, position, { kind: 'receive', message }, undefined);
      if (step !== undefined && !visit(step)) return;
    }
  }

  #inputs(world: World, position: number): [Input, Budget | undefined][] {
    const { terms, batching, checkQuorum } = this.#bounds;
    const { member } = world.members[position]!;
    const { node, writes } = member;
    const leads = node.role === 'leader';
    const inputs: [Input, Budget | undefined][] = [];
    const add = (input: Input, budget?: Budget): void => {
      if (budget === undefined || this.#left(world, budget) > 0) inputs.push([input, budget]);
    };
    if (batching && node.hasReady()) add({ kind: 'ready' });
    if (writes.length > 0) add({ kind: 'sync' });
    if (leads) {
      add({ kind: 'tick' }, 'heartbeats');
      add({ kind: 'propose', text: `v${this.#spent(world, 'entries') + 1}` }, 'entries');
      for (const { member: other } of world.members) {
        if (other !== member) add({ kind: 'transfer', to: other.id }, 'transfers');
      }
      if (this.#bounds.changes > 0) add({ kind: 'change', text: this.#bounds.change }, 'changes');
    } else if (node.term < terms) {
      add({ kind: checkQuorum ? 'tick' : 'campaign' });
    }
    if (node.leader !== 0n) add({ kind: 'read', text: String(world.history.committed.length) }, 'reads');
    if (member.appliedIndex > member.disk.snapshot.index && member.appliedIndex <= node.durableIndex) {
      add({ kind: 'compact' }, 'compactions');
    }
    if (this.#left(world, 'crashes') > 0) {
      for (let survived = 0; survived <= writes.length; survived++) {
        const torn = writes[survived]?.batch;
        const entries = torn === undefined || torn.snapshot !== undefined ? 0 : torn.entries.length;
        for (let count = 0; count <= entries; count++) {
          add({ kind: 'crash', writes: survived, entries: count }, 'crashes');
        }
      }
    }
    return inputs;
  }

  #spent(world: World, budget: Budget): number {
    return world.used[BUDGETS.indexOf(budget)]!;
  }

  #left(world: World, budget: Budget): number {
    const at = BUDGETS.indexOf(budget);
    return this.#limits[at]! - world.used[at]!;
  }

  #step(world: World, position: number, input: Input, budget: Budget | undefined): Step | undefined {
    const before = world.members[position]!;
    const result = this.states.result(before, input);
    if (result.broken !== undefined)
      return { position, input, result, world: undefined, broken: result.broken };
    // A message that changes nothing and a write that is not there lead nowhere.
    if (result.to === before && result.sent.length === 0 && result.reads.length === 0) return undefined;
    const history = this.histories.after(world.history, position, result);
    if (typeof history === 'string') return { position, input, result, world: undefined, broken: history };
    const members = world.members.with(position, result.to);
    const broken = this.#broken(members, position, history);
    if (broken !== undefined) return { position, input, result, world: undefined, broken };
    const messages = this.#messagesAfter(world, members, position, result.sent, before);
    const used = budget === undefined ? world.used : spend(world.used, BUDGETS.indexOf(budget));
    if (result.to === before && messages === world.messages && used === world.used) return undefined;
    return { position, input, result, world: { members, messages, history, used }, broken: undefined };
  }

  #messagesAfter(
    world: World,
    members: readonly MemberState[],
    position: number,
    sent: readonly KnownMessage[],
    before: MemberState,
  ): readonly number[] {
    let messages = world.messages;
    for (const known of sent) {
      if (!messages.includes(known.id) && !isDead(known, members[Number(known.message.to) - 1]!)) {
        if (messages === world.messages) messages = messages.slice();
        (messages as number[]).push(known.id);
      }
    }
    if (messages !== world.messages) (messages as number[]).sort((a, b) => a - b);
    const after = members[position]!;
    if (after === before) return messages;
    const live = messages.filter((id) => {
      const known = this.states.messageById(id);
      return Number(known.message.to) - 1 !== position || !isDead(known, after);
    });
    return live.length === messages.length ? messages : live;
  }

  #broken(members: readonly MemberState[], position: number, history: History): string | undefined {
    const changed = members[position]!;
    for (const other of members) {
      if (other === changed) continue;
      const broken = this.#logsMatch(changed, other);
      if (broken !== undefined) return broken;
    }
    for (const state of members) {
      if (state.member.node.role !== 'leader') continue;
      const lacking = lackingOf(history, state);
      if (lacking !== undefined) return lacking;
    }
    // With a change of configuration, whose majority it must be is a question of its own.
    return this.#bounds.changes > 0 ? undefined : lostOf(history, members);
  }

  #logsMatch(a: MemberState, b: MemberState): string | undefined {
    const [left, right] = a.id < b.id ? [a, b] : [b, a];
    const pair = left.id * 0x4000000 + right.id;
    if (this.#compared.has(pair)) return this.#compared.get(pair);
    const broken = differenceOf(left, right);
    this.#compared.set(pair, broken);
    return broken;
  }
}

function spend(used: readonly number[], at: number): readonly number[] {
  return used.with(at, used[at]! + 1);
}

/** Where two logs agree in a term at an index, they agree in everything before it. */
function differenceOf(left: MemberState, right: MemberState): string | undefined {
  let agreed = false;
  const first = Math.max(left.member.node.firstIndex, right.member.node.firstIndex);
  for (let index = Math.min(left.terms.length, right.terms.length); index >= first; index--) {
    const same = left.terms[index - 1] === right.terms[index - 1];
    if (agreed && !same) {
      return `LogMatching: the logs of ${left.member.id} and ${right.member.id} differ at ${index} and agree behind it`;
    }
    agreed = same;
  }
  return undefined;
}

/** Whatever was committed is on the disks of a majority. */
function lostOf({ committed }: History, members: readonly MemberState[]): string | undefined {
  for (let at = 0; at < committed.length; at++) {
    const { text } = committed[at]!;
    let holders = 0;
    for (const { durable } of members) if (durable[at] === text || durable[at] === '') holders++;
    if (holders * 2 <= members.length)
      return `CommittedIsDurable: ${text} is on ${holders} of ${members.length} disks`;
  }
  return undefined;
}

/**
 * True if the receiver will ignore the message in every state it can still come to. Its term on disk never goes back: a message of
 * an earlier term is ignored, unless it is one that gets an answer all the same. A vote counts only for the candidate of its term,
 * and nobody is a candidate twice in a term that is on its disk.
 */
function isDead({ message }: KnownMessage, { member }: MemberState): boolean {
  const { type, term } = message;
  const durable = member.disk.hardState.term;
  const { preVote, checkQuorum } = member.options;
  if (type === 'vote-response') {
    return (
      term < durable || (term === durable && (member.node.role !== 'candidate' || member.node.term !== term))
    );
  }
  if (term === 0 || term >= durable || type === 'pre-vote' || type === 'pre-vote-response') return false;
  return (type !== 'append' && type !== 'heartbeat') || !(preVote || checkQuorum);
}
