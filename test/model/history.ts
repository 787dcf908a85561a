/**
 * What must be remembered of a run beyond the members' states to tell whether it is right (thesis figure 3.2): who led which term,
 * whom each member voted for last, and what was ever committed. In a right protocol the states all but determine it.
 */
import type { Entry } from '../../src/raft/types.ts';
import type { Renaming } from './graph.ts';
import { entryText, type MemberState, type Result } from './member-states.ts';

interface CommittedEntry {
  readonly text: string;
  readonly term: number;
  /** The term in which it was committed. */
  readonly committedIn: number;
}

export interface History {
  readonly id: number;
  /** By index - 1. */
  readonly committed: readonly CommittedEntry[];
  /** By term; undefined for none yet. */
  readonly leaders: readonly (bigint | undefined)[];
  /** Last vote that left each member, by position. */
  readonly votes: readonly { readonly term: number; readonly candidate: bigint }[];
  readonly renamed: (History | undefined)[];
}

type Draft = Pick<History, 'committed' | 'leaders' | 'votes'>;

export class Histories {
  readonly #known = new Map<string, History>();
  readonly #byId: History[] = [];

  byId(id: number): History {
    return this.#byId[id]!;
  }

  initial(members: number): History {
    const votes = Array.from({ length: members }, () => ({ term: 0, candidate: 0n }));
    return this.#intern({ committed: [], leaders: [], votes });
  }

  renamed(history: History, number: number, rename: Renaming): History {
    let renamed = history.renamed[number];
    if (renamed === undefined) {
      const { committed, leaders } = history;
      const votes = history.votes.slice();
      history.votes.forEach(({ term, candidate }, position) => {
        votes[Number(rename(BigInt(position + 1))) - 1] = {
          term,
          candidate: candidate === 0n ? 0n : rename(candidate),
        };
      });
      renamed = this.#intern({
        committed,
        leaders: leaders.map((id) => (id === undefined ? undefined : rename(id))),
        votes,
      });
      history.renamed[number] = renamed;
    }
    return renamed;
  }

  /** The history after `result` at `position`; a string says which invariant it broke. */
  after(history: History, position: number, result: Result): History | string {
    let draft: Draft = history;
    for (const { message } of result.sent) {
      if (message.type !== 'vote' && (message.type !== 'vote-response' || message.reject)) continue;
      const candidate = message.type === 'vote' ? message.from : message.to;
      const next = voted(draft, position, message.term, candidate);
      if (typeof next === 'string') return next;
      draft = next;
    }
    const { member } = result.to;
    if (member.node.role === 'leader') {
      const next = leads(draft, result.to);
      if (typeof next === 'string') return next;
      draft = next;
    }
    for (const entry of result.committed) {
      const next = commits(draft, result.to, entry);
      if (typeof next === 'string') return next;
      draft = next;
    }
    for (const { context, index } of result.reads) {
      // A read's text is the number of entries that were committed when it was asked for.
      if (index < Number(context)) {
        return `ReadsAreFresh: ${member.id} may read at ${index}, but ${context} was committed before it was asked`;
      }
    }
    return draft === history ? history : this.#intern(draft);
  }

  #intern(draft: Draft): History {
    const committed = draft.committed.map(({ text, committedIn }) => `${text}@${committedIn}`);
    const votes = draft.votes.map(({ term, candidate }) => `${term}:${candidate}`);
    const key = `${committed.join('|')}#${draft.leaders.join(',')}#${votes.join(' ')}`;
    let history = this.#known.get(key);
    if (history === undefined) {
      const { committed, leaders, votes } = draft;
      history = { id: this.#byId.length, committed, leaders, votes, renamed: [] };
      this.#known.set(key, history);
      this.#byId.push(history);
    }
    return history;
  }
}

function voted(draft: Draft, position: number, term: number, candidate: bigint): Draft | string {
  const last = draft.votes[position]!;
  const voter = position + 1;
  if (term < last.term) return `OneVoteATerm: ${voter} votes in term ${term} after term ${last.term}`;
  if (term === last.term) {
    return candidate === last.candidate
      ? draft
      : `OneVoteATerm: ${voter} votes for ${last.candidate} and ${candidate} in term ${term}`;
  }
  return { ...draft, votes: draft.votes.with(position, { term, candidate }) };
}

function leads(draft: Draft, state: MemberState): Draft | string {
  const { id, node } = state.member;
  const known = draft.leaders[node.term];
  if (known === id) return draft;
  if (known !== undefined) return `ElectionSafety: ${known} and ${id} both lead term ${node.term}`;
  const lacking = lackingOf(draft, state);
  if (lacking !== undefined) return lacking;
  const leaders = Array.from(
    { length: Math.max(draft.leaders.length, node.term + 1) },
    (_, term) => draft.leaders[term],
  );
  leaders[node.term] = id;
  return { ...draft, leaders };
}

/** Whatever was committed in an earlier term is in a leader's log. */
export function lackingOf(
  { committed }: Pick<History, 'committed'>,
  { member, terms }: MemberState,
): string | undefined {
  const { id, node } = member;
  for (let at = 0; at < committed.length; at++) {
    const { term, text, committedIn } = committed[at]!;
    if (committedIn >= node.term || at + 1 < node.firstIndex) continue;
    if (terms[at] !== term) {
      return `LeaderCompleteness: ${id} leads term ${node.term} without ${text}, committed in term ${committedIn}`;
    }
  }
  return undefined;
}

function commits(draft: Draft, { member }: MemberState, entry: Entry): Draft | string {
  const text = entryText(entry);
  const known = draft.committed[entry.index - 1];
  if (known !== undefined) {
    return known.text === text
      ? draft
      : `StateMachineSafety: ${member.id} applies ${text} where ${known.text} was committed`;
  }
  if (entry.index !== draft.committed.length + 1)
    return `StateMachineSafety: ${member.id} leaves a gap before ${text}`;
  const { term } = entry;
  return { ...draft, committed: [...draft.committed, { text, term, committedIn: member.node.term }] };
}
