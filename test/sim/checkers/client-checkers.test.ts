import { test } from 'node:test';
import { AcknowledgedWrites } from '../../../src/sim/checkers/acknowledged-writes.ts';
import { AnswersMatchHistory } from '../../../src/sim/checkers/answers-match-history.ts';
import { ClientIndexes } from '../../../src/sim/checkers/client-indexes.ts';
import { Linearizability } from '../../../src/sim/checkers/linearizability.ts';
import { RealTimeOrder } from '../../../src/sim/checkers/real-time-order.ts';
import { RunCheckers } from '../../../src/sim/checkers/run-checkers.ts';
import { TtlExpiry } from '../../../src/sim/checkers/ttl-expiry.ts';
import { WatchHistories } from '../../../src/sim/checkers/watch-histories.ts';
import {
  accept,
  changed,
  done,
  elected,
  expired,
  finalTree,
  get,
  hears,
  invoked,
  leaves,
  object,
  proposesExpiry,
  put,
  quorumGet,
  refused,
  returned,
  started,
  watches,
} from './story.ts';

const unknown = { kind: 'unknown', reason: 'timeout' } as const;

test('answers match history: one event an index, answers are true of it', () => {
  const story = [changed(1, 'set a=1 @5', 'set b=2 @6', 'delete a @7 made 5'), changed(2, 'set a=1 @5')];
  accept(
    new AnswersMatchHistory(),
    story,
    returned(1, put('a', '1'), done('set a=1 @5')),
    returned(2, get('a'), done('get a=1 @5', { etcdIndex: 6 })),
    returned(3, quorumGet('a'), refused(100, 7)),
    returned(4, get('a'), refused(100, 4)),
  );
  object(
    new AnswersMatchHistory(),
    /m2 applied set \/a = 9 @5, another member set \/a = 1 @5/,
    story,
    changed(2, 'set a=9 @5'),
  );
  object(
    new AnswersMatchHistory(),
    /says at 7 that \/a = 1/,
    story,
    returned(1, get('a'), done('get a=1 @5', { etcdIndex: 7 })),
  );
  object(
    new AnswersMatchHistory(),
    /says at 6 that there is no \/a/,
    story,
    returned(1, get('a'), refused(100, 6)),
  );
  object(
    new AnswersMatchHistory(),
    /acknowledged set \/b = 3 @6; what happened there is set \/b = 2 @6/,
    story,
    returned(1, put('b', '3'), done('set b=3 @6')),
  );
  object(
    new AnswersMatchHistory(),
    /\/c = 1 @1.*nobody wrote that/,
    story,
    returned(1, get('c'), done('get c=1 @1', { etcdIndex: 7 })),
  );
});

test('a removed directory takes its keys along', () => {
  const story = changed(1, 'set d/a=1 @5', 'delete d @6 made 5');
  accept(new AnswersMatchHistory(), story, returned(1, get('d/a'), refused(100, 6)));
  object(new AnswersMatchHistory(), /no \/d\/a/, story, returned(1, get('d/a'), refused(100, 5)));
});

test('acknowledged writes are there at the end', () => {
  const write = returned(1, put('a', '1'), done('set a=1 @5'));
  accept(new AcknowledgedWrites(), changed(1, 'set a=1 @5'), write, finalTree(1, 5, 'a=1 @5'));
  accept(
    new AcknowledgedWrites(),
    changed(1, 'set a=1 @5', 'set a=2 @6'),
    write,
    finalTree(1, 6, 'a=2 @6'),
    finalTree(2, 5, 'a=1 @5'),
  );
  accept(new AcknowledgedWrites(), changed(1, 'set a=1 @5', 'delete a @6 made 5'), write, finalTree(1, 6));
  object(
    new AcknowledgedWrites(),
    /in the end m1 has no \/a; its last change was set \/a = 1 @5/,
    changed(1, 'set a=1 @5'),
    write,
    finalTree(1, 5),
  );
  object(new AcknowledgedWrites(), /acknowledged and never applied/, write, finalTree(1, 5));
  object(
    new AcknowledgedWrites(),
    /change 5 was acknowledged, all trees end before, at 4/,
    changed(1, 'set a=1 @5'),
    write,
    finalTree(1, 4),
  );
  object(new AcknowledgedWrites(), /\/b = 1 @3, which nobody wrote/, finalTree(1, 5, 'b=1 @3'));
});

test('real-time order: who begins later does not see less', () => {
  const write = [invoked(1, put('a', '1')), returned(1, put('a', '1'), done('set a=1 @5'))];
  accept(
    new RealTimeOrder(),
    invoked(2, quorumGet('a')),
    write,
    // Begun before the write was answered.
    returned(2, quorumGet('a'), refused(100, 4)),
    invoked(3, quorumGet('a')),
    returned(3, quorumGet('a'), done('get a=1 @5')),
    // Local reads may be old.
    invoked(4, get('a')),
    returned(4, get('a'), refused(100, 3)),
  );
  object(
    new RealTimeOrder(),
    /quorum-get \/a at m1 is answered at index 4, but before it began put \/a = 1 at m1 was answered at index 5/,
    write,
    invoked(2, quorumGet('a')),
    returned(2, quorumGet('a'), refused(100, 4)),
  );
  object(
    new RealTimeOrder(),
    /is answered at index 5, but/,
    write,
    invoked(2, put('b', '1')),
    returned(2, put('b', '1'), done('set b=1 @5')),
  );
});

test('client indexes never go back on one member', () => {
  accept(
    new ClientIndexes(),
    returned(1, get('a'), refused(100, 6)),
    returned(2, get('a'), refused(100, 4), { member: 2 }),
    returned(3, get('a'), refused(100, 5), { life: 2 }),
    returned(4, put('a', '1'), done('set a=1 @7'), { client: 2 }),
    watches(1, 'a', 7),
  );
  object(
    new ClientIndexes(),
    /client 1 at m1 sees the index go back from 6 to 5/,
    returned(1, get('a'), refused(100, 6)),
    returned(2, get('a'), refused(100, 5)),
  );
  object(
    new ClientIndexes(),
    /client 1 at m1 sees the index go back from 6 to 5/,
    returned(1, get('a'), refused(100, 6)),
    watches(1, 'a', 5),
  );
  object(
    new ClientIndexes(),
    /operations 1 and 2 were both acknowledged with index 5/,
    returned(1, put('a', '1'), done('set a=1 @5')),
    returned(2, put('b', '1'), done('set b=1 @5')),
  );
  object(
    new ClientIndexes(),
    /wrote at index 6, and then at 5/,
    returned(1, put('a', '1'), done('set a=1 @6'), { member: 1 }),
    returned(2, put('b', '1'), done('set b=1 @5'), { member: 2 }),
  );
});

test('watch histories: all, once, in order, also across members', () => {
  const story = changed(1, 'set d/a=1 @5', 'set x=1 @6', 'set d/b=1 @7', 'set d/_h=1 @8', 'set d/a=2 @9');
  const tree = (member: number) => finalTree(member, 9);
  accept(
    new WatchHistories(),
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set d/a=1 @5'),
    hears(1, 'set d/b=1 @7'),
    leaves(1),
    watches(1, 'd', 9, { recursive: true, sinceIndex: 8, member: 2 }),
    // Hidden keys come out of the history.
    hears(1, 'set d/_h=1 @8', 2),
    watches(1, 'd', 9, { recursive: true, sinceIndex: 9, member: 2 }),
    hears(1, 'set d/a=2 @9', 2),
    tree(2),
  );
  object(
    new WatchHistories(),
    /watcher 1 of \/d at m1 was not told of set \/d\/a = 1 @5/,
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set d/b=1 @7'),
  );
  object(
    new WatchHistories(),
    /was told all up to 5 before/,
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set d/a=1 @5'),
    hears(1, 'set d/a=1 @5'),
  );
  object(
    new WatchHistories(),
    /was told all up to 7 before/,
    watches(1, 'd', 6, { recursive: true }),
    story,
    hears(1, 'set d/b=1 @7'),
    hears(1, 'set d/a=1 @5'),
  );
  object(
    new WatchHistories(),
    /none of its business/,
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set x=1 @6'),
  );
  object(
    new WatchHistories(),
    /what happened there is set \/d\/a = 1 @5/,
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set d/a=7 @5'),
  );
  object(
    new WatchHistories(),
    /was not told of set \/d\/a = 2 @9/,
    watches(1, 'd/a', 4),
    story,
    hears(1, 'set d/a=1 @5'),
    tree(1),
  );
  object(
    new WatchHistories(),
    /was not told of set \/d\/b = 1 @7/,
    watches(1, 'd', 4, { recursive: true }),
    story,
    hears(1, 'set d/a=1 @5'),
    leaves(1),
    watches(1, 'd', 9, { recursive: true, sinceIndex: 9, member: 2 }),
  );
});

test('a watch may be turned away only from what the history has lost', () => {
  accept(new WatchHistories(), watches(1, 'a', 2000, { sinceIndex: 900, resumes: false }));
  object(
    new WatchHistories(),
    /cannot go on from 1001 at m1, whose tree is at 2000/,
    watches(1, 'a', 2000, { sinceIndex: 1001, resumes: false }),
  );
});

test('ttl expiry: never ahead of the leader that asks for it', () => {
  accept(
    new TtlExpiry(),
    proposesExpiry(1, 100n, 100n),
    expired(1, 'a', 90n, 5),
    expired(2, 'a', 90n, 5),
    proposesExpiry(2, 80n, 95n),
  );
  object(new TtlExpiry(), /20 ns ahead of its clock/, proposesExpiry(1, 120n, 100n));
  object(
    new TtlExpiry(),
    /\/a expired on m2, 10 ns before any leader asked for it/,
    proposesExpiry(1, 100n, 100n),
    expired(2, 'a', 110n, 5),
  );
  object(
    new TtlExpiry(),
    /at index 5 \/b of 90 expired on m2, elsewhere \/a of 90/,
    proposesExpiry(1, 100n, 100n),
    expired(1, 'a', 90n, 5),
    expired(2, 'b', 90n, 5),
  );
});

test('linearizability: the search finds stale reads without their indexes', () => {
  const at = (client: number) => ({ client });
  const first = [invoked(1, put('a', '1')), returned(1, put('a', '1'), done('set a=1 @5'))];
  const second = [
    invoked(2, put('a', '2')),
    returned(2, put('a', '2'), done('set a=2 @6', { previousValue: '1', previousModifiedIndex: 5 })),
  ];
  accept(
    new Linearizability(),
    first,
    invoked(3, quorumGet('a'), at(2)),
    second,
    returned(3, quorumGet('a'), done('get a=1 @5'), at(2)),
  );
  object(
    new Linearizability(),
    /no order of the 3 operations on \/a explains the answers; stuck at client \d/,
    first,
    second,
    invoked(3, quorumGet('a'), at(2)),
    returned(3, quorumGet('a'), done('get a=1 @5'), at(2)),
  );
  // An unanswered write may come late, or not at all.
  accept(
    new Linearizability(),
    first,
    invoked(2, put('a', '2'), at(2)),
    returned(2, put('a', '2'), unknown, at(2)),
    invoked(3, quorumGet('a')),
    returned(3, quorumGet('a'), done('get a=1 @5')),
    invoked(4, quorumGet('a')),
    returned(4, quorumGet('a'), done('get a=2 @6')),
  );
  object(
    new Linearizability(),
    /on \/a/,
    first,
    invoked(3, quorumGet('a')),
    returned(3, quorumGet('a'), refused(100, 9)),
  );
  // Keys that may go by themselves are no registers.
  accept(
    new Linearizability(),
    invoked(1, put('a', '1', 500)),
    returned(1, put('a', '1', 500), done('set a=1 @5')),
    invoked(3, quorumGet('a')),
    returned(3, quorumGet('a'), refused(100, 9)),
  );
});

test('a forced new cluster begins history anew', () => {
  const before = [
    started(1),
    started(2),
    elected(1, 5),
    invoked(1, put('a', '1')),
    invoked(2, put('b', '1')),
  ];
  const force = started(1, { life: 2, term: 5, forced: true });
  accept(
    new RunCheckers(),
    before,
    changed(1, 'set a=1 @5'),
    returned(1, put('a', '1'), done('set a=1 @5')),
    // Not even what happened before is looked at when it is told of now, nor what the old cluster still does.
    force,
    elected(2, 5),
    returned(2, put('b', '1'), done('set b=1 @9'), { member: 2 }),
    finalTree(1, 3),
  );
  object(
    // The failure names the checker that found it.
    Object.assign(new RunCheckers(), { name: 'election safety' }),
    /1 and 3 both lead term 7/,
    before,
    force,
    started(3),
    elected(1, 7),
    elected(3, 7),
  );
});
