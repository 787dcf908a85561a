/** Steps that the specification does not have are refused, each for its reason. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfState } from '../../src/raft/types.ts';
import { AbstractRaft, NoSuchStep } from './abstract-raft.ts';

const configuration: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** Three members with empty logs. */
function cluster(): AbstractRaft {
  const raft = new AbstractRaft();
  for (const id of [1n, 2n, 3n]) raft.start(id, { term: 0, votedFor: 0n, log: [], configuration }, 0);
  return raft;
}

/** Member 1 leads term 1 with the vote of 2, and holds the entry `1/a`, on its own disk only. */
function led(): AbstractRaft {
  const raft = cluster();
  raft.moveTo(1n, 1, 1n);
  raft.moveTo(2n, 1, 1n);
  raft.grant(2n, 1, 1n);
  raft.append(1n, 1, ['1/a']);
  raft.becomeLeader(1n, 1);
  raft.store(1n, 1, ['1/a']);
  return raft;
}

function refuses(step: () => void, because: RegExp): void {
  assert.throws(step, (error: Error) => error instanceof NoSuchStep && because.test(error.message));
}

describe('the specification', () => {
  it('takes an election, an entry, its acknowledgement and its commit', () => {
    const raft = led();
    raft.store(2n, 1, ['1/a']);
    raft.acknowledge(2n, 1, 1n, 1);
    raft.commit(1n, 1, '1/a');
    raft.commit(2n, 1, '1/a');
    assert.equal(raft.steps.get('AdvanceCommit'), 1);
  });

  it('has no second vote in a term', () => {
    const raft = led();
    raft.moveTo(3n, 1, 3n);
    refuses(() => raft.moveTo(2n, 1, 3n), /2 votes for 3 in term 1, after 1/);
  });

  it('has no vote that is said before it is durable', () => {
    const raft = cluster();
    raft.moveTo(1n, 1, 1n);
    refuses(() => raft.grant(2n, 1, 1n), /without having it on its disk/);
  });

  it('has no vote for a log that is behind', () => {
    const raft = led();
    raft.store(2n, 1, ['1/a']);
    raft.moveTo(3n, 2, 3n);
    refuses(() => raft.moveTo(2n, 2, 3n), /2, whose log ends at 1 in term 1, votes for 3/);
  });

  it('has no leader without a quorum', () => {
    const raft = cluster();
    raft.moveTo(1n, 1, 1n);
    raft.append(1n, 1, ['1/a']);
    refuses(() => raft.becomeLeader(1n, 1), /leads term 1 with the votes of 1/);
  });

  it('has no entry that no leader sent', () => {
    refuses(() => led().store(2n, 1, ['1/b']), /no leader up to term 1 has the log of 2/);
  });

  it('has no acknowledgement of what is not on the disk', () => {
    refuses(() => led().acknowledge(2n, 1, 1n, 1), /entry 1 on its disk is not the leader's/);
  });

  it('has no commit without a quorum', () => {
    refuses(() => led().commit(1n, 1, '1/a'), /what could be committed there is nothing/);
  });

  it('has no commit of an older term by counting', () => {
    const raft = led();
    // 1 leads again, in term 3, with its old entry on two disks.
    raft.store(2n, 1, ['1/a']);
    raft.moveTo(1n, 3, 1n);
    raft.moveTo(2n, 3, 1n);
    raft.grant(2n, 3, 1n);
    raft.append(1n, 2, ['3/b']);
    raft.becomeLeader(1n, 3);
    raft.acknowledge(2n, 3, 1n, 1);
    refuses(() => raft.commit(1n, 1, '1/a'), /what could be committed there is nothing/);
  });

  it('has no leader that changes what it appended, and no log that is cut without a conflict', () => {
    const raft = led();
    refuses(() => raft.append(1n, 1, ['1/b']), /leader 1 changes its entry 1/);
    const other = led();
    other.append(1n, 2, ['1/b']);
    other.store(2n, 1, ['1/a', '1/b']);
    refuses(() => other.store(2n, 1, ['1/a']), /2 cuts its log after 1 for nothing/);
  });

  it('has no term that goes back, nor one for which nobody campaigned', () => {
    const raft = led();
    refuses(() => raft.moveTo(2n, 0, 0n), /goes back from 1 to 0/);
    refuses(() => raft.moveTo(3n, 7, 0n), /for which nobody campaigned/);
  });
});
