/**
 * Members differ by name only: of the worlds that come out of each other by renaming, one stands for all. The key of a world
 * is the least of the keys of its renamings.
 *
 *   key: history, each budget, two code units for each member, one for each message
 */
import type { Renaming } from './graph.ts';
import type { World, WorldModel } from './world.ts';

export class WorldKeys {
  readonly #model: WorldModel;
  readonly #members: number;
  readonly #budgets: number;
  /** By number; the first renames nobody. `to[i]` is the new position of the member at i. */
  readonly #renamings: readonly { readonly to: readonly number[]; readonly rename: Renaming }[];

  constructor(model: WorldModel, symmetric: boolean) {
    const { members, used } = model.initial();
    this.#model = model;
    this.#members = members.length;
    this.#budgets = used.length;
    const identity = members.map((_, i) => i);
    this.#renamings = (symmetric ? permutations(identity) : [identity]).map((to) => ({
      to,
      rename: (id) => (id === 0n ? 0n : BigInt(to[Number(id) - 1]! + 1)),
    }));
  }

  keyOf(world: World): string {
    const { states, histories } = this.#model;
    let least = '';
    let chosen: number[] = [];
    const size = this.#members;
    const ids: number[] = new Array<number>(size);
    for (let number = 0; number < this.#renamings.length; number++) {
      const { to, rename } = this.#renamings[number]!;
      for (let i = 0; i < size; i++) {
        const state = world.members[i]!;
        ids[to[i]!] = number === 0 ? state.id : states.renamedState(state, number, rename).id;
      }
      const { id } = number === 0 ? world.history : histories.renamed(world.history, number, rename);
      let head = String.fromCharCode(id & 0xffff, id >>> 16);
      for (let i = 0; i < size; i++) head += String.fromCharCode(ids[i]! & 0xffff, ids[i]! >>> 16);
      if (least === '' || head < least) {
        least = head;
        chosen = [number];
      } else if (head === least) chosen.push(number);
    }
    const budgets = String.fromCharCode(...world.used);
    let tail: string | undefined;
    for (const number of chosen) {
      const text = this.#messagesUnder(world, number);
      if (tail === undefined || text < tail) tail = text;
    }
    return budgets + least + tail;
  }

  worldOf(key: string): World {
    const { states, histories } = this.#model;
    const code = (at: number): number => key.charCodeAt(at);
    const wide = (at: number): number => code(at) + code(at + 1) * 0x10000;
    const used = Array.from({ length: this.#budgets }, (_, i) => code(i));
    const history = histories.byId(wide(this.#budgets));
    const first = this.#budgets + 2;
    const members = Array.from({ length: this.#members }, (_, i) => states.byId(wide(first + 2 * i)));
    const messages: number[] = [];
    for (let at = first + 2 * this.#members; at < key.length; at++) messages.push(code(at));
    return { members, messages, history, used };
  }

  #messagesUnder(world: World, number: number): string {
    if (number === 0) return String.fromCharCode(...world.messages);
    const { states } = this.#model;
    const { rename } = this.#renamings[number]!;
    const ids = world.messages.map((id) => states.renamedMessage(states.messageById(id), number, rename).id);
    return String.fromCharCode(...ids.sort((a, b) => a - b));
  }
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [items.slice()];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
