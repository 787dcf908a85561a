/** Short words for made-up observations, and what a checker says to a row of them. */
import assert from 'node:assert/strict';
import type { ConfState } from '../../../src/raft/types.ts';
import {
  type Checker,
  CheckFailure,
  type ClientOperation,
  type ClientOutcome,
  type EntryDigest,
  type MessageSent,
  type Observation,
  type TreeEvent,
} from '../../../src/sim/observation.ts';

/** Members are numbers: 1 is m1 with the id 1n. */
const of = (member: number, life = 1) => ({ atMs: 0, member: `m${member}`, memberId: BigInt(member), life });

/** '3/2' or '3/2/other': an entry at index 3 of term 2, with the content 'x' or 'other'. */
export function entries(...texts: readonly string[]): EntryDigest[] {
  return texts.map((text) => {
    const [index, term, hash = 'x'] = text.split('/');
    return { index: Number(index), term: Number(term), type: 'normal', hash };
  });
}

export function voters(...ids: readonly number[]): ConfState {
  return {
    voters: ids.map(BigInt),
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

export interface Begin {
  /** Where the host has become another member. */
  readonly id?: number;
  readonly life?: number;
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly snapshot?: readonly [index: number, term: number];
  readonly log?: readonly EntryDigest[];
  readonly configuration?: ConfState;
  readonly applied?: number;
  readonly forced?: boolean;
}

export function started(member: number, begin: Begin = {}): Observation {
  const [snapshotIndex, snapshotTerm] = begin.snapshot ?? [0, 0];
  return {
    ...of(member, begin.life),
    ...(begin.id !== undefined && { memberId: BigInt(begin.id) }),
    kind: 'member-started',
    term: begin.term ?? 0,
    vote: BigInt(begin.vote ?? 0),
    commit: begin.commit ?? snapshotIndex,
    snapshotIndex,
    snapshotTerm,
    entries: begin.log ?? [],
    configuration: begin.configuration ?? voters(1, 2, 3),
    applied: begin.applied ?? snapshotIndex,
    forcedNewCluster: begin.forced ?? false,
  };
}

export function dataLost(member: number): Observation {
  return { ...of(member), kind: 'data-lost' };
}

export function elected(member: number, term: number, lastIndex = 0): Observation {
  return { ...of(member), kind: 'leader-elected', term, lastIndex };
}

export function appended(member: number, ...texts: readonly string[]): Observation {
  return { ...of(member), kind: 'entries-appended', entries: entries(...texts) };
}

export function installed(member: number, index: number, term: number): Observation {
  return { ...of(member), kind: 'snapshot-installed', index, term };
}

export function committed(member: number, ...texts: readonly string[]): Observation {
  return { ...of(member), kind: 'entries-committed', entries: entries(...texts) };
}

export function configured(member: number, configuration: ConfState): Observation {
  return { ...of(member), kind: 'configuration-changed', configuration };
}

export function durable(
  member: number,
  texts: readonly string[],
  hardState?: { readonly term: number; readonly vote: number },
): Observation {
  return {
    ...of(member),
    kind: 'log-durable',
    entries: entries(...texts),
    hardState: hardState && { term: hardState.term, vote: BigInt(hardState.vote), commit: 0 },
    snapshot: undefined,
  };
}

export function votes(member: number, to: number, term: number): Observation {
  return sent(member, { type: 'vote-granted', to: BigInt(to), term });
}

export function accepts(member: number, to: number, term: number, index: number): Observation {
  return sent(member, { type: 'append-accepted', to: BigInt(to), term, index });
}

function sent(member: number, message: MessageSent['message']): Observation {
  return { ...of(member), kind: 'message-sent', message };
}

export function applied(
  member: number,
  index: number,
  etcdIndex: number,
  stateHash?: string,
  life = 1,
): Observation {
  return { ...of(member, life), kind: 'applied', index, etcdIndex, stateHash };
}

/** 'set a=1 @5', 'delete a @6 made 5'. */
export function event(text: string): TreeEvent {
  const [, action, key, value, index, made] = /^(\w+) ([^ =]+)(?:=(\w+))? @(\d+)(?: made (\d+))?$/.exec(
    text,
  )!;
  return {
    action: action as TreeEvent['action'],
    key: `/${key}`,
    value,
    modifiedIndex: Number(index),
    createdIndex: Number(made ?? index),
    previousValue: undefined,
  };
}

export function changed(member: number, ...texts: readonly string[]): Observation[] {
  return texts.map((text) => ({ ...of(member), kind: 'store-changed', event: event(text) }));
}

export function proposesExpiry(member: number, untilNs: bigint, wallTimeNs: bigint): Observation {
  return { ...of(member), kind: 'expiry-proposed', untilNs, wallTimeNs };
}

export function expired(member: number, key: string, expirationNs: bigint, index: number): Observation {
  return { ...of(member), kind: 'key-expired', key: `/${key}`, expirationNs, modifiedIndex: index };
}

interface Asked {
  readonly client?: number;
  readonly member?: number;
  readonly life?: number;
}

const ofClient = ({ client = 1, member = 1, life = 1 }: Asked) => ({
  atMs: 0,
  client,
  member: `m${member}`,
  life,
});

export function invoked(operationId: number, operation: ClientOperation, asked: Asked = {}): Observation {
  return { ...ofClient(asked), kind: 'operation-invoked', operationId, operation };
}

export function returned(
  operationId: number,
  operation: ClientOperation,
  outcome: ClientOutcome,
  asked: Asked = {},
): Observation {
  return { ...ofClient(asked), kind: 'operation-returned', operationId, operation, outcome };
}

export const put = (key: string, value: string, ttlMs?: number): ClientOperation => ({
  kind: 'put',
  key: `/${key}`,
  value,
  ttlMs,
});

export const get = (key: string): ClientOperation => ({ kind: 'get', key: `/${key}` });

export const quorumGet = (key: string): ClientOperation => ({ kind: 'quorum-get', key: `/${key}` });

/** The outcome of an operation that is what the event says. */
export function done(
  text: string,
  more: Partial<Extract<ClientOutcome, { kind: 'done' }>> = {},
): ClientOutcome {
  const { action, key, value, modifiedIndex, createdIndex } = event(text);
  return {
    kind: 'done',
    action,
    key,
    value,
    modifiedIndex,
    createdIndex,
    previousValue: undefined,
    previousModifiedIndex: 0,
    etcdIndex: modifiedIndex,
    logIndex: 0,
    ...more,
  };
}

export function refused(errorCode: number, etcdIndex: number): ClientOutcome {
  return { kind: 'refused', errorCode, cause: '', etcdIndex, logIndex: 0 };
}

export function watches(
  watcherId: number,
  path: string,
  startIndex: number,
  more: { sinceIndex?: number; recursive?: boolean; resumes?: boolean; member?: number } = {},
): Observation {
  const { sinceIndex = 0, recursive = false, resumes = true, member = 1 } = more;
  return {
    ...ofClient({ member }),
    kind: 'watch-begun',
    watcherId,
    path: `/${path}`,
    recursive,
    sinceIndex,
    startIndex,
    resumes,
  };
}

export function hears(watcherId: number, text: string, member = 1): Observation {
  return { ...ofClient({ member }), kind: 'watch-delivered', watcherId, event: event(text) };
}

export function leaves(watcherId: number): Observation {
  return { ...ofClient({}), kind: 'watch-ended', watcherId };
}

/** 'a=1 @5'. */
export function finalTree(member: number, etcdIndex: number, ...texts: readonly string[]): Observation {
  const nodes = texts.map((text) => {
    const { key, value, modifiedIndex, createdIndex } = event(`set ${text}`);
    return { key, value: value!, modifiedIndex, createdIndex, hasTtl: false };
  });
  return { ...of(member), kind: 'final-tree', etcdIndex, applied: 0, nodes };
}

type Told = Observation | readonly Told[];

function tell(checker: Checker, story: readonly Told[]): void {
  for (const observation of story.flat(9) as Observation[]) checker.observe(observation);
  checker.finish();
}

/** The checker has nothing against the story. */
export function accept(checker: Checker, ...story: readonly Told[]): void {
  tell(checker, story);
}

/** The checker objects, in words that match. */
export function object(checker: Checker, pattern: RegExp, ...story: readonly Told[]): void {
  assert.throws(
    () => tell(checker, story),
    (error: unknown) => {
      assert.ok(error instanceof CheckFailure, `${error}`);
      assert.equal(error.checker, checker.name);
      assert.match(error.message, pattern);
      return true;
    },
  );
}
