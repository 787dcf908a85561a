/**
 * Runs a transcript: a text whose lines `> command` drive a small cluster and whose other lines say what happened. Lines that
 * begin with `#` are comments and stay. `run` returns the text as it should be.
 *
 *   > members 1 2 3 [learners=4] [log=1,1,2] [term=2] [commit=1] [option=value]   members with the same log
 *   > member 1 voters=1,2,3 [log=..] ...      one member of its own kind
 *   > tick 1 [n]    > campaign 1    > propose 1 a b    > conf 1 v4 | r2 | l3 .. [auto|joint-implicit|joint-explicit] | leave
 *   > read 1 ctx    > transfer 1 2 (asked at 1)    > unreachable 1 2    > snapshot-sent 1 2 yes|no    > compact 1 [keep]
 *   > ready 1 ..    > sync 1 [n]    > deliver [1 ..]    > lose [1->2] [type]    > settle [1 ..]  (all three until quiet)
 *   > quietly settle (any command: not printed)   > cut 1 2   > isolate 1   > heal   > crash 1   > restart 1   > status   > logs
 */
import assert from 'node:assert/strict';
import type { RaftOptions } from '../../src/raft/node.ts';
import type {
  ConfChangeTransition,
  ConfChangeType,
  ConfState,
  Entry,
  Message,
  ProposeOutcome,
} from '../../src/raft/types.ts';
import { describeConfState, describeEntries, describeMessage, describeWrite } from './describe.ts';
import { DEFAULT_OPTIONS, Member, MemberDisk, NO_CONF } from './member.ts';

const encoder = new TextEncoder();

/** Message sizes in transcripts are counted in entries: what one with a short value is charged. */
const OPTION_NAMES: Readonly<Record<string, keyof RaftOptions>> = {
  'pre-vote': 'preVote',
  'check-quorum': 'checkQuorum',
  'message-bytes': 'maxMessageBytes',
  'inflight-messages': 'maxInflightMessages',
  'inflight-bytes': 'maxInflightBytes',
  'uncommitted-bytes': 'maxUncommittedBytes',
  'committed-bytes': 'maxCommittedBytesPerReady',
};

const CHANGE_TYPES: Readonly<Record<string, ConfChangeType>> = {
  v: 'add-node',
  r: 'remove-node',
  u: 'update-node',
  l: 'add-learner-node',
};

export function runTranscript(source: string): string {
  const world = new TranscriptWorld();
  const lines: string[] = [];
  for (const line of source.split('\n')) {
    if (line.startsWith('#') || line === '') {
      // A blank line stays only before a comment or command, where a human put it.
      if (line !== '' || lines.at(-1) !== '') lines.push(line);
    } else if (line.startsWith('> ')) {
      lines.push(line, ...world.run(line.slice(2)));
    }
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

class TranscriptWorld {
  readonly #members = new Map<bigint, Member>();
  readonly #down = new Set<bigint>();
  readonly #cut = new Set<string>();
  #network: Message[] = [];
  #output: string[] = [];

  run(command: string): string[] {
    this.#output = [];
    const words = command.split(/\s+/);
    const quietly = words[0] === 'quietly';
    if (quietly) words.shift();
    const [name = '', ...args] = words;
    const method = this.#commands[name];
    assert.ok(method, `unknown command: ${command}`);
    try {
      method(args);
    } catch (error) {
      if (!(error instanceof Error) || !['InvariantError', 'ConfChangeError'].includes(error.name))
        throw error;
      this.#print(`error: ${error.message}`);
    }
    return quietly ? [] : this.#output.map((line) => `  ${line}`);
  }

  readonly #commands: Readonly<Record<string, (args: readonly string[]) => void>> = {
    members: (args) => this.#create(args),
    member: (args) => this.#create(args),
    tick: ([id, count = '1']) => {
      for (let i = 0; i < Number(count); i++) this.#member(id).node.tick();
    },
    campaign: ([id]) => this.#member(id).node.campaign(),
    propose: ([id, ...data]) => {
      this.#outcome(this.#member(id).node.propose(data.map((one) => encoder.encode(one))));
    },
    conf: ([id, ...changes]) => this.#proposeConf(this.#member(id), changes),
    read: ([id, context = '']) => this.#member(id).node.readIndex(encoder.encode(context)),
    transfer: ([id, to = '']) => this.#member(id).node.transferLeadership(BigInt(to)),
    unreachable: ([id, peer = '']) => this.#member(id).node.reportUnreachable(BigInt(peer)),
    'snapshot-sent': ([id, peer = '', sent]) =>
      this.#member(id).node.reportSnapshot(BigInt(peer), sent === 'yes'),
    compact: ([id, keep = '0']) => this.#member(id).compact(Number(keep)),
    ready: (ids) => {
      for (const id of ids) this.#ready(this.#member(id));
    },
    sync: ([id, count = '1']) => {
      for (let i = 0; i < Number(count); i++) this.#sync(this.#member(id));
    },
    deliver: (ids) => {
      this.#deliver(ids.map(BigInt), true);
    },
    lose: (filters) => this.#lose(filters),
    settle: (ids) => this.#settle(ids.map(BigInt)),
    cut: ([left = '', right = '']) => {
      this.#cut.add(`${left}->${right}`).add(`${right}->${left}`);
    },
    isolate: ([id = '']) => {
      for (const other of this.#members.keys()) this.#cut.add(`${id}->${other}`).add(`${other}->${id}`);
    },
    heal: () => this.#cut.clear(),
    crash: ([id = '']) => {
      this.#down.add(BigInt(id));
    },
    restart: ([id = '']) => {
      this.#members.set(BigInt(id), this.#members.get(BigInt(id))!.restarted());
      this.#down.delete(BigInt(id));
    },
    status: () => this.#status(),
    logs: () => {
      for (const member of this.#members.values()) {
        const { node } = member;
        const entries: string[] = [];
        for (let index = node.firstIndex; index <= node.lastIndex; index++) {
          entries.push(`${index}/${node.termAt(index)}`);
        }
        this.#print(
          `${member.id}: ${entries.join(' ')}; commit ${node.commit}; state ${member.state.join(' ')}`,
        );
      }
    },
  };

  #create(args: readonly string[]): void {
    const ids = args.filter((arg) => !arg.includes('='));
    const settings = new Map(args.filter((arg) => arg.includes('=')).map(splitSetting));
    const learners = list(settings.get('learners')).map(BigInt);
    const voters = list(settings.get('voters')).map(BigInt);
    const all = ids.map(BigInt);
    const confState: ConfState = {
      ...NO_CONF,
      voters: voters.length > 0 ? voters : all.filter((id) => !learners.includes(id)),
      learners,
    };
    for (const id of all) {
      const disk = new MemberDisk(confState);
      const terms = list(settings.get('log')).map(Number);
      disk.entries = terms.map((term, i): Entry => {
        return { index: i + 1, term, type: 'normal', data: encoder.encode(`e${i + 1}.${term}`) };
      });
      const term = Number(settings.get('term') ?? terms.at(-1) ?? 0);
      disk.hardState = { term, vote: 0n, commit: Number(settings.get('commit') ?? 0) };
      this.#members.set(id, new Member(optionsFor(id, settings), disk));
    }
  }

  #proposeConf(member: Member, args: readonly string[]): void {
    const transitions: readonly string[] = ['auto', 'joint-implicit', 'joint-explicit'];
    const named = args.find((arg) => transitions.includes(arg));
    const changes = args
      .filter((arg) => arg !== named && arg !== 'leave')
      .map((arg) => ({ type: CHANGE_TYPES[arg[0]!]!, nodeId: BigInt(arg.slice(1)) }));
    const [only] = changes;
    const context = new Uint8Array(0);
    if (named === undefined && changes.length === 1 && only !== undefined) {
      this.#outcome(member.node.proposeConfChange({ id: 0n, ...only, context }));
      return;
    }
    const transition = (named ?? 'auto') as ConfChangeTransition;
    this.#outcome(member.node.proposeConfChange({ transition, changes, context }));
  }

  #ready(member: Member): void {
    if (!member.node.hasReady()) return;
    const { id } = member;
    const ready = member.takeReady();
    if (ready.softState !== undefined) {
      const { role, leader, term } = ready.softState;
      this.#print(`${id}: ${role} in term ${term}${leader === 0n ? '' : `, led by ${leader}`}`);
    }
    if (ready.persist !== undefined) this.#print(`${id}: writes ${describeWrite(ready.persist)}`);
    for (const message of member.outgoing(ready)) {
      this.#print(describeMessage(message));
      this.#network.push(message);
    }
    if (ready.committed.length > 0) this.#print(`${id}: applies ${describeEntries(ready.committed)}`);
    const before = member.node.configuration;
    member.apply(Number.POSITIVE_INFINITY);
    const after = member.node.configuration;
    if (after !== before) this.#print(`${id}: ${describeConfState(after)}`);
    for (const { index, context } of ready.readStates) {
      this.#print(`${id}: may read ${new TextDecoder().decode(context)} at ${index}`);
    }
  }

  #sync(member: Member): void {
    const [write] = member.writes;
    if (write === undefined) return;
    this.#print(`${member.id}: #${write.batch.sequence} is durable`);
    member.syncNext();
  }

  #passes({ from, to }: Message): boolean {
    return this.#members.has(to) && !this.#down.has(to) && !this.#cut.has(`${from}->${to}`);
  }

  /** Delivers what is on the way to `ids` (none given: to all). True if there was anything. */
  #deliver(ids: readonly bigint[], printed: boolean): boolean {
    const due = this.#network.filter((message) => ids.length === 0 || ids.includes(message.to));
    this.#network = this.#network.filter((message) => !due.includes(message));
    for (const message of due) {
      if (!this.#passes(message)) this.#print(`lost: ${describeMessage(message)}`);
      else {
        if (printed) this.#print(`arrives: ${describeMessage(message)}`);
        this.#member(message.to.toString()).receive(message);
      }
    }
    return due.length > 0;
  }

  #lose(filters: readonly string[]): void {
    this.#network = this.#network.filter((message) => {
      const kept = !filters.every((filter) =>
        filter.includes('->') ? filter === `${message.from}->${message.to}` : filter === message.type,
      );
      if (!kept) this.#print(`lost: ${describeMessage(message)}`);
      return kept;
    });
  }

  #settle(ids: readonly bigint[]): void {
    const members = [...this.#members.values()].filter(
      ({ id }) => !this.#down.has(id) && (ids.length === 0 || ids.includes(id)),
    );
    const chosen = members.map(({ id }) => id);
    let busy = true;
    for (let round = 0; busy; round++) {
      assert.ok(round < 1000, 'the cluster does not settle');
      busy = false;
      for (const member of members) {
        busy ||= member.node.hasReady();
        while (member.node.hasReady()) this.#ready(member);
      }
      const before = this.#network.length;
      this.#deliver(ids.length === 0 ? [] : chosen, false);
      busy ||= this.#network.length < before;
      for (const member of members) {
        busy ||= member.writes.length > 0;
        while (member.writes.length > 0) member.syncNext();
      }
    }
  }

  #status(): void {
    for (const [id, { node }] of this.#members) {
      if (this.#down.has(id)) {
        this.#print(`${id}: down`);
        continue;
      }
      const { role, term, commit, lastIndex, durableIndex, leader, transferee, progress } = {
        ...node.status(),
        durableIndex: node.durableIndex,
      };
      const led = leader === 0n ? '' : ` led by ${leader}`;
      const transfer = transferee === 0n ? '' : ` handing over to ${transferee}`;
      this.#print(
        `${id}: ${role} T${term}${led}${transfer}, last ${lastIndex}, durable ${durableIndex}, commit ${commit}`,
      );
      for (const [peer, { match, next, state, recentlyActive, learner }] of progress) {
        if (peer === id) continue;
        const notes = `${recentlyActive ? '' : ' inactive'}${learner ? ' learner' : ''}`;
        this.#print(`   ${peer} ${state} match ${match} next ${next}${notes}`);
      }
    }
  }

  #outcome(outcome: ProposeOutcome): void {
    if (!outcome.ok) this.#print(`refused: ${outcome.reason}`);
  }

  #member(id = ''): Member {
    const member = this.#members.get(BigInt(id));
    assert.ok(member, `no member ${id}`);
    return member;
  }

  #print(line: string): void {
    this.#output.push(line);
  }
}

function optionsFor(id: bigint, settings: ReadonlyMap<string, string>): RaftOptions {
  // Timeouts of 10, 11, 12 ... ticks by id, so that who campaigns first is plain.
  const random = (): number => Number((id - 1n) % 10n) / 10;
  const options: Record<string, unknown> = { ...DEFAULT_OPTIONS, id, random };
  for (const [name, value] of settings) {
    const option = OPTION_NAMES[name];
    if (option !== undefined)
      options[option] = value === 'on' ? true : value === 'off' ? false : Number(value);
  }
  return options as unknown as RaftOptions;
}

function splitSetting(arg: string): [string, string] {
  const at = arg.indexOf('=');
  return [arg.slice(0, at), arg.slice(at + 1)];
}

function list(words: string | undefined): string[] {
  return words === undefined || words === '' ? [] : words.split(',');
}
