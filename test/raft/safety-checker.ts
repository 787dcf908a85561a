/**
 * What must hold in every run (thesis figure 3.2), checked from outside of the core: election safety, leader completeness, log
 * matching, state machine safety; votes given once and only when durable; acknowledgements only of what is on disk; reads never
 * older than what was committed when they were asked for.
 */
import assert from 'node:assert/strict';
import type { Message, Ready } from '../../src/raft/types.ts';
import type { Member } from './member.ts';

interface Committed {
  readonly term: number;
  readonly data: string;
}

export class SafetyChecker {
  readonly #leaders = new Map<number, bigint>();
  readonly #votes = new Map<string, bigint>();
  /** By index. */
  readonly #committed: Committed[] = [];
  readonly #terms = new Map<bigint, number>();
  readonly #reads = new Map<string, number>();
  #highestCommit = 0;
  #checkedCommit = 0;

  get commits(): number {
    return this.#committed.length;
  }

  get elections(): number {
    return this.#leaders.size;
  }

  /** A read is asked for now: its context. */
  readAsked(): string {
    const context = `read ${this.#reads.size}`;
    this.#reads.set(context, this.#highestCommit);
    return context;
  }

  /** Something happened to `member`, one of `members`. */
  observe(member: Member, members: Iterable<Member>): void {
    const { id, node } = member;
    if (node.role === 'leader' && node.commit > this.#checkedCommit) this.#commits(member, members);
    if (node.commit > this.#highestCommit) this.#highestCommit = node.commit;
    assert.ok(node.term >= (this.#terms.get(id) ?? 0), `the term of ${id} went back`);
    this.#terms.set(id, node.term);
    if (node.role === 'leader') this.#leads(member);
    assert.ok(node.durableIndex <= member.disk.lastIndex, `${id} overrates its disk`);
    for (let index = Math.max(member.disk.snapshot.index, 1); index <= node.durableIndex; index++) {
      const inMemory = node.termAt(index);
      if (inMemory !== undefined) {
        assert.equal(member.disk.termAt(index), inMemory, `${id} calls ${index} durable, and it is not`);
      }
    }
  }

  restarted(member: Member): void {
    this.#terms.set(member.id, member.node.term);
  }

  /** Whoever commits by counting may only count disks, and needs a majority of each half of a joint configuration. */
  #commits({ id, node }: Member, members: Iterable<Member>): void {
    const { commit, configuration } = node;
    this.#checkedCommit = commit;
    const holders = new Set<bigint>();
    for (const { id: holder, disk } of members) {
      if (disk.snapshot.index >= commit || disk.termAt(commit) === node.termAt(commit)) holders.add(holder);
    }
    for (const voters of [configuration.voters, configuration.votersOutgoing]) {
      const count = voters.filter((voter) => holders.has(voter)).length;
      assert.ok(
        voters.length === 0 || 2 * count > voters.length,
        `${id} commits ${commit}, durable on ${[...holders]} of the voters ${voters}`,
      );
    }
  }

  #leads({ id, node }: Member): void {
    const known = this.#leaders.get(node.term);
    assert.ok(known === undefined || known === id, `${known} and ${id} both lead term ${node.term}`);
    if (known !== undefined) return;
    this.#leaders.set(node.term, id);
    // Leader completeness: what was committed in earlier terms is in its log.
    this.#committed.forEach(({ term }, index) => {
      if (index < node.firstIndex || term >= node.term) return;
      assert.equal(node.termAt(index), term, `leader ${id} of term ${node.term} lacks ${index}/${term}`);
    });
  }

  ready(member: Member, ready: Ready): void {
    for (const { index, term, data } of ready.committed) {
      const text = new TextDecoder().decode(data);
      const known = this.#committed[index];
      if (known === undefined) this.#committed[index] = { term, data: text };
      else assert.deepEqual({ term, data: text }, known, `${member.id} applies another entry ${index}`);
    }
    for (const { index, context } of ready.readStates) {
      const floor = this.#reads.get(new TextDecoder().decode(context));
      assert.ok(
        floor !== undefined && index >= floor,
        `${member.id} may read at ${index}, older than ${floor}`,
      );
    }
  }

  sent(member: Member, message: Message): void {
    const { disk } = member;
    if (message.type === 'vote' || (message.type === 'vote-response' && !message.reject)) {
      const votedFor = message.type === 'vote' ? member.id : message.to;
      const key = `${member.id} in ${message.term}`;
      const known = this.#votes.get(key) ?? votedFor;
      assert.equal(votedFor, known, `${key} votes for two`);
      this.#votes.set(key, votedFor);
      assert.ok(disk.hardState.term >= message.term, `${key} votes before its term is durable`);
      if (disk.hardState.term === message.term) assert.equal(disk.hardState.vote, votedFor);
    } else if (message.type === 'append-response' && !message.reject) {
      assert.ok(disk.hardState.term >= message.term, `${member.id} answers in a term that is not durable`);
      // In a later term the disk may rightly have lost it again.
      if (disk.hardState.term === message.term) {
        assert.ok(disk.lastIndex >= message.index, `${member.id} acknowledges ${message.index} too early`);
      }
    }
  }

  /** Log matching: where two logs agree in a term at an index, they agree in everything before it. */
  compareLogs(members: readonly Member[]): void {
    for (const left of members) {
      for (const right of members) {
        if (left.id >= right.id) continue;
        let agreed = false;
        const first = Math.max(left.node.firstIndex, right.node.firstIndex);
        for (let index = Math.min(left.node.lastIndex, right.node.lastIndex); index >= first; index--) {
          const same = left.node.termAt(index) === right.node.termAt(index);
          assert.ok(same || !agreed, `logs of ${left.id} and ${right.id} part at ${index} and meet again`);
          agreed = same;
        }
      }
    }
  }
}
