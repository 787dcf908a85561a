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
  // The options are the same for all; the lists of voters mirror the configuration and the peers; the scratch is written before it is
  // read. No run within the bounds proposes enough bytes for a limit.
  RaftCore: ['options', 'voters', 'outgoing', '_scratch', 'uncommittedBytes'],
  Member: ['options'],
  // Where the live entries begin in the array, see #entries below.
  RaftLog: ['_head'],
  // A window of 256 appends is never full within the bounds, and what is in it only matters when it is.
  Progress: ['inflights'],
};

export interface TextOptions {
  /** Time is not part of the model: campaigns begin when they like, and no lease depends on a clock. */
  readonly timeless: boolean;
  /** Nobody asks who was heard of lately: no quorum is checked, no snapshot sent, no leader removed. */
  readonly inattentive: boolean;
  /** No configuration change is ever proposed. */
  readonly unchanging: boolean;
}

const CLOCKS = ['electionElapsed', 'heartbeatElapsed', 'electionTimeout'];

/**
 * The canonical text of a member, a message, or any other value made of such parts. A `lasting` member will never crash: of its disk
 * only the entries, term and vote matter (to the invariants), and a write of no more than a commit index is as good as none.
 */
export function textOf(root: unknown, options: TextOptions, lasting = false): string {
  const member = openMember(root);
  const core = member?.node._core;
  const leads = core?.role === 'leader';
  const durable = core?.writes._durableSequence ?? 0;
  const trifles = lasting && member !== undefined ? triflesOf(member) : [];
  const skip = (className: string, key: string): boolean =>
    skipped[className]?.includes(key) === true ||
    (options.timeless && CLOCKS.includes(key)) ||
    (options.inattentive && key === 'recentlyActive') ||
    (options.unchanging && key === 'pendingConfIndex');
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
    const parts: string[] = [];
    for (const [key, field] of Object.entries(value)) {
      if (skip(className, key)) continue;
      if (/sequence$/i.test(key)) parts.push(rankText(field as number));
      else if (className === 'RaftLog' && key === '_entries') {
        parts.push(text((field as unknown[]).slice((value as unknown as { _head: number })._head)));
      } else if (key === '_held') parts.push(heldText(field as { message: { type: string } | undefined }[]));
      else if (className === 'RaftCore' && key === 'messages') parts.push(setText(field as unknown[]));
      else if (lasting && key === '_inFlight') {
        const kept = (field as { sequence: number }[]).filter(({ sequence }) => !trifles.includes(sequence));
        parts.push(text(kept));
      } else if (lasting && className === 'Member' && key === 'writes' && member !== undefined) {
        parts.push(text(lastingWrites(member)));
      } else if (lasting && className === 'MemberDisk' && key === 'hardState') {
        const { term, vote } = field as OpenHardState;
        parts.push(`${term}:${vote}`);
      } else parts.push(text(field));
    }
    return `(${parts.join(' ')})`;
  };
  // Writes are only compared with each other: what counts is how far they are behind the last durable one.
  const rankText = (sequence: number): string =>
    String(Math.max(0, sequence - durable - trifles.filter((one) => one <= sequence).length));
  // What is sent joins a set: neither order nor number matters.
  const setText = (list: readonly unknown[]): string => `{${[...new Set(list.map(text))].sort().join(' ')}}`;
  // An acknowledgement may take the place of the last held thing, if that is an acknowledgement too.
  const heldText = (held: readonly { message: { type: string } | undefined }[]): string => {
    const last = held.at(-1);
    return setText(held) + (last?.message?.type === 'append-response' ? text(last) : '');
  };
  return text(root);
}

/** Sequence numbers of writes under way that carry a commit index only. */
function triflesOf({ writes }: OpenMember): number[] {
  return writes.filter(({ batch }) => !batch.mustSync).map(({ batch }) => batch.sequence);
}

/** What the writes under way will make of entries, term and vote, without the commit index. */
function lastingWrites({ writes, disk }: OpenMember): unknown[] {
  const texts: unknown[] = [];
  let { term, vote } = disk.hardState;
  for (const { batch, snapshotState } of writes) {
    if (!batch.mustSync) continue;
    if (batch.hardState !== undefined) ({ term, vote } = batch.hardState);
    texts.push({
      term,
      vote,
      entries: batch.entries,
      snapshot: batch.snapshot,
      snapshotState,
    });
  }
  return texts;
}

interface OpenHardState {
  readonly term: number;
  readonly vote: bigint;
}

interface OpenCore {
  readonly role: string;
  readonly writes: { readonly _durableSequence: number };
}

interface OpenMember {
  readonly node: { readonly _core: OpenCore };
  readonly disk: { readonly hardState: OpenHardState };
  readonly writes: readonly {
    readonly batch: {
      readonly sequence: number;
      readonly mustSync: boolean;
      readonly hardState: OpenHardState | undefined;
      readonly entries: unknown;
      readonly snapshot: unknown;
    };
    readonly snapshotState: unknown;
  }[];
}

function openMember(root: unknown): OpenMember | undefined {
  if (nameOf(root) !== 'Member') return undefined;
  const member = root as OpenMember;
  if (member.node._core === undefined) {
    throw new Error('run with --import ./test/model/open-raft.mjs before --import tsx');
  }
  return member;
}
