/**
 * Copies of a member's whole state, and its canonical text. Both walk the object graph of the core as it is, so that a field that
 * is added to it later is copied and compared without anyone thinking of it. open-raft.mjs makes private fields visible.
 *
 * The text leaves out what cannot influence anything any more, and only that: each such rule says why. Two members with the same
 * text behave the same for ever.
 */

/** Renames members: for symmetry. Ids are the only bigints in the core. */
export type Renaming = (id: bigint) => bigint;

type Fields = Record<string, unknown>;

/** Never changed after they are made, so that copies may share them. */
function isShared(value: object): boolean {
  return value instanceof Uint8Array || ('index' in value && 'data' in value) || 'electionTicks' in value;
}

export function copyGraph<T>(root: T, rename?: Renaming): T {
  const copies = new Map<object, unknown>();
  const copy = (value: unknown): unknown => {
    if (typeof value === 'bigint') return rename === undefined ? value : rename(value);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (rename === undefined && isShared(value)) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    if (Array.isArray(value)) {
      const array: unknown[] = [];
      copies.set(value, array);
      for (const element of value) array.push(copy(element));
      // Lists of members and of their progress are in the order of the ids.
      if (rename !== undefined) sortByMember(array);
      return array;
    }
    if (value instanceof Map) {
      const entries = [...value].map(([key, element]): [unknown, unknown] => [copy(key), copy(element)]);
      if (rename !== undefined) entries.sort(([a], [b]) => compare(a, b));
      const map = new Map(entries);
      copies.set(value, map);
      return map;
    }
    const object = Object.create(Object.getPrototypeOf(value)) as Fields;
    copies.set(value, object);
    for (const key of Object.keys(value)) object[key] = copy((value as Fields)[key]);
    return object;
  };
  return copy(root) as T;
}

function sortByMember(array: unknown[]): void {
  const [first] = array;
  if (typeof first === 'bigint') array.sort(compare);
  else if (nameOf(first) === 'Progress') {
    array.sort((a, b) => compare((a as { id: bigint }).id, (b as { id: bigint }).id));
  }
}

function compare(a: unknown, b: unknown): number {
  return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
}

function nameOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? value.constructor.name : '';
}

/** Fields that say nothing of their own, by class. */
const skipped: Readonly<Record<string, readonly string[]>> = {
  // The options are the same for all; the lists of voters mirror the configuration and the peers; the scratch is written before it is read.
  RaftCore: ['options', 'voters', 'outgoing', '_scratch'],
  Member: ['options'],
  // Where the live entries begin in the array, see #entries below.
  RaftLog: ['_head'],
};

export interface TextOptions {
  /** Time is not part of the model: campaigns begin when they like, and no lease depends on a clock. */
  readonly timeless: boolean;
}

const CLOCKS = ['electionElapsed', 'heartbeatElapsed', 'electionTimeout'];

/** The canonical text of a member, a message, or any other value made of such parts. */
export function textOf(root: unknown, options: TextOptions): string {
  const core = coreOf(root);
  const leads = core?.role === 'leader';
  const durable = core?.writes._durableSequence ?? 0;
  const skip = (className: string, key: string): boolean =>
    skipped[className]?.includes(key) === true || (options.timeless && CLOCKS.includes(key));
  const text = (value: unknown): string => {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value);
      case 'bigint':
        return `${value}n`;
      case 'object':
        return value === null ? 'null' : textOfObject(value);
      default:
        return String(value);
    }
  };
  const textOfObject = (value: object): string => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (Array.isArray(value)) return `[${value.map(text).join(' ')}]`;
    if (value instanceof Map) {
      const entries = [...value].sort(([a], [b]) => compare(a, b));
      return `<${entries.map(([key, element]) => `${text(key)}:${text(element)}`).join(' ')}>`;
    }
    const className = nameOf(value);
    // A new leader resets all progress before it looks at any.
    if (className === 'Progress' && !leads) return `P${(value as { id: bigint }).id}`;
    if (className === 'Inflights') return textOfInflights(value as unknown as OpenInflights);
    const parts: string[] = [];
    for (const [key, field] of Object.entries(value)) {
      if (skip(className, key)) continue;
      // Writes are only compared with each other: what counts is how far they are behind the last durable one.
      if (/sequence$/i.test(key)) parts.push(String(Math.max(0, (field as number) - durable)));
      else if (className === 'RaftLog' && key === '_entries') {
        parts.push(text((field as unknown[]).slice((value as unknown as { _head: number })._head)));
      } else if (key === '_held') parts.push(heldText(field as { message: { type: string } | undefined }[]));
      else if (className === 'RaftCore' && key === 'messages') parts.push(setText(field as unknown[]));
      else parts.push(text(field));
    }
    return `(${parts.join(' ')})`;
  };
  // What is sent joins a set: neither order nor number matters.
  const setText = (list: readonly unknown[]): string => `{${[...new Set(list.map(text))].sort().join(' ')}}`;
  // An acknowledgement may take the place of the last held thing, if that is an acknowledgement too.
  const heldText = (held: readonly { message: { type: string } | undefined }[]): string => {
    const last = held.at(-1);
    return setText(held) + (last?.message?.type === 'append-response' ? text(last) : '');
  };
  return text(root);
}

interface OpenInflights {
  readonly _lastIndexes: readonly number[];
  readonly _sizes: readonly number[];
  readonly _maxMessages: number;
  readonly _head: number;
  readonly _count: number;
}

/** The ring from its head on: neither where it begins nor what it held before matters. */
function textOfInflights(ring: OpenInflights): string {
  const parts: string[] = [];
  for (let i = 0; i < ring._count; i++) {
    const slot = (ring._head + i) % ring._maxMessages;
    parts.push(`${ring._lastIndexes[slot]}:${ring._sizes[slot]}`);
  }
  return `{${parts.join(' ')}}`;
}

interface OpenCore {
  readonly role: string;
  readonly writes: { readonly _durableSequence: number };
}

function coreOf(root: unknown): OpenCore | undefined {
  if (nameOf(root) !== 'Member') return undefined;
  const core = (root as { node: { _core?: OpenCore } }).node._core;
  if (core === undefined) throw new Error('run with --import ./test/model/open-raft.mjs before --import tsx');
  return core;
}
