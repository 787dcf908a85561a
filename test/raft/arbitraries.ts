/** Random raft values for property tests. */

import type {
  ConfChange,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
  Entry,
  EntryType,
  HardState,
  Message,
  Snapshot,
} from '../../src/raft/types.ts';
import { fc } from '../support/fast-check.ts';

export const anyId: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
export const anyIndex: fc.Arbitrary<number> = fc.nat({ max: Number.MAX_SAFE_INTEGER });
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 });

const anyIds = fc.array(anyId, { maxLength: 4 });
const anyEntryType = fc.constantFrom<EntryType>('normal', 'conf-change', 'conf-change-v2');
const anyChangeType = fc.constantFrom<ConfChangeType>(
  'add-node',
  'remove-node',
  'update-node',
  'add-learner-node',
);

function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

export const anyEntry: fc.Arbitrary<Entry> = record<Entry>({
  index: anyIndex,
  term: anyIndex,
  type: anyEntryType,
  data: anyBytes,
});

export const anyHardState: fc.Arbitrary<HardState> = record<HardState>({
  term: anyIndex,
  vote: anyId,
  commit: anyIndex,
});

export const anyConfState: fc.Arbitrary<ConfState> = record<ConfState>({
  voters: anyIds,
  learners: anyIds,
  votersOutgoing: anyIds,
  learnersNext: anyIds,
  autoLeave: fc.boolean(),
});

export const anySnapshot: fc.Arbitrary<Snapshot> = record<Snapshot>({
  data: anyBytes,
  metadata: record({ index: anyIndex, term: anyIndex, confState: anyConfState }),
});

export const anyConfChange: fc.Arbitrary<ConfChange> = record<ConfChange>({
  id: anyId,
  type: anyChangeType,
  nodeId: anyId,
  context: anyBytes,
});

export const anyConfChangeV2: fc.Arbitrary<ConfChangeV2> = record<ConfChangeV2>({
  transition: fc.constantFrom('auto', 'joint-implicit', 'joint-explicit'),
  changes: fc.array(record({ type: anyChangeType, nodeId: anyId }), { maxLength: 4 }),
  context: anyBytes,
});

const envelope = { from: anyId, to: anyId, term: anyIndex };
const anyShortIndex = fc.nat({ max: 2 ** 40 });

/** Contiguous entries after `previousIndex` whose terms do not decrease. */
function entriesAfter(previousIndex: number): fc.Arbitrary<Entry[]> {
  const one = record({ step: fc.nat({ max: 3 }), type: anyEntryType, data: anyBytes });
  return fc.array(one, { maxLength: 5 }).map((steps) => {
    let term = 0;
    return steps.map(({ step, type, data }, i) => {
      term += step;
      return { index: previousIndex + 1 + i, term, type, data };
    });
  });
}

/** Every variant of a message. In 'transfer-leader' `from` is the transferee, as on the wire. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  anyShortIndex.chain((previousIndex) =>
    record<Extract<Message, { type: 'append' }>>({
      type: fc.constant('append'),
      ...envelope,
      previousIndex: fc.constant(previousIndex),
      previousTerm: anyIndex,
      entries: entriesAfter(previousIndex),
      commit: anyIndex,
    }),
  ),
  record<Extract<Message, { type: 'append-response' }>>({
    type: fc.constant('append-response'),
    ...envelope,
    index: anyIndex,
    reject: fc.boolean(),
    rejectHint: anyIndex,
    hintTerm: anyIndex,
  }),
  record<Extract<Message, { type: 'heartbeat' }>>({
    type: fc.constant('heartbeat'),
    ...envelope,
    commit: anyIndex,
    context: anyBytes,
  }),
  record<Extract<Message, { type: 'heartbeat-response' }>>({
    type: fc.constant('heartbeat-response'),
    ...envelope,
    context: anyBytes,
  }),
  record<Extract<Message, { type: 'vote' | 'pre-vote' }>>({
    type: fc.constantFrom('vote', 'pre-vote'),
    ...envelope,
    lastIndex: anyIndex,
    lastTerm: anyIndex,
    transfer: fc.boolean(),
  }),
  record<Extract<Message, { type: 'vote-response' | 'pre-vote-response' }>>({
    type: fc.constantFrom('vote-response', 'pre-vote-response'),
    ...envelope,
    reject: fc.boolean(),
  }),
  record<Extract<Message, { type: 'snapshot' }>>({
    type: fc.constant('snapshot'),
    ...envelope,
    snapshot: anySnapshot,
  }),
  record<Extract<Message, { type: 'propose' }>>({
    type: fc.constant('propose'),
    ...envelope,
    entries: fc.array(record({ type: anyEntryType, data: anyBytes }), { maxLength: 4 }),
  }),
  record<Extract<Message, { type: 'read-index' }>>({
    type: fc.constant('read-index'),
    ...envelope,
    context: anyBytes,
  }),
  record<Extract<Message, { type: 'read-index-response' }>>({
    type: fc.constant('read-index-response'),
    ...envelope,
    index: anyIndex,
    context: anyBytes,
  }),
  record<Extract<Message, { type: 'transfer-leader' }>>({
    type: fc.constant('transfer-leader'),
    ...envelope,
    transferee: fc.constant(0n),
  }).map((message) => ({ ...message, transferee: message.from })),
  record<Extract<Message, { type: 'timeout-now' }>>({ type: fc.constant('timeout-now'), ...envelope }),
);
