/**
 * spec/raft.tla as a program: its variables, and its actions as methods that do the step if the guard holds and say what is wrong if
 * not. What the specification leaves out and real runs have is added where it says so: members that come and go, snapshots, a log to
 * begin with.
 *
 * Entries are texts, `term/content`; logs are arrays, index 1 first. `leaderLogs` stands for the appends among the messages: whatever a
 * leader of a term has in its log, it may have sent to anybody.
 */
import type { ConfState, MemberId } from '../../src/raft/types.ts';

export type Log = readonly string[];

/** What a member comes back with. */
export interface Found {
  readonly term: number;
  readonly votedFor: MemberId;
  readonly log: Log;
  readonly configuration: ConfState;
}

interface Server {
  term: number;
  votedFor: MemberId;
  /** On its disk. */
  readonly log: GrowingLog;
  /** In memory: ahead of the disk while a write is under way. */
  readonly memory: GrowingLog;
  configuration: ConfState;
}

interface Leadership {
  readonly leader: MemberId;
  readonly log: GrowingLog;
  /** What each member has told the leader to hold. */
  readonly match: Map<MemberId, number>;
}

interface VoteRequest {
  readonly last: number;
  readonly lastTerm: number;
}

/** A log that knows how much of it is known to be committed. */
class GrowingLog {
  readonly entries: string[];
  settled = 0;

  constructor(entries: Log) {
    this.entries = entries.slice();
  }

  get length(): number {
    return this.entries.length;
  }

  replaceFrom(index: number, entries: Log): void {
    this.entries.length = index - 1;
    for (const entry of entries) this.entries.push(entry);
    this.settled = Math.min(this.settled, index - 1);
  }

  settle(committed: Log): void {
    const end = Math.min(this.entries.length, committed.length);
    while (this.settled < end && this.entries[this.settled] === committed[this.settled]) this.settled++;
  }
}

export type Action =
  | 'Campaign'
  | 'Vote'
  | 'LearnTerm'
  | 'BecomeLeader'
  | 'Propose'
  | 'Store'
  | 'TakeAppend'
  | 'TakeSnapshot'
  | 'TakeAcknowledgement'
  | 'AdvanceCommit'
  | 'Restart';

/** A step that the specification does not allow. */
export class NoSuchStep extends Error {
  override readonly name = 'NoSuchStep';
}

export class AbstractRaft {
  readonly #servers = new Map<MemberId, Server>();
  readonly #requests = new Map<string, VoteRequest>();
  readonly #granted = new Map<string, Set<MemberId>>();
  readonly #leaderships = new Map<number, Leadership>();
  /** Terms that somebody campaigned for, or that were there at the beginning. */
  readonly #terms = new Set<number>();
  readonly #committed: string[] = [];
  readonly steps = new Map<Action, number>();

  /** A member that was never seen, or comes back with what is on its disk. */
  start(id: MemberId, found: Found, commit: number): void {
    const known = this.#servers.get(id);
    if (this.#servers.size === 0) {
      // The log of a new cluster begins with its founders, and counts as committed.
      this.#committed.push(...found.log.slice(0, commit));
      this.#terms.add(found.term);
    }
    if (known !== undefined) {
      this.#require(
        found.term >= known.term,
        `${text(id)} comes back in term ${found.term}, after ${known.term}`,
      );
      this.#did('Restart');
    }
    const log = new GrowingLog(found.log);
    this.#servers.set(id, { ...found, log, memory: new GrowingLog(found.log) });
    this.#requireKnownLog(id, log, found.term);
  }

  /** What is behind a snapshot up to `index`, which only stands for it. */
  before(index: number): Log {
    this.#require(index <= this.#committed.length, `a snapshot at ${index} of what cannot be committed yet`);
    return this.#committed.slice(0, index);
  }

  /** Its disk is gone. */
  forget(id: MemberId): void {
    this.#servers.delete(id);
  }

  /** Campaign, Vote, or the learning of a later term: this stands on the disk of `id` now. */
  moveTo(id: MemberId, term: number, votedFor: MemberId): void {
    const server = this.#server(id);
    if (term === server.term && votedFor === server.votedFor) return;
    this.#require(term >= server.term, `the term of ${text(id)} goes back from ${server.term} to ${term}`);
    this.#require(
      term > server.term || server.votedFor === 0n,
      `${text(id)} votes for ${text(votedFor)} in term ${term}, after ${text(server.votedFor)}`,
    );
    if (votedFor === id) {
      this.#terms.add(term);
      const { log } = server;
      this.#requests.set(`${id}@${term}`, { last: log.length, lastTerm: lastTermOf(log.entries) });
      this.#grantedIn(term, id).add(id);
      this.#did('Campaign');
    } else if (votedFor !== 0n) {
      this.#requireVote(id, server.log.entries, term, votedFor);
      this.#did('Vote');
    } else {
      this.#require(this.#terms.has(term), `${text(id)} is in term ${term}, for which nobody campaigned`);
      this.#did('LearnTerm');
    }
    server.term = term;
    server.votedFor = votedFor;
  }

  /** The answer to a vote request leaves. */
  grant(id: MemberId, term: number, to: MemberId): void {
    const server = this.#server(id);
    this.#require(
      server.term > term || (server.term === term && server.votedFor === to),
      `${text(id)} votes for ${text(to)} in term ${term} without having it on its disk`,
    );
    this.#grantedIn(term, to).add(id);
  }

  becomeLeader(id: MemberId, term: number): void {
    const { memory, configuration } = this.#server(id);
    const granted = this.#grantedIn(term, id);
    const quorum = isQuorum(configuration, (voter) => granted.has(voter));
    this.#require(
      quorum,
      `${text(id)} leads term ${term} with the votes of ${[...granted].map(text).join(', ')}`,
    );
    const known = this.#leaderships.get(term);
    this.#require(known === undefined || known.leader === id, `two leaders in term ${term}`);
    const own = memory.entries.findIndex((entry) => termOf(entry) === term);
    this.#require(own >= 0, `${text(id)} leads term ${term} without an entry of it`);
    const missing = this.#committed.findIndex((entry, at) => memory.entries[at] !== entry);
    this.#require(
      missing < 0 || missing >= own,
      `${text(id)} leads term ${term} without the committed entry ${missing + 1}`,
    );
    this.#leaderships.set(term, { leader: id, log: new GrowingLog(memory.entries), match: new Map() });
    this.#did('BecomeLeader');
    this.#store(id);
  }

  /** Entries are in the memory of `id`, from `index` on. A leader only appends, and only what is of its term. */
  append(id: MemberId, index: number, entries: Log): void {
    const server = this.#server(id);
    const { memory } = server;
    this.#require(index <= memory.length + 1, `the log of ${text(id)} gets a gap before ${index}`);
    memory.replaceFrom(index, entries);
    const term = lastTermOf(entries);
    const leadership = this.#leaderships.get(term);
    if (leadership?.leader !== id) return;
    this.#require(index === leadership.log.length + 1, `leader ${text(id)} changes its entry ${index}`);
    for (const entry of entries) this.#require(termOf(entry) === term, `leader ${text(id)} appends ${entry}`);
    leadership.log.replaceFrom(index, entries);
    this.#did('Propose');
  }

  /** Entries are on the disk of `id`, from `index` on: its own, or a leader's. */
  store(id: MemberId, index: number, entries: Log): void {
    const server = this.#server(id);
    const { log } = server;
    this.#require(index <= log.length + 1, `the disk of ${text(id)} gets a gap before ${index}`);
    // Thesis 3.5: the log is cut only where an entry conflicts.
    const end = index - 1 + entries.length;
    const known = log.entries.slice(index - 1, end);
    const conflict = known.some((entry, at) => entry !== entries[at]);
    this.#require(end >= log.length || conflict, `${text(id)} cuts its log after ${end} for nothing`);
    log.replaceFrom(index, entries);
    this.#requireKnownLog(id, log, server.term);
    this.#did(this.#leaderships.get(lastTermOf(entries))?.leader === id ? 'Store' : 'TakeAppend');
    this.#store(id);
  }

  /** A snapshot is in the memory of `id`: it stands for what is committed up to `index`. */
  takeSnapshot(id: MemberId, index: number, term: number): void {
    this.#server(id).memory.replaceFrom(1, this.#prefix(id, index, term));
  }

  storeSnapshot(id: MemberId, index: number, term: number): void {
    this.#server(id).log.replaceFrom(1, this.#prefix(id, index, term));
    this.#did('TakeSnapshot');
    this.#store(id);
  }

  /** "has": `id` tells the leader of `term` that its log up to `index` is the leader's, and durable. */
  acknowledge(id: MemberId, term: number, to: MemberId, index: number): void {
    // Tells no more than the term.
    if (index === 0) return;
    const server = this.#server(id);
    const leadership = this.#leaderships.get(term);
    this.#require(
      leadership?.leader === to,
      `${text(id)} acknowledges to ${text(to)}, who does not lead term ${term}`,
    );
    if (leadership === undefined || server.term > term) return;
    this.#require(
      server.term === term,
      `${text(id)} acknowledges in term ${term}, its disk knows ${server.term}`,
    );
    const differs = this.#difference(server.log, leadership.log, index);
    this.#require(
      differs === undefined,
      `${text(id)} acknowledges ${index} in term ${term}, but entry ${differs} on its disk is not the leader's`,
    );
    if ((leadership.match.get(id) ?? 0) >= index) return;
    leadership.match.set(id, index);
    this.#did('TakeAcknowledgement');
    this.#advanceCommit(term);
  }

  configure(id: MemberId, configuration: ConfState): void {
    this.#server(id).configuration = configuration;
    for (const [term, { leader }] of this.#leaderships) if (leader === id) this.#advanceCommit(term);
  }

  /** A member calls an entry committed. */
  commit(id: MemberId, index: number, entry: string): void {
    const known = this.#committed[index - 1];
    this.#require(
      known === entry,
      `${text(id)} calls entry ${index} (${entry}) committed; what could be committed there is ${known ?? 'nothing'}`,
    );
  }

  /** The leader hears of its own disk. */
  #store(id: MemberId): void {
    const { term, log } = this.#server(id);
    const leadership = this.#leaderships.get(term);
    if (leadership?.leader !== id) return;
    let match = leadership.match.get(id) ?? 0;
    while (match < log.length && log.entries[match] === leadership.log.entries[match]) match++;
    leadership.match.set(id, match);
    this.#advanceCommit(term);
  }

  /** As soon as it can be: a leader may hear of it later. */
  #advanceCommit(term: number): void {
    const { leader, log, match } = this.#leaderships.get(term)!;
    const configuration = this.#servers.get(leader)?.configuration;
    if (configuration === undefined) return;
    for (let index = log.length; index > this.#committed.length; index--) {
      if (termOf(log.entries[index - 1]!) !== term) return;
      if (!isQuorum(configuration, (voter) => (match.get(voter) ?? 0) >= index)) continue;
      log.settle(this.#committed);
      const same = log.settled === this.#committed.length;
      this.#require(same, `term ${term} commits another entry ${log.settled + 1}`);
      for (let at = this.#committed.length; at < index; at++) this.#committed.push(log.entries[at]!);
      this.#did('AdvanceCommit');
      return;
    }
  }

  /** Thesis 3.4 and 3.6.1: one vote a term, and only for a log that is at least as far. */
  #requireVote(id: MemberId, log: Log, term: number, candidate: MemberId): void {
    const request = this.#requests.get(`${candidate}@${term}`);
    this.#require(
      request !== undefined,
      `${text(id)} votes for ${text(candidate)}, who does not campaign in ${term}`,
    );
    if (request === undefined) return;
    const lastTerm = lastTermOf(log);
    const upToDate =
      request.lastTerm > lastTerm || (request.lastTerm === lastTerm && request.last >= log.length);
    this.#require(
      upToDate,
      `${text(id)}, whose log ends at ${log.length} in term ${lastTerm}, votes for ${text(candidate)}, ` +
        `whose log ends at ${request.last} in term ${request.lastTerm}`,
    );
  }

  /** Every log is a leader's up to some point, of no later term than its owner's. */
  #requireKnownLog(id: MemberId, log: GrowingLog, term: number): void {
    log.settle(this.#committed);
    if (log.settled === log.length) return;
    const last = lastTermOf(log.entries);
    for (let from = last; from <= term; from++) {
      const leadership = this.#leaderships.get(from);
      if (leadership === undefined) continue;
      if (this.#difference(log, leadership.log, log.length) === undefined) return;
    }
    // A leader's entries may be on its disk before the rest of the world hears that it leads.
    if (this.#grantedIn(last, id).size > 0) return;
    throw new NoSuchStep(
      `no leader up to term ${term} has the log of ${text(id)}: ${log.entries.slice(-3).join(' ')}`,
    );
  }

  /** The first index up to `index` at which the logs differ. What both share with the committed entries need not be compared. */
  #difference(left: GrowingLog, right: GrowingLog, index: number): number | undefined {
    left.settle(this.#committed);
    right.settle(this.#committed);
    for (let at = Math.min(left.settled, right.settled); at < index; at++) {
      if (left.entries[at] === undefined || left.entries[at] !== right.entries[at]) return at + 1;
    }
    return undefined;
  }

  #prefix(id: MemberId, index: number, term: number): Log {
    const last = this.#committed[index - 1];
    this.#require(
      last !== undefined && termOf(last) === term,
      `${text(id)} takes a snapshot at ${index} of term ${term}; what is committed there is ${last ?? 'nothing'}`,
    );
    return this.#committed.slice(0, index);
  }

  #grantedIn(term: number, candidate: MemberId): Set<MemberId> {
    const key = `${candidate}@${term}`;
    let granted = this.#granted.get(key);
    if (granted === undefined) {
      granted = new Set();
      this.#granted.set(key, granted);
    }
    return granted;
  }

  #server(id: MemberId): Server {
    const server = this.#servers.get(id);
    if (server === undefined) throw new NoSuchStep(`${text(id)} was never started`);
    return server;
  }

  #did(action: Action): void {
    this.steps.set(action, (this.steps.get(action) ?? 0) + 1);
  }

  #require(holds: boolean, otherwise: string): void {
    if (!holds) throw new NoSuchStep(otherwise);
  }
}

export function termOf(entry: string): number {
  return Number(entry.slice(0, entry.indexOf('/')));
}

function lastTermOf(log: Log): number {
  const last = log.at(-1);
  return last === undefined ? 0 : termOf(last);
}

function isQuorum(configuration: ConfState, has: (voter: MemberId) => boolean): boolean {
  const { voters, votersOutgoing } = configuration;
  return [voters, votersOutgoing].every(
    (half) => half.length === 0 || half.filter(has).length * 2 > half.length,
  );
}

function text(id: MemberId): string {
  return id.toString(16);
}
