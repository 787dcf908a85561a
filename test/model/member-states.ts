/**
 * All states that one member was ever seen in, and what each input makes of them. The core is deterministic: the same state and
 * the same input give the same result, so the real code runs once for each such pair, on a copy, and the search over the whole
 * cluster goes by number.
 */
import type { RaftOptions } from '../../src/raft/node.ts';
import type { ConfChangeType, ConfChangeV2, Entry, Message, Ready } from '../../src/raft/types.ts';
import { describeMessage } from '../raft/describe.ts';
import { DEFAULT_OPTIONS, Member, MemberDisk, NO_CONF } from '../raft/member.ts';
import type { Bounds } from './bounds.ts';
import { copyGraph, type Renaming, textOf } from './graph.ts';
import { brokenLocally } from './local-invariants.ts';

/** A message that was sent once. */
export interface KnownMessage {
  readonly id: number;
  readonly message: Message;
  readonly text: string;
  /** Ids of this message under each symmetry, once asked for. */
  readonly renamed: (KnownMessage | undefined)[];
}

/** A member as it was at some moment. Never changed; inputs work on copies. */
export interface MemberState {
  readonly id: number;
  readonly member: Member;
  /** index/term of each entry on the disk, from index 1 on; '' for what a snapshot covers. */
  readonly durable: readonly string[];
  /** Terms of the log in memory, from index 1 on; undefined for what is compacted away. */
  readonly terms: readonly (number | undefined)[];
  readonly results: Map<string, Result>;
  readonly renamed: (MemberState | undefined)[];
}

/** What an input made of a member. */
export interface Result {
  readonly to: MemberState;
  readonly sent: readonly KnownMessage[];
  readonly committed: readonly Entry[];
  /** Contexts of reads that may be served now, with the index they may be served at. */
  readonly reads: readonly { readonly context: string; readonly index: number }[];
  /** An invariant of this member alone that it broke. */
  readonly broken: string | undefined;
}

export type Input =
  | { readonly kind: 'campaign' | 'tick' | 'sync' | 'compact' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'propose' | 'read' | 'change'; readonly text: string }
  | { readonly kind: 'transfer'; readonly to: bigint }
  | { readonly kind: 'receive'; readonly message: KnownMessage }
  /** `writes` of those under way made it to the disk, and `entries` of the next. */
  | { readonly kind: 'crash'; readonly writes: number; readonly entries: number };

const encoder = new TextEncoder();
const NO_DATA = new Uint8Array(0);
const decoder = new TextDecoder();

export class MemberStates {
  readonly #bounds: Bounds;
  readonly #states = new Map<string, MemberState>();
  readonly #byId: MemberState[] = [];
  readonly #messages = new Map<string, KnownMessage>();
  readonly #messagesById: KnownMessage[] = [];
  readonly #textOptions: { readonly timeless: boolean };

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#textOptions = { timeless: !bounds.checkQuorum };
  }

  get count(): number {
    return this.#byId.length;
  }

  get messageCount(): number {
    return this.#messagesById.length;
  }

  byId(id: number): MemberState {
    return this.#byId[id]!;
  }

  messageById(id: number): KnownMessage {
    return this.#messagesById[id]!;
  }

  /** A member of a new cluster whose log is empty. */
  initial(id: bigint): MemberState {
    const { preVote, checkQuorum, members, messageBytes } = this.#bounds;
    const voters = Array.from({ length: this.#bounds.voters || members }, (_, i) => BigInt(i + 1));
    const options: RaftOptions = {
      ...DEFAULT_OPTIONS,
      id,
      electionTicks: checkQuorum ? 2 : 1_000_000,
      preVote,
      checkQuorum,
      maxMessageBytes: messageBytes,
      random: () => 0,
    };
    const disk = new MemberDisk({ ...NO_CONF, voters });
    const logs = this.#bounds.logs.split('/').map((log) =>
      log
        .split(',')
        .filter((word) => word !== '')
        .map(Number),
    );
    disk.entries = (logs[Number(id) - 1] ?? []).map((term, i) => ({
      index: i + 1,
      term,
      type: 'normal',
      data: NO_DATA,
    }));
    disk.hardState = { term: Math.max(0, ...logs.flat()), vote: 0n, commit: 0 };
    return this.#known(new Member(options, disk));
  }

  /** What `input` makes of `state`. */
  result(state: MemberState, input: Input): Result {
    const key = keyOf(input);
    let result = state.results.get(key);
    if (result === undefined) {
      result = this.#run(state, input);
      state.results.set(key, result);
    }
    return result;
  }

  renamedState(state: MemberState, number: number, rename: Renaming): MemberState {
    let renamed = state.renamed[number];
    if (renamed === undefined) {
      renamed = this.#known(copyGraph(state.member, rename));
      state.renamed[number] = renamed;
    }
    return renamed;
  }

  renamedMessage(known: KnownMessage, number: number, rename: Renaming): KnownMessage {
    let renamed = known.renamed[number];
    if (renamed === undefined) {
      renamed = this.#knownMessage(copyGraph(known.message, rename));
      known.renamed[number] = renamed;
    }
    return renamed;
  }

  #run(before: MemberState, input: Input): Result {
    let member = copyGraph(before.member);
    const sent: KnownMessage[] = [];
    const committed: Entry[] = [];
    const reads: { context: string; index: number }[] = [];
    let broken: string | undefined;
    const take = (): void => {
      const ready: Ready = member.takeReady();
      for (const message of member.outgoing(ready)) {
        broken ??= brokenLocally.bySending(member, message);
        sent.push(this.#knownMessage(message));
      }
      committed.push(...ready.committed);
      member.apply(Number.POSITIVE_INFINITY);
      for (const { index, context } of ready.readStates)
        reads.push({ context: decoder.decode(context), index });
    };
    try {
      if (input.kind === 'ready') take();
      else {
        member = act(member, input);
        if (!this.#bounds.batching) while (member.node.hasReady()) take();
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      broken ??= `the core stopped: ${error.message}`;
    }
    broken ??= brokenLocally.byStep(before.member, member, input.kind === 'crash');
    return { to: this.#known(member), sent, committed, reads, broken };
  }

  #known(member: Member): MemberState {
    const text = textOf(member, this.#textOptions);
    let state = this.#states.get(text);
    if (state === undefined) {
      state = {
        id: this.#byId.length,
        member,
        durable: durableLog(member),
        terms: Array.from({ length: member.node.lastIndex }, (_, i) => member.node.termAt(i + 1)),
        results: new Map(),
        renamed: [],
      };
      this.#states.set(text, state);
      this.#byId.push(state);
    }
    return state;
  }

  #knownMessage(message: Message): KnownMessage {
    const text = textOf(message, this.#textOptions);
    let known = this.#messages.get(text);
    if (known === undefined) {
      known = { id: this.#messagesById.length, message, text: describeMessage(message), renamed: [] };
      this.#messages.set(text, known);
      this.#messagesById.push(known);
    }
    return known;
  }
}

function keyOf(input: Input): string {
  switch (input.kind) {
    case 'receive':
      return String(input.message.id);
    case 'propose':
    case 'read':
    case 'change':
      return `${input.kind} ${input.text}`;
    case 'transfer':
      return `transfer ${input.to}`;
    case 'crash':
      return `crash ${input.writes} ${input.entries}`;
    default:
      return input.kind;
  }
}

/** Does what the input says; returns another member for a new process. */
function act(member: Member, input: Exclude<Input, { kind: 'ready' }>): Member {
  switch (input.kind) {
    case 'campaign':
      member.node.campaign();
      return member;
    case 'tick':
      member.node.tick();
      return member;
    case 'sync':
      member.syncNext();
      return member;
    case 'compact':
      member.compact(0);
      return member;
    case 'propose':
      member.node.propose([encoder.encode(input.text)]);
      return member;
    case 'read':
      member.node.readIndex(encoder.encode(input.text));
      return member;
    case 'change':
      member.node.proposeConfChange(changeOf(input.text));
      return member;
    case 'transfer':
      member.node.transferLeadership(input.to);
      return member;
    case 'receive':
      member.receive(input.message.message);
      return member;
    case 'crash': {
      for (const { batch, snapshotState } of member.writes.slice(0, input.writes)) {
        member.disk.write(batch, snapshotState);
      }
      const torn = member.writes[input.writes]?.batch;
      if (torn !== undefined) member.disk.writeEntries(torn.entries.slice(0, input.entries));
      return member.restarted();
    }
    default:
      return unreachable(input);
  }
}

const CHANGE_TYPES: Readonly<Record<string, ConfChangeType>> = {
  v: 'add-node',
  r: 'remove-node',
  l: 'add-learner-node',
};

/** `leave` ends a joint configuration. */
function changeOf(text: string): ConfChangeV2 {
  const words = text.split(',').filter((word) => word !== 'leave');
  const changes = words.map((word) => {
    const type = CHANGE_TYPES[word[0] ?? ''];
    if (type === undefined) throw new RangeError(`no configuration change: ${word}`);
    return { type, nodeId: BigInt(word.slice(1)) };
  });
  return { transition: 'auto', changes, context: NO_DATA };
}

function unreachable(input: never): never {
  throw new TypeError(`unknown input ${JSON.stringify(input)}`);
}

function durableLog({ disk }: Member): string[] {
  const log = Array.from({ length: disk.snapshot.index }, () => '');
  for (const entry of disk.entries) log.push(entryText(entry));
  return log;
}

export function entryText({ index, term, data }: Entry): string {
  return `${index}/${term} ${data.length === 0 ? '""' : decoder.decode(data)}`;
}
