import assert from 'node:assert/strict';
import { it } from 'node:test';
import { silentLog } from '../../src/ports/log.ts';
import type { PeerNetwork } from '../../src/ports/peer-network.ts';
import { createRaftNode } from '../../src/raft/raft-node.ts';
import type { Entry, Message, Snapshot } from '../../src/raft/types.ts';
import { Replicator } from '../../src/server/replicator.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const confState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const ignore = (): void => {};

/** Member 2 of three, or of those named, with an empty log, whose disk and network are nowhere. */
function setUp(voters = confState.voters) {
  const raft = createRaftNode(
    {
      id: 2n,
      electionTicks: 10,
      heartbeatTicks: 1,
      preVote: true,
      checkQuorum: true,
      maxMessageBytes: 1000,
      maxInflightMessages: 10,
      maxInflightBytes: 1000,
      maxUncommittedBytes: 1000,
      maxCommittedBytesPerReady: 1000,
      random: () => 0.5,
    },
    {
      hardState: { term: 1, vote: 0n, commit: 0 },
      snapshot: { index: 0, term: 0, confState: { ...confState, voters } },
      confState: { ...confState, voters },
      entries: [],
      applied: 0,
    },
  );
  const clock = new VirtualClock(0);
  const installed: Snapshot[] = [];
  const failures: Error[] = [];
  const sent: Message[] = [];
  const applied: Entry[] = [];
  const replicator = new Replicator({
    raft,
    storage: { save: (_, done) => queueMicrotask(() => done(undefined)), flush: ignore },
    network: { send: (messages: readonly Message[]) => sent.push(...messages) } as unknown as PeerNetwork,
    clock: clock.process(),
    log: silentLog,
    handlers: {
      apply: (entries) => applied.push(...entries),
      isApplying: () => false,
      appliedIndex: () => applied.at(-1)?.index ?? 0,
      installSnapshot: (snapshot) => installed.push(snapshot),
      onLeadership: ignore,
      onReadState: ignore,
      onSnapshotsDropped: ignore,
      onTurn: ignore,
      sendSnapshot: ignore,
      onFailure: (error) => failures.push(error),
    },
  });
  return { raft, clock, replicator, installed, failures, sent, applied };
}

it('installs the snapshot that raft took, though another came close behind it', async () => {
  const { clock, replicator, installed, failures } = setUp();
  const snapshot = (from: bigint, term: number, index: number): Message => ({
    type: 'snapshot',
    from,
    to: 2n,
    term,
    snapshot: { metadata: { index, term, confState }, data: Uint8Array.of(index) },
  });
  replicator.step(snapshot(1n, 5, 100));
  // Of a leader that was deposed: raft ignores it.
  replicator.step(snapshot(3n, 4, 120));
  // Older than what it has.
  replicator.step(snapshot(1n, 5, 90));
  await clock.runUntil(10);
  assert.deepEqual(failures, []);
  assert.deepEqual(
    installed.map(({ metadata, data }) => [metadata.index, data]),
    [[100, Uint8Array.of(100)]],
  );
});

it('stops the member, once, when a message says that its log lost what was committed', async () => {
  const { clock, replicator, failures } = setUp();
  // The leader knows this member to hold entries up to 7; it has none.
  const heartbeat: Message = {
    type: 'heartbeat',
    from: 1n,
    to: 2n,
    term: 2,
    commit: 7,
    context: new Uint8Array(0),
  };
  replicator.step(heartbeat);
  replicator.step(heartbeat);
  await clock.runUntil(10);
  assert.equal(failures.length, 1);
  assert.match(failures[0]!.message, /commit/);
});

it('what only a leader may propose is never handed to another', async () => {
  const { clock, replicator, sent } = setUp();
  const data = Uint8Array.of(1);
  replicator.proposeLeading([data]);
  const leader = {
    type: 'heartbeat',
    from: 1n,
    to: 2n,
    term: 2,
    commit: 0,
    context: new Uint8Array(0),
  } as const;
  replicator.step(leader);
  replicator.proposeLeading([data]);
  await clock.runUntil(10);
  const proposals = () => sent.filter(({ type }) => type === 'propose').length;
  assert.equal(proposals(), 0);
  replicator.propose(data, 0);
  await clock.runUntil(20);
  assert.equal(proposals(), 1);
});

it('what only a leader may propose is applied when a leader proposes it', async () => {
  const { raft, clock, replicator, applied } = setUp([2n]);
  raft.campaign();
  replicator.wake();
  await clock.runUntil(10);
  replicator.proposeLeading([Uint8Array.of(1), Uint8Array.of(2)]);
  await clock.runUntil(20);
  assert.deepEqual(
    applied.slice(-2).map(({ data }) => data),
    [Uint8Array.of(1), Uint8Array.of(2)],
  );
});
