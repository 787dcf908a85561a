/** The parts of the core that are plain arithmetic or small structures, against models too naive to be wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfChangeError, changeConfiguration, checkedConfState } from '../../src/raft/configuration.ts';
import { Inflights } from '../../src/raft/inflights.ts';
import { InvariantError } from '../../src/raft/invariant.ts';
import { jointVote, majorityReached, majorityVote } from '../../src/raft/quorum.ts';
import { ENTRY_OVERHEAD_BYTES, RaftLog } from '../../src/raft/raft-log.ts';
import type { ConfChangeType, ConfState, Entry } from '../../src/raft/types.ts';
import { WriteQueue } from '../../src/raft/write-queue.ts';
import { fc } from '../support/fast-check.ts';
import { NO_CONF } from './member.ts';

const NO_BYTES = new Uint8Array(0);

describe('quorum arithmetic', () => {
  it('finds the largest index that a majority has reached', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 9 }), (values) => {
        let naive = 0;
        for (let index = 0; index <= 20; index++) {
          if (values.filter((value) => value >= index).length * 2 > values.length) naive = index;
        }
        assert.equal(majorityReached([...values]), naive);
      }),
    );
    assert.equal(majorityReached([]), Number.POSITIVE_INFINITY);
  });

  it('decides an election as soon as, and not before, no missing answer can change it', () => {
    const answers = fc.array(fc.constantFrom(true, false, undefined), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(answers, (votes) => {
        const granted = votes.filter((vote) => vote === true).length;
        const rejected = votes.filter((vote) => vote === false).length;
        const open = votes.length - granted - rejected;
        const wins = (yes: number): boolean => yes * 2 > votes.length;
        const naive = wins(granted) ? 'won' : wins(granted + open) ? 'pending' : 'lost';
        assert.equal(majorityVote(votes.length, granted, rejected), naive);
      }),
    );
    assert.equal(majorityVote(0, 0, 0), 'won');
  });

  it('needs both halves of a joint configuration', () => {
    assert.equal(jointVote('won', 'won'), 'won');
    assert.equal(jointVote('won', 'pending'), 'pending');
    assert.equal(jointVote('lost', 'pending'), 'lost');
    assert.equal(jointVote('won', 'lost'), 'lost');
  });
});

describe('inflights', () => {
  it('behaves like a list with limits', () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 3 }), bytes: fc.nat({ max: 40 }) }),
      fc.record({ freeTo: fc.nat({ max: 60 }) }),
      fc.constant({ clear: true }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (size, steps) => {
        const inflights = new Inflights(size, 100);
        let model: { last: number; bytes: number }[] = [];
        let last = 0;
        for (const one of steps) {
          if ('add' in one) {
            last += one.add;
            if (inflights.full) assert.throws(() => inflights.add(last, one.bytes), InvariantError);
            else {
              inflights.add(last, one.bytes);
              model.push({ last, bytes: one.bytes });
            }
          } else if ('freeTo' in one) {
            inflights.freeTo(one.freeTo);
            model = model.filter((message) => message.last > one.freeTo);
          } else {
            inflights.clear();
            model = [];
          }
          const bytes = model.reduce((sum, message) => sum + message.bytes, 0);
          assert.equal(inflights.count, model.length);
          assert.equal(inflights.full, model.length >= size || bytes >= 100);
        }
      }),
    );
  });
});

function entry(index: number, term: number, size = 0): Entry {
  return { index, term, type: 'normal', data: new Uint8Array(size) };
}

describe('raft log', () => {
  it('behaves like an array with a compacted beginning', () => {
    const step = fc.oneof(
      fc.record({ append: fc.nat({ max: 2 }), size: fc.nat({ max: 30 }) }),
      fc.record({ truncate: fc.nat({ max: 5 }) }),
      fc.record({ commit: fc.nat({ max: 5 }) }),
      fc.record({ take: fc.nat({ max: 100 }) }),
      fc.record({ apply: fc.nat({ max: 5 }) }),
      fc.record({ compact: fc.nat({ max: 5 }) }),
      fc.record({ restore: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const log = new RaftLog(0, 0, []);
        /** model[i] is the entry at index i; those up to `base` count as compacted. */
        let model: (Entry | undefined)[] = [entry(0, 0)];
        let base = 0;
        let commit = 0;
        let handedOut = 0;
        let applied = 0;
        for (const one of steps) {
          const last = model.length - 1;
          if ('append' in one) {
            const next = entry(last + 1, model[last]!.term + one.append, one.size);
            model.push(next);
            log.append(next);
          } else if ('truncate' in one) {
            const from = Math.max(commit + 1, last + 1 - one.truncate);
            if (from <= last) {
              model.length = from;
              log.truncateFrom(from);
            }
          } else if ('commit' in one) {
            commit = Math.min(last, commit + one.commit);
            log.commitTo(commit);
          } else if ('take' in one) {
            const taken: Entry[] = [];
            let bytes = 0;
            while (handedOut < commit) {
              const next = model[handedOut + 1]!;
              bytes += next.data.length + ENTRY_OVERHEAD_BYTES;
              if (taken.length > 0 && bytes > one.take) break;
              taken.push(next);
              handedOut++;
            }
            assert.deepEqual(log.takeCommitted(one.take), taken);
          } else if ('apply' in one) {
            applied = Math.min(handedOut, applied + one.apply);
            log.appliedTo(applied);
          } else if ('compact' in one) {
            if (applied >= base) base = Math.min(applied, base + one.compact);
            log.compactTo(base);
          } else {
            base = last + one.restore;
            model = [...Array<undefined>(base).fill(undefined), entry(base, model[last]!.term + 1)];
            commit = base;
            handedOut = base;
            log.restore(base, model[base]!.term);
            applied = base;
            log.appliedTo(base);
          }
          assert.equal(log.firstIndex, base + 1);
          assert.equal(log.lastIndex, model.length - 1);
          assert.equal(log.lastTerm, model.at(-1)!.term);
          for (let index = 0; index < model.length + 2; index++) {
            assert.equal(log.termAt(index), index < base ? undefined : model[index]?.term);
          }
          assert.deepEqual(log.slice(base + 1, log.lastIndex), model.slice(base + 1));
        }
      }),
    );
  });

  it('finds the furthest point at which two logs can agree', () => {
    const terms = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 12 }).map((steps) => {
      let term = 1;
      return steps.map((step) => (term += step));
    });
    fc.assert(
      fc.property(terms, fc.nat({ max: 20 }), fc.nat({ max: 8 }), (list, index, term) => {
        const log = new RaftLog(
          0,
          0,
          list.map((one, i) => entry(i + 1, one)),
        );
        const found = log.lastPossibleMatch(index, term);
        if (index > list.length) assert.equal(found, index);
        else assert.equal(found, list.slice(0, index).filter((one) => one <= term).length);
      }),
    );
  });

  it('stops at what cannot be', () => {
    assert.throws(() => new RaftLog(0, 0, [entry(2, 1)]), InvariantError);
    assert.throws(() => new RaftLog(0, 0, [entry(1, 2), entry(2, 1)]), InvariantError);
    const log = new RaftLog(0, 0, [entry(1, 1), entry(2, 1)]);
    log.commitTo(1);
    assert.throws(() => log.truncateFrom(1), InvariantError);
    assert.throws(() => log.commitTo(3), InvariantError);
    assert.throws(() => log.append(entry(4, 1)), InvariantError);
    assert.throws(() => log.appliedTo(1), InvariantError);
    assert.throws(() => log.compactTo(1), InvariantError);
  });
});

describe('write queue', () => {
  /**
   * The model keeps every state that the disk can be in after a crash: the log as the last durable write left it and as each
   * write under way would leave it. An entry is durable when it is in all of them.
   */
  it('calls durable what every possible crash keeps, and no less', () => {
    const step = fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ replace: fc.integer({ min: 1, max: 4 }) }),
      fc.constant({ write: true }),
      fc.record({ persisted: fc.integer({ min: 1, max: 2 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log = new RaftLog(0, 0, []);
        const writes = new WriteQueue({ term: 1, vote: 0n, commit: 0 }, 0);
        let term = 1;
        let disk: number[] = [];
        const underWay: { sequence: number; log: number[] }[] = [];
        const terms = (): number[] => log.slice(log.firstIndex, log.lastIndex).map((one) => one.term);
        for (const one of steps) {
          if ('append' in one) {
            for (let i = 0; i < one.append; i++) log.append(entry(log.lastIndex + 1, term));
          } else if ('replace' in one) {
            const from = log.lastIndex + 1 - one.replace;
            if (from >= 1) {
              // Sometimes with what stood there before: terms come back, the entries look the same.
              term = term === 1 ? 2 : term;
              log.truncateFrom(from);
              writes.truncatedFrom(from);
              log.append(entry(from, Math.max(log.lastTerm, term)));
            }
          } else if ('write' in one) {
            const batch = writes.take(log, 1, 0n);
            if (batch !== undefined) underWay.push({ sequence: batch.sequence, log: terms() });
          } else {
            const done = underWay.splice(0, one.persisted).at(-1);
            if (done !== undefined) {
              disk = done.log;
              writes.persisted(done.sequence);
            }
          }
          const states = [disk, ...underWay.map((write) => write.log)];
          const memory = terms();
          let durable = 0;
          while (
            durable < memory.length &&
            states.every(
              (state) => state.slice(0, durable + 1).join() === memory.slice(0, durable + 1).join(),
            )
          ) {
            durable++;
          }
          assert.ok(writes.durableIndex <= durable, 'called durable what a crash can take away');
          if (underWay.length === 0 && !writes.needsSync(log, 1, 0n)) {
            assert.equal(writes.durableIndex, memory.length, 'never noticed that all is durable');
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not take an entry that comes back for durable while a write without it is under way', () => {
    const log = new RaftLog(0, 0, [entry(1, 1)]);
    const writes = new WriteQueue({ term: 1, vote: 0n, commit: 0 }, 1);
    const put = (from: number, term: number): number => {
      if (from <= log.lastIndex) {
        log.truncateFrom(from);
        writes.truncatedFrom(from);
      }
      log.append(entry(from, term));
      return writes.take(log, 1, 0n)!.sequence;
    };
    const first = put(2, 1);
    const other = put(2, 2);
    const again = put(2, 2);
    writes.persisted(first);
    assert.equal(writes.durableIndex, 1);
    writes.persisted(other);
    assert.equal(writes.durableIndex, 1);
    writes.persisted(again);
    assert.equal(writes.durableIndex, 2);
    assert.throws(() => writes.persisted(again), InvariantError);
    assert.throws(() => writes.persisted(again + 1), InvariantError);
  });

  it('holds what depends on a write, one acknowledgement for many, and nothing when all is durable', () => {
    const log = new RaftLog(0, 0, []);
    const writes = new WriteQueue({ term: 1, vote: 0n, commit: 0 }, 0);
    const response = { type: 'append-response', from: 1n, to: 2n, term: 1 } as const;
    const accepted = { ...response, reject: false, rejectHint: 0, hintTerm: 0 };
    assert.equal(writes.hold({ ...accepted, index: 0 }, log, 1, 0n), false);
    log.append(entry(1, 1));
    assert.ok(writes.hold({ ...accepted, index: 1 }, log, 1, 0n));
    log.append(entry(2, 1));
    assert.ok(writes.hold({ ...accepted, index: 2 }, log, 1, 0n));
    const batch = writes.take(log, 1, 0n)!;
    log.append(entry(3, 1));
    assert.ok(writes.hold({ ...accepted, index: 3 }, log, 1, 0n));
    assert.deepEqual(
      writes.persisted(batch.sequence).map((held) => held.message),
      [{ ...accepted, index: 2 }],
    );
    // A commit index alone is not waited for.
    const next = writes.take(log, 1, 0n)!;
    assert.equal(writes.persisted(next.sequence).length, 1);
    log.commitTo(3);
    const commitOnly = writes.take(log, 1, 0n)!;
    assert.equal(commitOnly.mustSync, false);
    assert.equal(writes.hold({ ...accepted, index: 3 }, log, 1, 0n), false);
  });
});

describe('configuration', () => {
  const ids = fc.bigInt({ min: 1n, max: 5n });
  const change = fc.record({
    type: fc.constantFrom<ConfChangeType>('add-node', 'remove-node', 'add-learner-node', 'update-node'),
    nodeId: ids,
  });
  const transition = fc.constantFrom('auto', 'joint-implicit', 'joint-explicit');

  it('keeps its invariants through any changes, and changes nothing when it refuses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(transition, fc.array(change, { maxLength: 3 })), { maxLength: 12 }),
        (steps) => {
          let state: ConfState = { ...NO_CONF, voters: [1n] };
          for (const [how, changes] of steps) {
            const before = structuredClone(state);
            try {
              state = changeConfiguration(state, { transition: how, changes, context: NO_BYTES });
            } catch (error) {
              assert.ok(error instanceof ConfChangeError);
              assert.deepEqual(state, before);
            }
            assert.deepEqual(checkedConfState(state), state);
            assert.ok(state.voters.length > 0);
          }
        },
      ),
    );
  });

  it('comes out of a joint configuration as if each change had been made alone', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(ids, { minLength: 1 }),
        fc.array(change, { minLength: 2 }),
        (voters, all) => {
          const start: ConfState = { ...NO_CONF, voters: voters.sort() };
          let joint: ConfState;
          try {
            joint = changeConfiguration(start, { transition: 'auto', changes: all, context: NO_BYTES });
          } catch {
            return;
          }
          assert.deepEqual(joint.votersOutgoing, start.voters);
          assert.ok(joint.autoLeave);
          const left = changeConfiguration(joint, { transition: 'auto', changes: [], context: NO_BYTES });
          const naiveVoters = new Set(start.voters);
          const naiveLearners = new Set<bigint>();
          for (const { type, nodeId } of all) {
            if (type === 'update-node') continue;
            naiveVoters.delete(nodeId);
            naiveLearners.delete(nodeId);
            if (type === 'add-node') naiveVoters.add(nodeId);
            if (type === 'add-learner-node') naiveLearners.add(nodeId);
          }
          assert.deepEqual(left, {
            ...NO_CONF,
            voters: [...naiveVoters].sort(),
            learners: [...naiveLearners].sort(),
          });
        },
      ),
    );
  });

  it('refuses what could let two majorities decide apart', () => {
    const three: ConfState = { ...NO_CONF, voters: [1n, 2n, 3n] };
    const joint = changeConfiguration(three, {
      transition: 'joint-explicit',
      changes: [{ type: 'add-node', nodeId: 4n }],
      context: NO_BYTES,
    });
    const add5 = { id: 0n, type: 'add-node', nodeId: 5n, context: NO_BYTES } as const;
    assert.throws(() => changeConfiguration(joint, add5), /simple configuration change within a joint/);
    const again = { transition: 'joint-explicit', changes: [], context: NO_BYTES } as const;
    assert.throws(() => changeConfiguration(joint, again), /in force already/);
    const leave = { transition: 'auto', changes: [], context: NO_BYTES } as const;
    assert.throws(() => changeConfiguration(three, leave), /no joint configuration to leave/);
    const removeLast = { id: 0n, type: 'remove-node', nodeId: 1n, context: NO_BYTES } as const;
    assert.throws(() => changeConfiguration({ ...NO_CONF, voters: [1n] }, removeLast), /all voters removed/);
    assert.throws(() => changeConfiguration(NO_CONF, again), /needs voters/);
  });

  it('refuses stored configurations that contradict themselves', () => {
    const bad: Partial<ConfState>[] = [
      { voters: [1n, 1n] },
      { voters: [1n], learners: [1n] },
      { voters: [1n], learnersNext: [2n] },
      { voters: [1n], autoLeave: true },
      { voters: [1n], votersOutgoing: [2n], learners: [2n] },
      { learners: [1n] },
    ];
    for (const part of bad) {
      assert.throws(() => checkedConfState({ ...NO_CONF, ...part }), ConfChangeError);
    }
  });
});
