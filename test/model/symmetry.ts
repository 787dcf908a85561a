/**
 * Members differ by name only: of the worlds that come out of each other by renaming, one stands for all: the one whose numbers are
 * the least, compared from the first to the last.
 *
 *   head      budgets spent (4 bits each), each member, history
 *   messages  ascending
 */
import type { Renaming } from './graph.ts';
import type { World, WorldModel } from './world.ts';

interface NumberedRenaming {
  readonly number: number;
  /** `from[i]`: the old position of the member that comes to position i. */
  readonly from: readonly number[];
  readonly rename: Renaming;
}

export class CanonicalWorlds {
  readonly #model: WorldModel;
  readonly #members: number;
  /** The first renames nobody. */
  readonly #renamings: readonly NumberedRenaming[];
  /** Of the world that `find` was called with last. */
  readonly head: Int32Array;
  messages: readonly number[] = [];

  constructor(model: WorldModel, symmetric: boolean) {
    const { members } = model.initial();
    this.#model = model;
    this.#members = members.length;
    this.head = new Int32Array(members.length + 2);
    const identity = members.map((_, i) => i);
    this.#renamings = (symmetric ? permutations(identity) : [identity]).map((from, number) => ({
      number,
      from,
      rename: (id) => (id === 0n ? 0n : BigInt(from.indexOf(Number(id) - 1) + 1)),
    }));
  }

  /** Words of a head. */
  get width(): number {
    return this.head.length;
  }

  /** Leaves the canonical form of the world in `head` and `messages`. */
  find(world: World): void {
    this.head[0] = world.used;
    let chosen: NumberedRenaming[] = [];
    for (const renaming of this.#renamings) {
      const order = chosen.length === 0 ? -1 : this.#compare(world, renaming);
      if (order > 0) continue;
      if (order < 0) {
        for (let i = 0; i < this.#members + 1; i++) this.head[i + 1] = this.#word(world, renaming, i);
        chosen = [renaming];
      } else chosen.push(renaming);
    }
    this.messages = this.#messagesUnder(world, chosen[0]!);
    for (let i = 1; i < chosen.length; i++) {
      const messages = this.#messagesUnder(world, chosen[i]!);
      if (isLess(messages, this.messages)) this.messages = messages;
    }
  }

  /** The canonical form as text. */
  textOf(world: World): string {
    this.find(world);
    return `${this.head.join(' ')}|${this.messages.join(' ')}`;
  }

  worldOf(word: (at: number) => number, messages: readonly number[]): World {
    const { states, histories } = this.#model;
    const members = Array.from({ length: this.#members }, (_, i) => states.byId(word(i + 1)));
    return {
      members,
      messages,
      history: histories.byId(word(this.#members + 1)),
      used: word(0),
    };
  }

  #word(world: World, { number, from, rename }: NumberedRenaming, at: number): number {
    const { states, histories } = this.#model;
    if (at === this.#members) {
      return number === 0 ? world.history.id : histories.renamed(world.history, number, rename).id;
    }
    const state = world.members[from[at]!]!;
    return number === 0 ? state.id : states.renamedState(state, number, rename).id;
  }

  /** Of the world under `renaming` with `head`; looks no further than it must. */
  #compare(world: World, renaming: NumberedRenaming): number {
    for (let i = 0; i <= this.#members; i++) {
      const difference = this.#word(world, renaming, i) - this.head[i + 1]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #messagesUnder(world: World, { number, rename }: NumberedRenaming): readonly number[] {
    if (number === 0) return world.messages;
    const { states } = this.#model;
    const ids = world.messages.map((id) => states.renamedMessageId(id, number, rename));
    return ids.sort((a, b) => a - b);
  }
}

function isLess(left: readonly number[], right: readonly number[]): boolean {
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return left[i]! < right[i]!;
  }
  return false;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [items.slice()];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
