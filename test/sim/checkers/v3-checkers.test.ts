/** The checkers of v3 against made-up stories: what must pass, and what each must object to. */
import { test } from 'node:test';
import { LeasePromises } from '../../../src/sim/checkers/v3/lease-promises.ts';
import { V3Answers } from '../../../src/sim/checkers/v3/v3-answers.ts';
import { V3Revisions } from '../../../src/sim/checkers/v3/v3-revisions.ts';
import { V3StateAgreement } from '../../../src/sim/checkers/v3/v3-state.ts';
import { V3Watches } from '../../../src/sim/checkers/v3/v3-watches.ts';
import type { Checker, Observation } from '../../../src/sim/observation.ts';
import type {
  V3Event,
  V3Operation,
  V3Outcome,
  V3Row,
  V3StepResult,
} from '../../../src/sim/v3-observation.ts';
import { accept, entries, object } from './story.ts';

const of = (member: number, life = 1) => ({ atMs: 0, member: `m${member}`, memberId: BigInt(member), life });
const asked = (id: number, atMs = 0) => ({ atMs, client: id, member: 'm1', life: 1, operationId: id });

function invoked(id: number, operation: V3Operation, atMs = 0): Observation {
  return { kind: 'v3-invoked', ...asked(id, atMs), operation };
}

function returned(id: number, operation: V3Operation, outcome: V3Outcome, atMs = 0): Observation {
  return { kind: 'v3-returned', ...asked(id, atMs), operation, outcome };
}

function done(revision: number, ...results: readonly V3StepResult[]): V3Outcome {
  return { kind: 'done', revision, succeeded: true, results, ttl: 0, hash: undefined };
}

const refused = (code: string): V3Outcome => ({ kind: 'refused', code });
const lasts = (ttl: number): V3Outcome => ({ ...(done(1) as Extract<V3Outcome, { kind: 'done' }>), ttl });

function put(key: string, value: string, lease = 0): V3Operation {
  return { kind: 'put', key, value, lease };
}

function read(key: string, revision = 0, serializable = false): V3Operation {
  return { kind: 'range', key, end: '', revision, limit: 0, serializable, sliceMs: 0 };
}

/** 'a=1 @2/3 v2': made at 2, changed at 3, the second version. */
function row(text: string, lease = 0): V3Row {
  const [, key = '', value = '', create, mod, version] = /^(\w)=(\w+) @(\d+)\/(\d+) v(\d+)$/.exec(text)!;
  return { key, value, create: Number(create), mod: Number(mod), version: Number(version), lease };
}

const written = (text: string, lease = 0): V3Event => {
  const made = row(text, lease);
  return { key: made.key, mod: made.mod, row: made };
};
const deleted = (key: string, mod: number): V3Event => ({ key, mod, row: undefined });

function made(member: number, revision: number, ...events: readonly V3Event[]): Observation {
  return { kind: 'v3-revision', ...of(member), revision, events };
}

function found(...rows: readonly V3Row[]): V3StepResult {
  return { kind: 'range', rows, count: rows.length, more: false };
}

const nothingBefore: V3StepResult = { kind: 'put', previous: undefined };

/** Two checkers that belong together, as the run has them. */
function together(make: (revisions: V3Revisions) => Checker): Checker {
  const revisions = new V3Revisions();
  const other = make(revisions);
  return {
    name: other.name,
    observe: (observation) => {
      revisions.observe(observation);
      other.observe(observation);
    },
    finish: () => other.finish(),
  };
}

const answers = (): Checker => together((revisions) => new V3Answers(revisions));
const watches = (): Checker => together((revisions) => new V3Watches(revisions));

const first = [invoked(1, put('a', '1')), made(1, 2, written('a=1 @2/2 v1'))] as const;
const second = [invoked(2, put('a', '2')), made(1, 3, written('a=2 @2/3 v2'))] as const;

test('revisions are the same everywhere, and each is the work of one operation', () => {
  accept(new V3Revisions(), ...first, made(2, 2, written('a=1 @2/2 v1')), ...second);
  object(
    new V3Revisions(),
    /nobody has made 2/,
    invoked(1, put('a', '1')),
    made(1, 3, written('a=1 @3/3 v1')),
  );
  object(new V3Revisions(), /elsewhere a = 1/, ...first, made(2, 2, written('a=2 @2/2 v1')));
  object(new V3Revisions(), /nobody wrote a = 7/, ...first, made(1, 3, written('a=7 @2/3 v2')));
  object(new V3Revisions(), /done twice, at revisions 2 and 3/, ...first, made(1, 3, written('a=1 @2/3 v2')));
  object(
    new V3Revisions(),
    /operation 2 does a = 2 @3, made @2/,
    ...first,
    second[0],
    made(1, 3, written('a=2 @3/3 v1')),
  );
  object(new V3Revisions(), /nobody asked for a deleted/, ...first, made(1, 3, deleted('a', 3)));
});

test('the end of a lease takes all its keys, and only once it is committed', () => {
  const leased = [invoked(1, put('a', '1', 9)), made(1, 2, written('a=1 @2/2 v1', 9))] as const;
  const ends: Observation = { kind: 'v3-revoke-committed', ...of(1), index: 7, lease: 9 };
  accept(new V3Revisions(), ...leased, ends, made(1, 3, deleted('a', 3)));
  object(new V3Revisions(), /nobody asked for/, ...leased, made(1, 3, deleted('a', 3)));
});

test('a state found on disk is that of its revision', () => {
  const opened = (revision: number, ...rows: readonly V3Row[]): Observation => ({
    kind: 'v3-opened',
    ...of(1, 2),
    ...{ appliedIndex: 0, revision, compacted: -1, rows, forcedNewCluster: false },
  });
  accept(
    new V3Revisions(),
    ...first,
    ...second,
    opened(2, row('a=1 @2/2 v1')),
    opened(3, row('a=2 @2/3 v2')),
  );
  object(
    new V3Revisions(),
    /at revision 3 m1 holds a = 1 @2/,
    ...first,
    ...second,
    opened(3, row('a=1 @2/2 v1')),
  );
  object(new V3Revisions(), /holds revision 3, the last/, ...first, opened(3, row('a=1 @2/2 v1')));
});

test('answers are true at their revision and see what was answered before', () => {
  const acknowledged = [...first, returned(1, put('a', '1'), done(2, nothingBefore))] as const;
  accept(
    answers(),
    ...acknowledged,
    ...second,
    invoked(3, read('a')),
    returned(3, read('a'), done(3, found(row('a=2 @2/3 v2')))),
    invoked(4, read('a', 2)),
    returned(4, read('a', 2), done(3, found(row('a=1 @2/2 v1')))),
    invoked(5, read('a', 0, true)),
    returned(5, read('a', 0, true), done(1, found())),
  );
  object(
    answers(),
    /range #3 at m1 is answered at revision 3 with \[1: a = 1 @2/,
    ...acknowledged,
    ...second,
    invoked(3, read('a')),
    returned(3, read('a'), done(3, found(row('a=1 @2/2 v1')))),
  );
  object(
    answers(),
    /is answered at revision 1; before it began 2 was answered/,
    ...acknowledged,
    invoked(3, read('a')),
    returned(3, read('a'), done(1, found())),
  );
  object(
    answers(),
    /which nobody has made/,
    invoked(1, put('a', '1')),
    returned(1, put('a', '1'), done(2, nothingBefore)),
  );
  object(
    answers(),
    /is said to be revision 2, which is a = 1/,
    ...first,
    invoked(2, put('b', '2')),
    returned(2, put('b', '2'), done(2, nothingBefore)),
  );
  object(answers(), /in the end m1 is at revision 1/, ...acknowledged, {
    kind: 'v3-final',
    ...of(1),
    revision: 1,
    rows: [],
    leases: [],
  });
});

test('the past is refused as compacted where somebody asked for that, and then always', () => {
  const compact: V3Operation = { kind: 'compact', revision: 3, physical: false };
  const past = read('a', 2);
  accept(
    answers(),
    ...first,
    ...second,
    invoked(3, compact),
    invoked(4, past),
    returned(4, past, refused('compacted')),
  );
  object(
    answers(),
    /nobody asked for that/,
    ...first,
    ...second,
    invoked(4, past),
    returned(4, past, refused('compacted')),
  );
  object(
    answers(),
    /it was acknowledged before that all before 3 is compacted/,
    ...first,
    ...second,
    invoked(3, compact),
    returned(3, compact, done(3)),
    invoked(4, past),
    returned(4, past, done(3, found(row('a=1 @2/2 v1')))),
  );
  const again = [invoked(5, compact), returned(5, compact, refused('compacted'))] as const;
  accept(answers(), ...first, ...second, invoked(3, compact), ...again);
  object(answers(), /compact #5 at m1 is refused as compacted/, ...first, ...second, ...again);
  object(
    answers(),
    /compact #5 at m1 is refused as compacted/,
    ...first,
    ...second,
    invoked(3, { ...compact, revision: 2 }),
    ...again,
  );
});

test('what is read in slices is refused as compacted, too, where a snapshot replaced the store', () => {
  const slowly = (revision: number): V3Operation => ({ ...read('a', revision), sliceMs: 20 }) as V3Operation;
  const compact: V3Operation = { kind: 'compact', revision: 3, physical: false };
  const installed: Observation = { kind: 'snapshot-installed', ...of(1), index: 9, term: 1 };
  const refusal = (operation: V3Operation) =>
    [invoked(4, operation), returned(4, operation, refused('compacted'))] as const;
  for (const operation of [slowly(0), slowly(3), { kind: 'hash', revision: 0 }] as const) {
    accept(answers(), ...first, ...second, installed, ...refusal(operation));
    object(answers(), /nobody asked for that/, ...first, ...second, ...refusal(operation));
    // What is newest, or not before the compaction, is not compacted.
    object(
      answers(),
      /nobody asked for that/,
      ...first,
      ...second,
      invoked(3, compact),
      ...refusal(operation),
    );
  }
  object(answers(), /nobody asked for that/, ...first, installed, ...refusal(read('a')));
});

test('hashes of one revision are one hash', () => {
  const hash: V3Operation = { kind: 'hash', revision: 0 };
  const is = (value: number): V3Outcome => ({
    ...(done(0) as Extract<V3Outcome, { kind: 'done' }>),
    hash: { hash: value, at: 5, compacted: 2 },
  });
  const both = (value: number) =>
    [invoked(1, hash), returned(1, hash, is(7)), invoked(2, hash), returned(2, hash, is(value))] as const;
  accept(answers(), ...both(7));
  object(answers(), /HashKV at 5, compacted 2 is 8 on m1, and was 7/, ...both(8));
});

test('states agree, never go back, and hold nothing that is not committed', () => {
  const applied = (member: number, index: number, revision: number, stateHash?: string): Observation => ({
    kind: 'v3-applied',
    ...of(member),
    ...{ index, appliedIndex: index, revision, compacted: -1, stateHash },
  });
  const durable = (appliedIndex: number): Observation => ({ kind: 'v3-durable', ...of(1), appliedIndex });
  const opened = (appliedIndex: number): Observation => ({
    kind: 'v3-opened',
    ...of(1, 2),
    ...{ appliedIndex, revision: 1, compacted: -1, rows: [], forcedNewCluster: false },
  });
  const committed: Observation = { kind: 'entries-committed', ...of(1), entries: entries('5/1') };
  accept(
    new V3StateAgreement(),
    committed,
    applied(1, 5, 3, 'x'),
    applied(2, 5, 3, 'x'),
    durable(5),
    opened(5),
  );
  object(new V3StateAgreement(), /m2 is at revision 4/, applied(1, 5, 3), applied(2, 5, 4));
  object(new V3StateAgreement(), /different v3 states/, applied(1, 5, 3, 'x'), applied(2, 5, 3, 'y'));
  object(
    new V3StateAgreement(),
    /goes back from entry 5, revision 3 to 6, 2/,
    applied(1, 5, 3),
    applied(1, 6, 2),
  );
  object(
    new V3StateAgreement(),
    /up to entry 5 durable, and starts with that of 4/,
    committed,
    durable(5),
    opened(4),
  );
  object(new V3StateAgreement(), /holds entry 6; entries are committed up to 5/, committed, opened(6));
});

test('watches are told everything, once, in order, to the end', () => {
  const begun: Observation = {
    kind: 'v3-watch-begun',
    ...asked(8),
    ...{
      watcherId: 8,
      key: 'a',
      end: '',
      since: 2,
      revision: 1,
      prevKv: true,
      noPut: false,
      noDelete: false,
    },
  };
  const one = { ...written('a=1 @2/2 v1'), previous: undefined };
  const two = { ...written('a=2 @2/3 v2'), previous: row('a=1 @2/2 v1') };
  const told = (revision: number, ...events: readonly (typeof one | typeof two)[]): Observation => ({
    kind: 'v3-watch-delivered',
    ...asked(8),
    ...{ watcherId: 8, events, revision },
  });
  const compacted: Observation = { kind: 'v3-watch-ended', ...asked(8), watcherId: 8, compacted: 3 };
  const opened: Observation = {
    kind: 'v3-opened',
    ...of(1),
    ...{ appliedIndex: 0, revision: 1, compacted: -1, rows: [], forcedNewCluster: false },
  };
  const end: Observation = {
    kind: 'v3-final',
    ...of(1),
    atMs: 60_000,
    revision: 3,
    rows: [row('a=2 @2/3 v2')],
    leases: [],
  };
  const story = [opened, begun, ...first, ...second] as const;
  accept(watches(), ...story, told(2, one), told(3, two), end);
  accept(watches(), ...story, told(3, one, two), end);
  object(watches(), /told up to 1, is told up to 3: a = 2/, ...story, told(3, two));
  object(watches(), /told up to 2, is told up to 2: a = 1/, ...story, told(2, one), told(2, one));
  object(watches(), /was never told of a = 2/, ...story, told(2, one), end);
  object(
    watches(),
    /that there was nothing; there was a = 1/,
    ...story,
    told(3, one, { ...two, previous: undefined }),
  );
  accept(watches(), ...story, invoked(9, { kind: 'compact', revision: 3, physical: false }), compacted);
  object(watches(), /ends as compacted at 3; the highest compaction asked for is -1/, ...story, compacted);
});

test('leases last as long as promised, and no longer than they should', () => {
  const grant: V3Operation = { kind: 'lease-grant', lease: 5, ttl: 10 };
  const renew: V3Operation = { kind: 'lease-renew', lease: 5 };
  const revoke: V3Operation = { kind: 'lease-revoke', lease: 5 };
  const granted = [invoked(1, grant), returned(1, grant, lasts(10), 100)] as const;
  const ends = (atMs: number): Observation => ({
    kind: 'v3-revoke-committed',
    ...of(1),
    atMs,
    index: 7,
    lease: 5,
  });
  const end = (atMs: number, ...leases: readonly number[]): Observation => ({
    kind: 'v3-final',
    ...of(1),
    ...{ atMs, revision: 1, rows: [], leases: leases.map((lease) => ({ lease, ttl: 10 })) },
  });
  accept(new LeasePromises(), ...granted, ends(9_600), end(60_000));
  accept(new LeasePromises(), ...granted, invoked(2, revoke, 500), ends(600), end(60_000));
  accept(new LeasePromises(), ...granted, end(15_000, 5));
  object(new LeasePromises(), /ended by m1 at 9000 ms, promised until 9524 ms/, ...granted, ends(9_000));
  object(
    new LeasePromises(),
    /ended by m1 at 9600 ms, promised until 14524 ms/,
    ...granted,
    invoked(2, renew, 5_000),
    returned(2, renew, lasts(10), 5_100),
    ends(9_600),
  );
  object(
    new LeasePromises(),
    /knows no lease 5/,
    ...granted,
    invoked(2, renew, 500),
    returned(2, renew, refused('lease-not-found'), 600),
  );
  object(new LeasePromises(), /nobody renewed it since 100 ms/, ...granted, end(60_000, 5));
  // A grant that its client has given up may be committed later.
  const givenUp = [
    invoked(1, grant),
    returned(1, grant, { kind: 'unknown', reason: 'timeout' }, 7_000),
  ] as const;
  const begins: Observation = { kind: 'v3-grant-committed', ...of(1), atMs: 50_000, index: 7, lease: 5 };
  accept(new LeasePromises(), ...givenUp, begins, end(60_000, 5));
  object(new LeasePromises(), /nobody renewed it since 50000 ms/, ...givenUp, begins, end(80_000, 5));
  object(new LeasePromises(), /has no lease 5/, ...granted, end(60_000));
  const attached: Observation = {
    ...(end(15_000) as Extract<Observation, { kind: 'v3-final' }>),
    rows: [row('a=1 @2/2 v1', 5)],
  };
  object(new LeasePromises(), /has a of lease 5, which has ended/, attached);
});

test('a lease that has ended is not said to live', () => {
  const lease = 5;
  const grant: V3Operation = { kind: 'lease-grant', lease, ttl: 10 };
  const revoke: V3Operation = { kind: 'lease-revoke', lease };
  const ended = [
    invoked(1, grant),
    returned(1, grant, lasts(10), 100),
    invoked(2, revoke, 500),
    { kind: 'v3-revoke-committed', ...of(1), atMs: 600, index: 7, lease } as const,
  ] as const;
  for (const kind of ['lease-renew', 'lease-times'] as const) {
    const ask: V3Operation = { kind, lease };
    // Whoever asked before may have been answered before.
    accept(
      new LeasePromises(),
      ...ended.slice(0, 3),
      invoked(3, ask, 599),
      ended[3],
      returned(3, ask, lasts(10), 900),
    );
    accept(
      new LeasePromises(),
      ...ended,
      invoked(3, ask, 601),
      returned(3, ask, refused('lease-not-found'), 900),
    );
    object(
      new LeasePromises(),
      /m1 answers lease-\w+ of lease 5, asked for at 601 ms, with 9 s; it ended at 600 ms/,
      ...ended,
      invoked(3, ask, 601),
      returned(3, ask, lasts(9), 900),
    );
  }
});
