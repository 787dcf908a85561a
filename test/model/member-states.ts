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
import { copyGraph, type Renaming, type TextOptions, textOf } from './graph.ts';
import { brokenLocally } from './local-invariants.ts';

/** A message that was sent once. */
export interface KnownMessage {
  readonly id: number;
  readonly message: Message;
  readonly text: string;
  /** Of its receiver. */
  readonly position: number;
  /** Ids of this message under each symmetry, once asked for. */
  readonly renamed: (number | undefined)[];
}

/** A member as it was at some moment. Never changed; inputs work on copies. */
export interface MemberState {
  readonly id: number;
  readonly member: Member;
  /** index/term of each entry on the disk, from index 1 on; '' for what a snapshot covers. */
  readonly durable: readonly string[];
  /** Terms of the log in memory, from index 1 on; undefined for what is compacted away. */
  readonly terms: readonly (number | undefined)[];
  /** It will never crash: what only a restart would read of its disk is not told apart. */
  readonly lasting: boolean;
  /** By name; of crashes, which are made once for each state, by themselves. */
  readonly results: Map<string | Crash, Result>;
  /** By message. */
  readonly received: Map<number, Result>;
  readonly renamed: (MemberState | undefined)[];
}

/** What an input made of a member. */
export interface Result {
  readonly to: MemberState;
  readonly sent: readonly KnownMessage[];
  readonly committed: readonly Entry[];
  /** Contexts of reads that may be served now, with the index they may be served at. */
  readonly reads: readonly {
    readonly context: string;
    readonly index: number;
  }[];
  /** An invariant of this member alone that it broke. */
  readonly broken: string | undefined;
}

export type Input =
  | { readonly kind: 'campaign' | 'tick' | 'sync' | 'compact' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'propose' | 'read' | 'change'; readonly text: string }
  | { readonly kind: 'transfer'; readonly to: bigint }
  | { readonly kind: 'receive'; readonly message: KnownMessage }
  | Crash;

/** `writes` of those under way made it to the disk, and `entries` of the next; if `during` is given, while it was being done. */
export interface Crash {
  readonly kind: 'crash';
  readonly during: Exclude<Input, Crash> | undefined;
  readonly writes: number;
  readonly entries: number;
}

const encoder = new TextEncoder();
const NO_DATA = new Uint8Array(0);
const decoder = new TextDecoder();

export class MemberStates {
  readonly #bounds: Bounds;
  readonly #states = new Map<string, MemberState>();
  readonly #byId: MemberState[] = [];
  readonly #messages = new Map<string, KnownMessage>();
  readonly #messagesById: KnownMessage[] = [];
  readonly #textOptions: TextOptions;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#textOptions = {
      timeless: !bounds.checkQuorum,
      inattentive: !bounds.checkQuorum && bounds.compactions === 0 && bounds.changes === 0,
      unchanging: bounds.changes === 0,
    };
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
    return this.#known(new Member(options, disk), this.#bounds.crashes === 0);
  }

  /** The same member from where on it will not crash any more. */
  lasting(state: MemberState): MemberState {
    if (state.lasting) return state;
    const member = copyGraph(state.member);
    this.#settle(member);
    return this.#known(member, true);
  }

  /** How many entries each write holds that is under way when `input` was done and nothing is durable of it yet. */
  writesAfter(state: MemberState, input: Exclude<Input, Crash> | undefined): readonly number[] {
    let { member } = state;
    if (input !== undefined) {
      member = copyGraph(member);
      try {
        member = act(member, input);
        while (member.node.hasReady()) act(member, { kind: 'ready' });
      } catch (error) {
        // Found as the broken result of the input itself.
        if (!(error instanceof Error)) throw error;
      }
    }
    return member.writes.map(({ batch }) => (batch.snapshot === undefined ? batch.entries.length : 0));
  }

  /** What `input` makes of `state`. */
  result(state: MemberState, input: Input): Result {
    if (input.kind === 'receive') {
      const { id } = input.message;
      let received = state.received.get(id);
      if (received === undefined) {
        received = this.#run(state, input);
        state.received.set(id, received);
      }
      return received;
    }
    const key = input.kind === 'crash' ? input : keyOf(input);
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
      renamed = this.#known(copyGraph(state.member, rename), state.lasting);
      state.renamed[number] = renamed;
    }
    return renamed;
  }

  renamedMessageId(id: number, number: number, rename: Renaming): number {
    const known = this.messageById(id);
    let renamed = known.renamed[number];
    if (renamed === undefined) {
      renamed = this.#knownMessage(copyGraph(known.message, rename)).id;
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
    const send = (messages: readonly Message[]): void => {
      for (const message of messages) {
        broken ??= brokenLocally.bySending(member, message);
        sent.push(this.#knownMessage(message));
      }
    };
    const take = (): void => {
      const ready: Ready = member.takeReady();
      send(member.outgoing(ready));
      committed.push(...ready.committed);
      member.apply(Number.POSITIVE_INFINITY);
      for (const { index, context } of ready.readStates)
        reads.push({ context: decoder.decode(context), index });
    };
    const { batching, promptDisk } = this.#bounds;
    const takeAll = (): void => {
      while (member.node.hasReady()) take();
    };
    try {
      if (input.kind === 'ready') take();
      else if (input.kind === 'crash') {
        if (input.during !== undefined) {
          member = act(member, input.during);
          takeAll();
        }
        member = crash(member, input);
        if (!batching) takeAll();
      } else {
        member = act(member, input);
        if (!batching) takeAll();
      }
      while (promptDisk && member.writes.length > 0) {
        member.syncNext();
        takeAll();
      }
      // What waits for no disk may leave at once: with more messages no less can happen, and the network may still be slow.
      if (batching) send(takeMessages(member));
      if (before.lasting) this.#settle(member);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      broken ??= `the core stopped: ${error.message}`;
    }
    broken ??= brokenLocally.byStep(before.member, member, input.kind === 'crash');
    return {
      to: this.#known(member, before.lasting),
      sent,
      committed,
      reads,
      broken,
    };
  }

  /** Of a member that will not crash: nobody waits for, or will read, the write of a commit index. */
  #settle(member: Member): void {
    while (member.writes[0]?.batch.mustSync === false) member.syncNext();
  }

  #known(member: Member, lasting: boolean): MemberState {
    const text = `${lasting ? 'L' : ''}${textOf(member, this.#textOptions, lasting)}`;
    let state = this.#states.get(text);
    if (state === undefined) {
      state = {
        id: this.#byId.length,
        member,
        durable: durableLog(member),
        terms: Array.from({ length: member.node.lastIndex }, (_, i) => member.node.termAt(i + 1)),
        lasting,
        results: new Map(),
        received: new Map(),
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
      const id = this.#messagesById.length;
      if (id > 0xffff) throw new RangeError('the model has more than 65,536 different messages');
      known = {
        id,
        message,
        text: describeMessage(message),
        position: Number(message.to) - 1,
        renamed: [],
      };
      this.#messages.set(text, known);
      this.#messagesById.push(known);
    }
    return known;
  }
}

function keyOf(input: Exclude<Input, Crash>): string {
  switch (input.kind) {
    case 'receive':
      return `receive ${input.message.id}`;
    case 'propose':
    case 'read':
    case 'change':
      return `${input.kind} ${input.text}`;
    case 'transfer':
      return `transfer ${input.to}`;
    default:
      return input.kind;
  }
}

/** The messages that the next Ready would bring, without the Ready. */
function takeMessages(member: Member): readonly Message[] {
  const { _core: core } = member.node as unknown as { _core: { messages: Message[] } };
  const { messages } = core;
  core.messages = [];
  return member.outgoing({ messages });
}

/** A new process, on the disk as the crash left it. */
function crash(member: Member, { writes, entries }: Crash): Member {
  for (const { batch, snapshotState } of member.writes.slice(0, writes)) {
    member.disk.write(batch, snapshotState);
  }
  const torn = member.writes[writes]?.batch;
  if (torn !== undefined) member.disk.writeEntries(torn.entries.slice(0, entries));
  return member.restarted();
}

function act(member: Member, input: Exclude<Input, Crash>): Member {
  switch (input.kind) {
    case 'ready':
      member.takeReady();
      member.apply(Number.POSITIVE_INFINITY);
      return member;
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
