/** What the transcripts do not show: odd states to start from, and messages that no honest member sends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bootstrapEntries,
  createRaftNode,
  decodeConfChange,
  type Entry,
  encodeConfChange,
  InvariantError,
  type Message,
  type RaftInitialState,
  type RaftNode,
  type RaftOptions,
} from '../../src/raft/index.ts';
import { DEFAULT_OPTIONS, NO_CONF } from './member.ts';

const NO_BYTES = new Uint8Array(0);
const THREE = { ...NO_CONF, voters: [1n, 2n, 3n] };
const OPTIONS: RaftOptions = { ...DEFAULT_OPTIONS, id: 1n, random: () => 0 };

function stateWith(part: Partial<RaftInitialState> = {}): RaftInitialState {
  return {
    hardState: { term: 1, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0, confState: THREE },
    confState: THREE,
    entries: [],
    applied: 0,
    ...part,
  };
}

function confEntry(index: number, term: number, nodeId: bigint): Entry {
  const data = encodeConfChange({ id: 0n, type: 'add-node', nodeId, context: NO_BYTES });
  return { index, term, type: 'conf-change', data };
}

/** Takes Readies and syncs them until there are none; everything sent. */
function drain(node: RaftNode): Message[] {
  const sent: Message[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    sent.push(...ready.messages);
    if (ready.persist !== undefined) node.persisted(ready.persist.sequence);
    for (const { type, data } of ready.committed) {
      if (type === 'conf-change') node.applyConfChange(decodeConfChange(data));
    }
    const last = ready.committed.at(-1);
    if (last !== undefined) node.applied(last.index);
  }
  return sent;
}

function leaderOfThree(options: Partial<RaftOptions> = {}): RaftNode {
  const node = createRaftNode({ ...OPTIONS, preVote: false, ...options }, stateWith());
  node.campaign();
  drain(node);
  node.step({ type: 'vote-response', from: 2n, to: 1n, term: 2, reject: false });
  assert.equal(node.role, 'leader');
  drain(node);
  return node;
}

function accept(node: RaftNode, from: bigint, index: number): void {
  node.step({
    type: 'append-response',
    from,
    to: 1n,
    term: node.term,
    index,
    reject: false,
    rejectHint: 0,
    hintTerm: 0,
  });
}

describe('starting a raft node', () => {
  it('founds a cluster from its bootstrap entries', () => {
    const founders = [2n, 1n].map((id) => ({ id, context: new TextEncoder().encode(`member ${id}`) }));
    const entries = bootstrapEntries(founders);
    assert.deepEqual(
      entries.map(({ index, term, type, data }) => [index, term, type, decodeConfChange(data).nodeId]),
      [
        [1, 1, 'conf-change', 2n],
        [2, 1, 'conf-change', 1n],
      ],
    );
    const node = createRaftNode(
      OPTIONS,
      stateWith({
        hardState: { term: 1, vote: 0n, commit: 2 },
        snapshot: { index: 0, term: 0, confState: NO_CONF },
        confState: NO_CONF,
        entries,
      }),
    );
    node.campaign();
    assert.equal(node.role, 'follower', 'no voter yet');
    drain(node);
    assert.deepEqual(node.configuration.voters, [1n, 2n]);
    node.campaign();
    assert.equal(node.role, 'pre-candidate');
    assert.throws(() => bootstrapEntries([]), RangeError);
  });

  it('does not campaign while a committed conf change is not applied', () => {
    const entries = [confEntry(1, 1, 4n)];
    const node = createRaftNode(OPTIONS, stateWith({ hardState: { term: 1, vote: 0n, commit: 1 }, entries }));
    for (let i = 0; i < 30; i++) node.tick();
    assert.equal(node.role, 'follower');
    drain(node);
    for (let i = 0; i < 10; i++) node.tick();
    assert.equal(node.role, 'pre-candidate');
  });

  it('knows that all conf changes of its log but the last are committed', () => {
    const entries = [confEntry(1, 1, 4n), confEntry(2, 1, 5n), confEntry(3, 1, 6n)];
    const node = createRaftNode(OPTIONS, stateWith({ entries }));
    assert.equal(node.commit, 2);
    assert.deepEqual(
      node.ready().committed.map(({ index }) => index),
      [1, 2],
    );
  });

  it('takes what is applied for committed', () => {
    const entries: Entry[] = [1, 2].map((index) => ({ index, term: 1, type: 'normal', data: NO_BYTES }));
    const node = createRaftNode(OPTIONS, stateWith({ entries, applied: 2 }));
    assert.equal(node.commit, 2);
    assert.deepEqual(node.ready().committed, []);
    assert.throws(() => createRaftNode(OPTIONS, stateWith({ entries, applied: 3 })), InvariantError);
  });

  const bad: readonly [string, Partial<RaftOptions>][] = [
    ['id 0', { id: 0n }],
    ['an election timeout not above the heartbeat', { electionTicks: 3, heartbeatTicks: 3 }],
    ['half a tick', { electionTicks: 10.5 }],
    ['no inflight messages', { maxInflightMessages: 0 }],
    ['no committed bytes', { maxCommittedBytesPerReady: 0 }],
  ];
  for (const [name, options] of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(() => createRaftNode({ ...OPTIONS, ...options }, stateWith()), RangeError);
    });
  }
});

describe('a raft node among dishonest members', () => {
  it('ignores what is not addressed to it or has no term', () => {
    const node = createRaftNode(OPTIONS, stateWith());
    node.step({ type: 'heartbeat', from: 2n, to: 9n, term: 7, commit: 0, context: NO_BYTES });
    node.step({ type: 'heartbeat', from: 2n, to: 1n, term: 0, commit: 0, context: NO_BYTES });
    assert.equal(node.term, 1);
    assert.equal(node.hasReady(), false);
  });

  it('does not follow a second leader in its own term', () => {
    const node = leaderOfThree();
    node.step({ type: 'heartbeat', from: 3n, to: 1n, term: 2, commit: 0, context: NO_BYTES });
    assert.equal(node.role, 'leader');
  });

  it('counts no acknowledgement of entries it never had, nor any from outside of the cluster', () => {
    const node = leaderOfThree();
    accept(node, 2n, 100);
    accept(node, 9n, 1);
    assert.equal(node.commit, 0);
    accept(node, 2n, 1);
    assert.equal(node.commit, 1);
  });

  it('counts no vote twice', () => {
    const five = { ...NO_CONF, voters: [1n, 2n, 3n, 4n, 5n] };
    const node = createRaftNode({ ...OPTIONS, preVote: false }, stateWith({ confState: five }));
    node.campaign();
    drain(node);
    for (let i = 0; i < 3; i++) {
      node.step({ type: 'vote-response', from: 2n, to: 1n, term: 2, reject: false });
    }
    assert.equal(node.role, 'candidate');
  });

  it('puts an empty entry in the place of a forwarded conf change that cannot be', () => {
    const node = leaderOfThree();
    drain(node);
    accept(node, 2n, 1);
    drain(node);
    node.step({
      type: 'propose',
      from: 2n,
      to: 1n,
      term: 0,
      entries: [
        { type: 'conf-change', data: Uint8Array.of(0xff) },
        { type: 'conf-change', data: confEntry(0, 0, 4n).data },
        { type: 'conf-change', data: confEntry(0, 0, 5n).data },
        { type: 'normal', data: Uint8Array.of(1) },
      ],
    });
    const entries = node.ready().persist!.entries;
    assert.deepEqual(
      entries.map(({ index, type, data }) => [index, type, data.length > 0]),
      [
        [2, 'normal', false],
        [3, 'conf-change', true],
        [4, 'normal', false],
        [5, 'normal', true],
      ],
    );
  });

  it('does not pass a request back to the member that sent it', () => {
    const node = createRaftNode(OPTIONS, stateWith());
    node.step({ type: 'heartbeat', from: 2n, to: 1n, term: 2, commit: 0, context: NO_BYTES });
    drain(node);
    const request = { type: 'read-index', to: 1n, term: 0, context: NO_BYTES } as const;
    node.step({ ...request, from: 2n });
    assert.deepEqual(drain(node), []);
    node.step({ ...request, from: 3n });
    assert.deepEqual(drain(node), [{ ...request, from: 3n, to: 2n }]);
  });

  it('stops when a leader commits what it does not have', () => {
    const node = createRaftNode(OPTIONS, stateWith());
    const heartbeat = { type: 'heartbeat', from: 2n, to: 1n, term: 2, commit: 5, context: NO_BYTES } as const;
    assert.throws(() => node.step(heartbeat), /corrupted, truncated or lost/);
  });
});

describe('a received snapshot', () => {
  const metadata = { index: 10, term: 2, confState: { ...NO_CONF, voters: [2n, 3n] } };

  function receive(node: RaftNode): void {
    const snapshot = { metadata, data: Uint8Array.of(1, 2, 3) };
    node.step({ type: 'snapshot', from: 2n, to: 1n, term: 2, snapshot });
  }

  it('is acknowledged when it is durable, and its configuration is in force when it is applied', () => {
    const node = createRaftNode(OPTIONS, stateWith());
    receive(node);
    const ready = node.ready();
    assert.deepEqual(ready.persist?.snapshot?.metadata, metadata);
    assert.deepEqual(ready.messages, []);
    assert.equal(node.firstIndex, 11);
    assert.equal(node.durableIndex, 0);
    assert.deepEqual(node.configuration, THREE);
    node.persisted(ready.persist!.sequence);
    assert.equal(node.durableIndex, 10);
    const [answer] = node.ready().messages;
    assert.ok(answer?.type === 'append-response' && answer.index === 10 && !answer.reject);
    node.applied(10);
    // A configuration without this member is no reason to refuse: its own addition may come behind the snapshot.
    assert.deepEqual(node.configuration, metadata.confState);
    assert.equal(node.termAt(10), 2);
    assert.equal(node.termAt(9), undefined);
  });

  it('goes before entries that follow it, which wait for the next Ready', () => {
    const node = createRaftNode(OPTIONS, stateWith());
    receive(node);
    node.step({
      type: 'append',
      from: 2n,
      to: 1n,
      term: 2,
      previousIndex: 10,
      previousTerm: 2,
      entries: [{ index: 11, term: 2, type: 'normal', data: NO_BYTES }],
      commit: 11,
    });
    const first = node.ready();
    assert.equal(first.persist?.entries.length, 1);
    assert.deepEqual(first.committed, []);
    assert.ok(node.hasReady());
    assert.equal(node.ready().committed.length, 1);
  });

  it('is not taken when the log holds all of it', () => {
    const entries = Array.from({ length: 12 }, (_, i): Entry => {
      return { index: i + 1, term: 2, type: 'normal', data: NO_BYTES };
    });
    const node = createRaftNode(OPTIONS, stateWith({ hardState: { term: 2, vote: 0n, commit: 3 }, entries }));
    receive(node);
    assert.equal(node.commit, 10);
    assert.equal(node.lastIndex, 12);
    assert.equal(node.ready().persist?.snapshot, undefined);
  });
});
