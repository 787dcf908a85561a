/**
 * The worlds that are known, and those of them that are still to be looked at, in the order in which they were found.
 *
 * Messages are never used up, and each may as well be lost. So of two worlds that differ in their messages alone, the one that has
 * all of the other's can do all that the other can: the other one need not be kept, nor looked at. Of the worlds of one `head` (members,
 * history, budgets) only those are kept that no other one covers.
 *
 *   world   head, parent, depth, signature of its messages, where they begin, how many, next world of the same head
 */
import { TupleTable } from './tuple-table.ts';

const FIELDS = 8;
const HEAD = 0;
const PARENT = 1;
const DEPTH = 2;
const SIGNATURE = 3;
const START = 4;
const COUNT = 5;
const NEXT = 6;
const TAKEN = 7;

const CHUNK_WORLDS = 1 << 16;
const CHUNK_MESSAGES = 1 << 22;
const NONE = -1;

export interface StoreOptions {
  /** `take` gives the world found last, else the one found first. */
  readonly deepFirst: boolean;
  /** False: only worlds that are equal cover each other. */
  readonly covering: boolean;
}

export class WorldStore {
  readonly #covering: boolean;
  readonly #heads: TupleTable;
  /** By head: its first world, or NONE. */
  #firsts = new Int32Array(1 << 12).fill(NONE);
  readonly #worlds: Int32Array[] = [];
  readonly #messages: Uint16Array[] = [];
  #messagesEnd = 0;
  #count = 0;
  #covered = 0;
  #next = 0;
  /** Deep first: the worlds to look at, the next one last. */
  readonly #stack: number[] | undefined;

  /** `width`: words in a head. */
  constructor(width: number, { deepFirst, covering }: StoreOptions) {
    this.#heads = new TupleTable(width);
    this.#covering = covering;
    this.#stack = deepFirst ? [] : undefined;
  }

  /** Worlds that were found and that no world found before covered. */
  get count(): number {
    return this.#count;
  }

  /** Worlds that were passed over because one found later covers them. */
  get covered(): number {
    return this.#covered;
  }

  get heads(): number {
    return this.#heads.count;
  }

  /** Of worlds found, those that were neither taken nor covered yet are within the last so many. */
  get waiting(): number {
    return this.#count - this.#next;
  }

  /** Adds a world unless a known one covers it. `messages` ascend. */
  add(head: ArrayLike<number>, messages: readonly number[], parent: number, depth: number): void {
    const headNumber = this.#heads.numberOf(head);
    if (headNumber >= this.#firsts.length) {
      const firsts = new Int32Array(this.#firsts.length * 2).fill(NONE);
      firsts.set(this.#firsts);
      this.#firsts = firsts;
    }
    const signature = signatureOf(messages);
    let previous = NONE;
    for (let world = this.#firsts[headNumber]!; world !== NONE; world = this.#field(world, NEXT)) {
      const known = this.#field(world, SIGNATURE);
      const count = this.#field(world, COUNT);
      if (!this.#covering && messages.length !== count) continue;
      if (messages.length <= count && (signature & ~known) === 0 && this.#within(messages, world)) return;
      if (messages.length > count && (known & ~signature) === 0 && this.#depthAllows(world, depth)) {
        if (this.#isWithin(world, messages)) {
          if (this.#field(world, TAKEN) === 0) this.#cover(world);
          const next = this.#field(world, NEXT);
          if (previous === NONE) this.#firsts[headNumber] = next;
          else this.#set(previous, NEXT, next);
          continue;
        }
      }
      previous = world;
    }
    this.#append(headNumber, messages, parent, depth, signature);
  }

  /** The next world to look at; undefined when all are done. */
  take(): number | undefined {
    for (;;) {
      const world = this.#stack === undefined ? this.#next : this.#stack.pop();
      if (world === undefined || world === this.#count) return undefined;
      this.#next++;
      if (this.#field(world, COUNT) === NONE) continue;
      this.#set(world, TAKEN, 1);
      return world;
    }
  }

  parentOf(world: number): number {
    return this.#field(world, PARENT);
  }

  depthOf(world: number): number {
    return this.#field(world, DEPTH);
  }

  headOf(world: number, at: number): number {
    return this.#heads.word(this.#field(world, HEAD), at);
  }

  messagesOf(world: number): number[] {
    const start = this.#field(world, START);
    const chunk = this.#messages[Math.floor(start / CHUNK_MESSAGES)]!;
    const from = start % CHUNK_MESSAGES;
    return Array.from(chunk.subarray(from, from + this.#field(world, COUNT)));
  }

  /** What waits to be looked at must not make way for what is further from the start: else a depth would not be complete. */
  #depthAllows(world: number, depth: number): boolean {
    return this.#stack !== undefined || this.#field(world, TAKEN) === 1 || this.#field(world, DEPTH) >= depth;
  }

  #cover(world: number): void {
    this.#set(world, COUNT, NONE);
    this.#covered++;
  }

  #append(head: number, messages: readonly number[], parent: number, depth: number, signature: number): void {
    const world = this.#count++;
    if (world % CHUNK_WORLDS === 0) this.#worlds.push(new Int32Array(CHUNK_WORLDS * FIELDS));
    const room = this.#messages.length * CHUNK_MESSAGES - this.#messagesEnd;
    if (room <= messages.length) {
      this.#messagesEnd = this.#messages.length * CHUNK_MESSAGES;
      this.#messages.push(new Uint16Array(CHUNK_MESSAGES));
    }
    const start = this.#messagesEnd;
    this.#messages[this.#messages.length - 1]!.set(messages, start % CHUNK_MESSAGES);
    this.#messagesEnd += messages.length;
    this.#set(world, HEAD, head);
    this.#set(world, PARENT, parent);
    this.#set(world, DEPTH, depth);
    this.#set(world, SIGNATURE, signature);
    this.#set(world, START, start);
    this.#set(world, COUNT, messages.length);
    this.#set(world, NEXT, this.#firsts[head]!);
    this.#firsts[head] = world;
    this.#stack?.push(world);
  }

  /** All of `messages` are in the world's. */
  #within(messages: readonly number[], world: number): boolean {
    const start = this.#field(world, START);
    const chunk = this.#messages[Math.floor(start / CHUNK_MESSAGES)]!;
    let at = start % CHUNK_MESSAGES;
    const end = at + this.#field(world, COUNT);
    for (const id of messages) {
      while (at < end && chunk[at]! < id) at++;
      if (at === end || chunk[at] !== id) return false;
      at++;
    }
    return true;
  }

  /** All of the world's messages are in `messages`. */
  #isWithin(world: number, messages: readonly number[]): boolean {
    const start = this.#field(world, START);
    const chunk = this.#messages[Math.floor(start / CHUNK_MESSAGES)]!;
    const from = start % CHUNK_MESSAGES;
    const end = from + this.#field(world, COUNT);
    let at = 0;
    for (let i = from; i < end; i++) {
      const id = chunk[i]!;
      while (at < messages.length && messages[at]! < id) at++;
      if (messages[at] !== id) return false;
      at++;
    }
    return true;
  }

  #field(world: number, field: number): number {
    return this.#worlds[Math.floor(world / CHUNK_WORLDS)]![(world % CHUNK_WORLDS) * FIELDS + field]!;
  }

  #set(world: number, field: number, value: number): void {
    this.#worlds[Math.floor(world / CHUNK_WORLDS)]![(world % CHUNK_WORLDS) * FIELDS + field] = value;
  }
}

/** One bit of 32 for each message: who lacks a bit lacks a message. */
function signatureOf(messages: readonly number[]): number {
  let signature = 0;
  for (const id of messages) signature |= 1 << ((Math.imul(id, 0x9e3779b1) >>> 27) & 31);
  return signature;
}
