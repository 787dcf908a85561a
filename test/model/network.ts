/**
 * Which of the messages that were ever sent still matter. Two rules make worlds equal that can do the same:
 *
 *   what can have no effect any more, whatever happens, is dropped;
 *   an answer to a message that leaves its receiver as it is, is sent at once: the world with more messages can do no less.
 */
import type { Message } from '../../src/raft/types.ts';
import type { Bounds } from './bounds.ts';
import type { Histories } from './history.ts';
import type { KnownMessage, MemberState, MemberStates } from './member-states.ts';
import type { World } from './world.ts';

export interface MessagesAfter {
  /** Ids, ascending; the very array of the world if nothing changed. */
  readonly messages: readonly number[];
  /** What members who stay as they are said to messages that came, or came again. */
  readonly answers: readonly KnownMessage[];
}

export class Network {
  readonly #bounds: Bounds;
  readonly #states: MemberStates;
  readonly #histories: Histories;
  /** What comes again while a write is under way, or a Ready waits, lets an answer be sent that would have been left out. */
  readonly #repeatable: boolean;

  constructor(bounds: Bounds, states: MemberStates, histories: Histories) {
    this.#bounds = bounds;
    this.#states = states;
    this.#histories = histories;
    this.#repeatable = bounds.batching || !bounds.promptDisk;
  }

  /** The messages of `world`, and `sent`, without what is dead. `changed`: the member that is not what it was when they were found. */
  after(world: World, sent: readonly KnownMessage[], changed: number | undefined): MessagesAfter {
    if (this.#bounds.unreduced) return allOf(world.messages, sent);
    const { members } = world;
    const messages: number[] = [];
    const answers: KnownMessage[] = [];
    /** Whose answer is not known to be among the messages. */
    const fresh: KnownMessage[] = [];
    for (const id of world.messages) {
      const known = this.#states.messageById(id);
      const concerned = known.position === changed || Number(known.message.from) - 1 === changed;
      if (concerned && this.#isDead(known, members)) continue;
      messages.push(id);
      if (known.position === changed) fresh.push(known);
    }
    for (const known of sent) {
      if (messages.includes(known.id) || this.#isDead(known, members)) continue;
      messages.push(known.id);
      fresh.push(known);
    }
    for (let known = fresh.pop(); known !== undefined; known = fresh.pop()) {
      const state = members[known.position]!;
      const result = this.#states.result(state, {
        kind: 'receive',
        message: known,
      });
      if (result.to !== state || result.broken !== undefined || result.reads.length > 0) continue;
      if (this.#histories.after(world.history, known.position, result) !== world.history) continue;
      for (const answer of result.sent) {
        if (messages.includes(answer.id) || this.#isDead(answer, members)) continue;
        messages.push(answer.id);
        fresh.push(answer);
        answers.push(answer);
      }
    }
    const kept = this.#repeatable ? messages : this.#withoutRepetitions(messages, members);
    if (isSame(kept, world.messages)) return { messages: world.messages, answers: [] };
    return { messages: kept.sort((a, b) => a - b), answers };
  }

  /**
   * Of the appends of its present leader that a follower holds already, only the one from furthest back is kept: to each of them it
   * says either what it said before, which is among the messages, or how far it knows to be committed, if that is behind the append's
   * beginning. So the one says all that the others can. Not if the follower may crash and lose what it knows.
   */
  #withoutRepetitions(messages: number[], members: readonly MemberState[]): number[] {
    let kept = messages;
    for (let position = 0; position < members.length; position++) {
      const state = members[position]!;
      const { node } = state.member;
      if (!state.lasting || node.role !== 'follower' || node.leader === 0n) continue;
      let furthest: KnownMessage | undefined;
      for (const id of messages) {
        const known = this.#states.messageById(id);
        if (known.position !== position || !this.#isHeld(known, state)) continue;
        if (furthest === undefined) furthest = known;
        else {
          const spare = isFurther(known.message, furthest.message) ? furthest : known;
          if (spare === furthest) furthest = known;
          kept = kept.filter((other) => other !== spare.id);
        }
      }
    }
    return kept;
  }

  #isHeld(known: KnownMessage, state: MemberState): boolean {
    const { message } = known;
    if (message.type !== 'append' || message.term !== state.member.node.term) return false;
    return this.#states.result(state, { kind: 'receive', message: known }).to === state;
  }

  /** True if the message has no effect in any world that can still follow. */
  #isDead(known: KnownMessage, members: readonly MemberState[]): boolean {
    const { message } = known;
    const receiver = members[known.position]!;
    if (message.type !== 'vote') return isIgnored(message, receiver, this.#bounds);
    const { node } = receiver.member;
    const kept = keptTerm(receiver);
    if (message.term !== kept) return message.term < kept;
    // All it can get is an answer: is anybody waiting for it?
    const answered = node.term > kept || node.leader !== 0n || voteOf(node) !== 0n;
    if (!answered || this.#repeatable || this.#bounds.checkQuorum) return false;
    const answer: Message = {
      type: 'vote-response',
      from: message.to,
      to: message.from,
      term: message.term,
      reject: true,
    };
    return isIgnored(answer, members[Number(message.from) - 1]!, this.#bounds);
  }
}

function allOf(before: readonly number[], sent: readonly KnownMessage[]): MessagesAfter {
  const all = new Set(before);
  for (const { id } of sent) all.add(id);
  const messages = all.size === before.length ? before : [...all].sort((a, b) => a - b);
  return { messages, answers: [] };
}

/** The term that the member will never fall behind. */
function keptTerm({ member, lasting }: MemberState): number {
  return lasting ? member.node.term : member.disk.hardState.term;
}

/**
 * True if the receiver will ignore the message in every state it can still come to.
 *
 * A message of a term that it will never go back to is ignored, unless it is one that gets an answer all the same. A vote counts once,
 * and for the candidate of its term; nobody is a candidate twice in a term that cannot be lost, nor leads it after having followed in
 * it. What a leader knows to match only grows, unless members come and go.
 */
function isIgnored(message: Message, receiver: MemberState, bounds: Bounds): boolean {
  const { type, term } = message;
  const kept = keptTerm(receiver);
  const { node } = receiver.member;
  const { role } = node;
  switch (type) {
    case 'vote-response':
      if (term !== kept) return term < kept;
      return node.term !== term || role !== 'candidate' || hasVoteOf(node, message.from);
    case 'append-response':
      if (term !== kept) return term < kept;
      if (node.term !== term || (role !== 'candidate' && role !== 'leader')) return true;
      return bounds.changes === 0 && role === 'leader' && message.index < matchOf(node, message.from);
    case 'heartbeat-response':
      if (term !== kept) return term < kept;
      return node.term !== term || (role !== 'candidate' && role !== 'leader');
    case 'pre-vote':
    case 'pre-vote-response':
      return false;
    case 'append':
    case 'heartbeat':
      return term < kept && !bounds.preVote && !bounds.checkQuorum;
    default:
      return term !== 0 && term < kept;
  }
}

/** `one` and `other` are appends of one leader in one term. */
function isFurther(one: Message, other: Message): boolean {
  if (one.type !== 'append' || other.type !== 'append') return false;
  return (
    (one.previousIndex - other.previousIndex ||
      one.entries.length - other.entries.length ||
      one.commit - other.commit) < 0
  );
}

/** Both ascend in their common part, or are the same. */
function isSame(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}

/** What open-raft.mjs lets be seen. */
interface OpenNode {
  readonly _core: {
    readonly vote: bigint;
    readonly votes: ReadonlyMap<bigint, boolean>;
    readonly peers: ReadonlyMap<bigint, { readonly match: number }>;
  };
}

function voteOf(node: unknown): bigint {
  return (node as OpenNode)._core.vote;
}

function hasVoteOf(node: unknown, voter: bigint): boolean {
  return (node as OpenNode)._core.votes.has(voter);
}

function matchOf(node: unknown, peer: bigint): number {
  return (node as OpenNode)._core.peers.get(peer)?.match ?? 0;
}
