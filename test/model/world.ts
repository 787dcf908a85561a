/**
 * The whole cluster as one value, and all that may happen to it next.
 *
 *   members    each one's memory, disk and writes under way
 *   messages   all that were ever sent: each may arrive at any time, again and again, or never. So loss, duplication, delay and
 *              reordering need no steps of their own. What can have no effect any more is dropped (network.ts).
 *   history    what the invariants need to remember
 *   used       how much of each budget is spent
 *
 * A Ready is taken and its messages are sent at once, unless `batching` makes a step of it; what is to be persisted waits for a
 * `sync` step, any number of steps later, or for a crash that loses it, or tears it.
 */
import { type Bounds, BUDGETS, type Budget } from './bounds.ts';
import { Crashes } from './crashes.ts';
import { type Histories, type History, lackingOf } from './history.ts';
import type { Input, KnownMessage, MemberState, MemberStates, Result } from './member-states.ts';
import { Network } from './network.ts';

export interface World {
  readonly members: readonly MemberState[];
  /** Ids, ascending. */
  readonly messages: readonly number[];
  readonly history: History;
  /** 4 bits for each budget. */
  readonly used: number;
}

export interface Step {
  readonly position: number;
  readonly input: Input;
  readonly result: Result;
  /** What members who stay as they are say to messages that came, or came again. */
  readonly answers: readonly KnownMessage[];
  /** Undefined if an invariant broke. */
  readonly world: World | undefined;
  readonly broken: string | undefined;
}

type Work = Exclude<Input, { kind: 'crash' }>;
type BudgetedInput = readonly [input: Input, budgets: readonly Budget[]];

const NO_BUDGETS: readonly Budget[] = [];
const READS: readonly Budget[] = ['reads'];
const CRASH: readonly Budget[] = ['crashes'];
const CRASHES = BUDGETS.indexOf('crashes');

export class WorldModel {
  readonly #bounds: Bounds;
  readonly #limits: readonly number[];
  readonly states: MemberStates;
  readonly histories: Histories;
  readonly #network: Network;
  readonly #crashes: Crashes;
  /** Pairs of members whose logs were compared. */
  readonly #compared = new Map<number, string | undefined>();

  constructor(bounds: Bounds, states: MemberStates, histories: Histories) {
    this.#bounds = bounds;
    this.#limits = BUDGETS.map((name) => bounds[name]);
    this.states = states;
    this.histories = histories;
    this.#network = new Network(bounds, states, histories);
    this.#crashes = new Crashes(states);
  }

  initial(): World {
    const { members } = this.#bounds;
    return {
      members: Array.from({ length: members }, (_, i) => this.states.initial(BigInt(i + 1))),
      messages: [],
      history: this.histories.initial(members),
      used: 0,
    };
  }

  /** Calls `visit` for each step that changes the world; stops when it returns false. */
  steps(world: World, visit: (step: Step) => boolean): void {
    for (let position = 0; position < world.members.length; position++) {
      for (const [input, budgets] of this.#inputs(world, position)) {
        const step = this.#step(world, position, input, budgets);
        if (step !== undefined && !visit(step)) return;
      }
    }
    for (const id of world.messages) {
      const message = this.states.messageById(id);
      // A question that was passed on may come again and again, each time as a new one: it is paid for, or there would be no end.
      const asks = message.message.type === 'read-index';
      if (asks && this.#left(world, 'reads') === 0) continue;
      const budgets = asks ? READS : NO_BUDGETS;
      const step = this.#step(world, message.position, { kind: 'receive', message }, budgets);
      if (step !== undefined && !visit(step)) return;
    }
  }

  #inputs(world: World, position: number): readonly BudgetedInput[] {
    const { terms, batching, checkQuorum } = this.#bounds;
    const { member } = world.members[position]!;
    const { node, writes } = member;
    const leads = node.role === 'leader';
    const inputs: [Work, readonly Budget[]][] = [];
    const add = (input: Work, budget?: Budget): void => {
      if (budget === undefined) inputs.push([input, NO_BUDGETS]);
      else if (this.#left(world, budget) > 0) inputs.push([input, [budget]]);
    };
    if (batching && node.hasReady()) add({ kind: 'ready' });
    if (writes.length > 0) add({ kind: 'sync' });
    if (leads) {
      add({ kind: 'tick' }, 'heartbeats');
      // Index and term name an entry; with names of their own, the order of proposals at different leaders would be told apart.
      add({ kind: 'propose', text: 'v' }, 'entries');
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
    if (this.#left(world, 'crashes') === 0) return inputs;
    const state = world.members[position]!;
    const all: BudgetedInput[] = inputs.slice();
    for (const crash of this.#crashes.of(state, undefined)) all.push([crash, CRASH]);
    if (!this.#bounds.promptDisk) return all;
    // With a prompt disk, writes are under way only while something else is done.
    for (const [input, budgets] of inputs) {
      for (const crash of this.#crashes.of(state, input)) all.push([crash, [...budgets, 'crashes']]);
    }
    for (const id of world.messages) {
      const message = this.states.messageById(id);
      if (message.position !== position || message.message.type === 'read-index') continue;
      for (const crash of this.#crashes.of(state, { kind: 'receive', message })) all.push([crash, CRASH]);
    }
    return all;
  }

  #spent(world: Pick<World, 'used'>, budget: Budget): number {
    return (world.used >>> (4 * BUDGETS.indexOf(budget))) & 0xf;
  }

  #left(world: World, budget: Budget): number {
    return this.#limits[BUDGETS.indexOf(budget)]! - this.#spent(world, budget);
  }

  #step(world: World, position: number, input: Input, budgets: readonly Budget[]): Step | undefined {
    const before = world.members[position]!;
    const result = this.states.result(before, input);
    if (result.broken !== undefined) return brokenStep(position, input, result, result.broken);
    // A message that changes nothing and a write that is not there lead nowhere.
    if (result.to === before && result.sent.length === 0 && result.reads.length === 0) return undefined;
    const history = this.histories.after(world.history, position, result);
    if (typeof history === 'string') return brokenStep(position, input, result, history);
    let members = world.members;
    if (result.to !== before) {
      members = members.with(position, result.to);
      const broken = this.#broken(members, position, history);
      if (broken !== undefined) return brokenStep(position, input, result, broken);
    }
    let { used } = world;
    for (const budget of budgets) used += 1 << (4 * BUDGETS.indexOf(budget));
    if (budgets.includes('crashes') && this.#limits[CRASHES] === this.#spent({ used }, 'crashes')) {
      members = members.map((state) => this.states.lasting(state));
    }
    const next = { members, messages: world.messages, history, used };
    const changed = members === world.members ? undefined : position;
    const { messages, answers } = this.#network.after(next, result.sent, changed);
    if (members === world.members && messages === world.messages && used === world.used) return undefined;
    return {
      position,
      input,
      result,
      answers,
      world: { ...next, messages },
      broken: undefined,
    };
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

function brokenStep(position: number, input: Input, result: Result, broken: string): Step {
  return { position, input, result, answers: [], world: undefined, broken };
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
