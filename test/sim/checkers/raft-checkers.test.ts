import { test } from 'node:test';
import { CommittedEntries } from '../../../src/sim/checkers/committed-entries.ts';
import { DurableBeforeAcknowledged } from '../../../src/sim/checkers/durable-before-acknowledged.ts';
import { DurableBeforeSaid } from '../../../src/sim/checkers/durable-before-said.ts';
import { ElectionSafety } from '../../../src/sim/checkers/election-safety.ts';
import { LeaderCompleteness } from '../../../src/sim/checkers/leader-completeness.ts';
import { LogMatching } from '../../../src/sim/checkers/log-matching.ts';
import { RestartRemembers } from '../../../src/sim/checkers/restart-remembers.ts';
import { StateAgreement } from '../../../src/sim/checkers/state-agreement.ts';
import {
  accept,
  accepts,
  appended,
  applied,
  committed,
  configured,
  dataLost,
  done,
  durable,
  elected,
  entries,
  installed,
  invoked,
  object,
  put,
  returned,
  started,
  voters,
  votes,
} from './story.ts';

test('election safety: one leader a term, one vote a member and term', () => {
  accept(new ElectionSafety(), elected(1, 2), elected(2, 3), elected(1, 2), votes(3, 1, 2), votes(3, 2, 3));
  object(new ElectionSafety(), /1 and 2 both lead term 2/, elected(1, 2), elected(2, 2));
  object(new ElectionSafety(), /3 votes for 1 and for 2 in term 2/, votes(3, 1, 2), votes(3, 2, 2));
});

test('log matching: the same term at an index means the same log up to there', () => {
  accept(
    new LogMatching(),
    appended(1, '1/1', '2/1', '3/2'),
    appended(2, '1/1', '2/1'),
    appended(3, '1/1', '2/1', '3/3'),
    // Overwritten by the leader's.
    appended(1, '3/3', '4/3'),
    installed(2, 3, 3),
    appended(2, '4/3'),
    started(1, { life: 2, snapshot: [3, 3], log: entries('4/3') }),
    dataLost(3),
    appended(3, '1/1'),
  );
  object(new LogMatching(), /different entries at index 1/, appended(1, '1/1/one'), appended(2, '1/1/two'));
  object(
    new LogMatching(),
    /agree at index 3 of term 3, but before it m2 has term 2 and m1 had 1/,
    appended(1, '1/1', '2/1', '3/3'),
    appended(2, '1/1', '2/2', '3/3'),
  );
  object(new LogMatching(), /m1 appends entry 3 behind entry 1/, appended(1, '1/1'), appended(1, '3/1'));
});

test('committed entries: never another one, each once a life', () => {
  accept(
    new CommittedEntries(),
    started(1),
    committed(1, '1/1', '2/1'),
    started(2),
    committed(2, '1/1'),
    // What was applied is applied again by the next life, from its snapshot on.
    started(1, { life: 2, snapshot: [1, 1], log: entries('2/1', '3/9'), commit: 2 }),
    committed(1, '2/1', '3/2'),
    installed(2, 3, 2),
    committed(2, '4/2'),
  );
  object(
    new CommittedEntries(),
    /entry 1 is of term 2 on m2, but m1 had committed one of term 1/,
    committed(1, '1/1'),
    committed(2, '1/2'),
  );
  object(new CommittedEntries(), /with other content/, committed(1, '1/1/one'), committed(2, '1/1/two'));
  object(
    new CommittedEntries(),
    /m1 applies entry 2 where entry 3 is due/,
    started(1),
    committed(1, '1/1', '2/1'),
    committed(1, '2/1'),
  );
  object(
    new CommittedEntries(),
    /m1 applies entry 3 where entry 2 is due/,
    started(1),
    committed(1, '1/1'),
    committed(1, '3/1'),
  );
  object(
    new CommittedEntries(),
    /entry 1 is of term 2 on m2/,
    committed(1, '1/1'),
    started(2, { log: entries('1/2'), commit: 1 }),
  );
  object(new CommittedEntries(), /entry 2 is of term 3/, committed(1, '1/1', '2/1'), installed(2, 2, 3));
});

test('leader completeness: a leader has what was committed before its term', () => {
  const committedInTerm1 = [started(1), appended(1, '1/1', '2/1'), elected(1, 1), committed(1, '1/1', '2/1')];
  accept(
    new LeaderCompleteness(),
    committedInTerm1,
    started(2),
    appended(2, '1/1', '2/1', '3/2'),
    elected(2, 2),
    started(3, { snapshot: [2, 1] }),
    elected(3, 3),
  );
  object(
    new LeaderCompleteness(),
    /m2 leads term 2 without entry 2 of term 1/,
    committedInTerm1,
    started(2),
    appended(2, '1/1'),
    elected(2, 2),
  );
  object(
    new LeaderCompleteness(),
    /without entry 2 of term 1, which is committed; at 2 it has 2/,
    committedInTerm1,
    started(2),
    appended(2, '1/1', '2/2'),
    elected(2, 2),
  );
  // Elected by late votes, in a term before the one that committed.
  accept(
    new LeaderCompleteness(),
    started(1),
    appended(1, '1/1', '2/4'),
    elected(1, 4),
    committed(1, '1/1'),
    started(2),
    elected(2, 3),
  );
});

test('durable before said: votes and acknowledgements follow the disk', () => {
  const story = [started(1), durable(1, ['1/2', '2/2'], { term: 2, vote: 3 })];
  accept(new DurableBeforeSaid(), story, votes(1, 3, 2), accepts(1, 3, 2, 2), accepts(1, 3, 1, 9));
  accept(new DurableBeforeSaid(), started(1, { snapshot: [5, 2], term: 2 }), accepts(1, 3, 2, 5));
  object(new DurableBeforeSaid(), /m1 votes in term 3, its disk knows term 2/, story, votes(1, 3, 3));
  object(
    new DurableBeforeSaid(),
    /m1 votes in term 2 before the vote is durable/,
    started(1, { term: 2 }),
    votes(1, 3, 2),
  );
  object(
    new DurableBeforeSaid(),
    /m1 acknowledges entries up to 3, its disk holds them up to 2/,
    story,
    accepts(1, 3, 2, 3),
  );
  object(
    new DurableBeforeSaid(),
    /m1 acknowledges entries in term 3, its disk knows term 2/,
    story,
    accepts(1, 3, 3, 2),
  );
});

test('restart remembers: term, vote and log that were durable are there again', () => {
  const before = [started(1), appended(1, '1/1', '2/1'), durable(1, ['1/1', '2/1'], { term: 2, vote: 3 })];
  const good = { life: 2, term: 2, vote: 3, log: entries('1/1', '2/1') };
  accept(new RestartRemembers(), before, started(1, good));
  accept(new RestartRemembers(), before, started(1, { ...good, term: 3, vote: 0 }));
  accept(new RestartRemembers(), before, started(1, { ...good, log: [], snapshot: [2, 1] }));
  accept(new RestartRemembers(), before, dataLost(1), started(1, { id: 9 }));
  object(
    new RestartRemembers(),
    /m1 has lost its data, and starts as the same/,
    before,
    dataLost(1),
    started(1),
  );
  // The crash came while another leader's entry was being written over it.
  accept(
    new RestartRemembers(),
    before,
    appended(1, '2/2'),
    started(1, { ...good, log: entries('1/1', '2/2') }),
  );
  object(new RestartRemembers(), /was in term 2, and is in 1/, before, started(1, { ...good, term: 1 }));
  object(
    new RestartRemembers(),
    /m1 has forgotten its vote of term 2/,
    before,
    started(1, { ...good, vote: 0 }),
  );
  object(
    new RestartRemembers(),
    /m1 has forgotten its vote of term 2/,
    before,
    started(1, good),
    durable(1, [], { term: 2, vote: 0 }),
  );
  object(
    new RestartRemembers(),
    /m1 had entry 2 of term 1 on its disk, and starts with none/,
    before,
    started(1, { ...good, log: entries('1/1') }),
  );
  object(
    new RestartRemembers(),
    /m1 had entry 2 of term 2 on its disk, and starts with 1/,
    before,
    appended(1, '2/2'),
    durable(1, ['2/2']),
    started(1, good),
  );
});

test('durable before acknowledged: committed means on the disks of a quorum', () => {
  const three = [1, 2, 3].map((member) => started(member));
  accept(
    new DurableBeforeAcknowledged(),
    three,
    durable(1, ['1/1']),
    durable(3, ['1/1']),
    committed(1, '1/1'),
    invoked(1, put('a', 'v')),
    returned(1, put('a', 'v'), done('set a=v @1', { logIndex: 1 })),
    // Whoever hears of it later need not look at the disks again.
    dataLost(3),
    committed(2, '1/1'),
  );
  // The member had it on its disk when it said so; that the disk went away since, the leader cannot know.
  accept(
    new DurableBeforeAcknowledged(),
    three,
    durable(1, ['1/1']),
    durable(3, ['1/1']),
    dataLost(3),
    started(3),
    committed(1, '1/1'),
  );
  object(
    new DurableBeforeAcknowledged(),
    /m1 calls entry 2 of term 1 committed, which is durable on 1 of the voters 1, 2, 3/,
    three,
    durable(1, ['1/1', '2/1']),
    durable(3, ['1/1']),
    dataLost(3),
    committed(1, '1/1', '2/1'),
  );
  object(
    new DurableBeforeAcknowledged(),
    /m1 calls entry 1 of term 1 committed, which is durable on 1 of the voters 1, 2, 3/,
    three,
    durable(1, ['1/1']),
    committed(1, '1/1'),
  );
  object(
    new DurableBeforeAcknowledged(),
    /durable on 1 of the voters/,
    three,
    durable(1, ['1/2']),
    durable(2, ['1/1']),
    committed(1, '1/2'),
  );
  object(
    new DurableBeforeAcknowledged(),
    /durable on 1, 2 of the voters 1, 2, 3, 4, 5/,
    [1, 2, 3, 4, 5].map((member) => started(member, { configuration: voters(1, 2, 3, 4, 5) })),
    durable(1, ['1/1']),
    durable(2, ['1/1']),
    committed(1, '1/1'),
  );
  // Joint: a majority of each half.
  const joint = { ...voters(1, 2, 3), votersOutgoing: [4n, 5n, 6n] };
  const six = [1, 2, 3, 4, 5, 6].map((member) => started(member, { configuration: joint }));
  const incoming = [durable(1, ['1/1']), durable(2, ['1/1'])];
  object(new DurableBeforeAcknowledged(), /calls entry 1/, six, incoming, committed(1, '1/1'));
  accept(
    new DurableBeforeAcknowledged(),
    six,
    incoming,
    durable(4, ['1/1']),
    durable(6, ['1/1']),
    committed(1, '1/1'),
  );
  // Committed by the configuration that was in force until just now.
  accept(
    new DurableBeforeAcknowledged(),
    three,
    durable(1, ['1/1']),
    durable(2, ['1/1']),
    configured(1, voters(1, 2, 3, 4)),
    committed(1, '1/1'),
  );
  object(
    new DurableBeforeAcknowledged(),
    /m1 answers a put of entry 1, entries are committed up to 0/,
    three,
    returned(1, put('a', 'v'), done('set a=v @1', { logIndex: 1 })),
  );
});

test('state agreement: equal states at equal indexes, none goes back', () => {
  accept(
    new StateAgreement(),
    applied(1, 5, 3, 'x'),
    applied(2, 5, 3, 'x'),
    applied(1, 6, 4),
    applied(1, 5, 3, 'x', 2),
  );
  object(
    new StateAgreement(),
    /m2 and m1 hold different states/,
    applied(1, 5, 3, 'x'),
    applied(2, 5, 3, 'y'),
  );
  object(new StateAgreement(), /tree of m2 is at 4, that of m1 was at 3/, applied(1, 5, 3), applied(2, 5, 4));
  object(new StateAgreement(), /m1 applied 5, and then 4/, applied(1, 5, 3), applied(1, 4, 3));
  object(new StateAgreement(), /goes back from 3 to 2/, applied(1, 5, 3), applied(1, 6, 2));
});
