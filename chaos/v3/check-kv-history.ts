/**
 * What must hold of requests to the v3 store. Revisions give every change its place and every answer tells the revision it was given at, so the
 * one order that linearizability asks for need not be searched: it is told, and each answer has only to fit its place in it.
 *
 *   - an answer is what the store says at its revision: conditions, results, and for a write exactly the events of that revision
 *   - of a read of the past: what the store was at the revision it asks about
 *   - no revision is two requests'
 *   - what is asked after another answer is answered at that one's revision or later; a write later. Serializable reads are let off
 *   - every event was asked for: by a request that was answered so, or by one that was not answered, once; or a lease has ended
 */

import { isDeepStrictEqual } from 'node:util';
import { type KvLog, type RevisionEvents, textOf as textOfEvents } from './kv-log.ts';
import { isWriting, type KvAnswer, pastRevision, type RecordedRequest } from './kv-request.ts';
import { type Outcome, StoreReplay } from './store-replay.ts';

interface Answered extends RecordedRequest {
  readonly answer: KvAnswer;
}

export interface KvVerdict {
  readonly faults: readonly string[];
  /** The store after the last revision. */
  readonly store: StoreReplay;
}

const faultsKept = 20;

export function checkKvHistory(requests: readonly RecordedRequest[], log: KvLog): KvVerdict {
  const answered = requests.filter((each): each is Answered => each.answer !== undefined);
  const store = new StoreReplay();
  const faults = [...log.faults, ...laterSeesEarlier(answered), ...replay(requests, answered, log, store)];
  return { faults: faults.slice(0, faultsKept), store };
}

export function textOf({ client, member, calledAt, answeredAt, request, answer }: RecordedRequest): string {
  return `client ${client} at ${member} [${calledAt.toFixed(1)}, ${answeredAt.toFixed(1)}] ${JSON.stringify(request)} → ${JSON.stringify(answer)}`;
}

/** Did it use a revision of its own, by its own answer? A transaction that wrote nothing did not. */
function hasChanged({ request, answer }: Answered): boolean {
  const operations = answer.succeeded ? request.success : request.failure;
  return operations.some(
    ({ kind }, at) => kind === 'put' || (kind === 'delete' && answer.results[at]!.length > 0),
  );
}

function* laterSeesEarlier(answered: readonly Answered[]): Generator<string> {
  const fresh = answered.filter(({ request }) => !request.isSerializable);
  const byCall = fresh.toSorted((a, b) => a.calledAt - b.calledAt);
  const byAnswer = fresh.toSorted((a, b) => a.answeredAt - b.answeredAt);
  let latest: Answered | undefined;
  let next = 0;
  for (const request of byCall) {
    for (; next < byAnswer.length && byAnswer[next]!.answeredAt < request.calledAt; next++) {
      const before = byAnswer[next]!;
      if (latest === undefined || before.answer.revision > latest.answer.revision) latest = before;
    }
    if (latest === undefined) continue;
    const { revision } = request.answer;
    const isEarlier = hasChanged(request)
      ? revision <= latest.answer.revision
      : revision < latest.answer.revision;
    if (isEarlier)
      yield `earlier than what was answered before it: ${textOf(request)}, after ${textOf(latest)}`;
  }
}

function* replay(
  requests: readonly RecordedRequest[],
  answered: readonly Answered[],
  log: KvLog,
  store: StoreReplay,
): Generator<string> {
  const ofThePast = answered.filter(({ request }) => pastRevision(request) !== undefined);
  const past = groupedBy(ofThePast, ({ request }) => pastRevision(request)!);
  const byRevision = groupedBy(
    answered.filter(({ request }) => pastRevision(request) === undefined),
    ({ answer }) => answer.revision,
  );
  const open = new Set(requests.filter(({ request, answer }) => answer === undefined && isWriting(request)));
  const last = [...byRevision.keys()].reduce((most, each) => Math.max(most, each), log.lastRevision);
  for (let revision = log.firstRevision - 1; revision <= last; revision++) {
    const events = log.at(revision);
    const here = byRevision.get(revision) ?? [];
    const writers = here.filter(hasChanged);
    if (writers.length > 1) yield `one revision twice: ${writers.map(textOf).join(' and ')}`;
    const [writer] = writers;
    if (writer !== undefined) {
      const outcome = store.foresee(writer.request, revision);
      yield* answerFits(writer, outcome);
      if (events.length === 0) yield `acknowledged and lost: ${textOf(writer)}`;
      else if (!isDoneBy(outcome, events))
        yield `acknowledged ${textOf(writer)}, but ${textOfEvents(events)}`;
    } else if (events.length > 0) {
      const asker = [...open].find(({ request }) => isDoneBy(store.foresee(request, revision), events));
      if (asker !== undefined) open.delete(asker);
      else if (!isEndOfLease(events)) yield `nobody asked for ${textOfEvents(events)}`;
    }
    yield* eventsFit(events, store);
    for (const event of events) store.apply(event);
    for (const reader of [...here, ...(past.get(revision) ?? [])])
      if (!writers.includes(reader)) yield* answerFits(reader, store.foresee(reader.request, revision));
  }
}

function groupedBy(all: readonly Answered[], numberOf: (each: Answered) => number): Map<number, Answered[]> {
  const groups = new Map<number, Answered[]>();
  for (const each of all) {
    const number = numberOf(each);
    const group = groups.get(number);
    if (group === undefined) groups.set(number, [each]);
    else group.push(each);
  }
  return groups;
}

function* answerFits(request: Answered, foreseen: Outcome): Generator<string> {
  const { answer } = request;
  if (answer.succeeded !== foreseen.succeeded || !isDeepStrictEqual(answer.results, foreseen.results))
    yield `at revision ${answer.revision} ${JSON.stringify(foreseen.results)} was to be answered (${foreseen.succeeded}): ${textOf(request)}`;
}

/** The same changes, in any order: etcd sorts the events of a revision by none. */
function isDoneBy(outcome: Outcome, events: RevisionEvents): boolean {
  if (outcome.effects.length !== events.length) return false;
  return events.every(({ key, after }) =>
    outcome.effects.some((effect) => effect.key === key && isDeepStrictEqual(effect.after, after)),
  );
}

/** Keys with a lease, and nothing but removed. */
function isEndOfLease(events: RevisionEvents): boolean {
  return events.every(
    ({ after, before }) => after === undefined && before !== undefined && before.lease !== '0',
  );
}

/** Does each event say of what was there before what the store says? A revision of several events touches each key once. */
function* eventsFit(events: RevisionEvents, store: StoreReplay): Generator<string> {
  for (const event of events) {
    const known = store.get(event.key);
    if (!isDeepStrictEqual(event.before, known))
      yield `${textOfEvents([event])}: before that there was ${JSON.stringify(known)}, it says ${JSON.stringify(event.before)}`;
    const { after, revision } = event;
    const isRight =
      after === undefined
        ? known !== undefined
        : after.createRevision === (known?.createRevision ?? revision) &&
          after.version === (known?.version ?? 0) + 1;
    if (!isRight)
      yield `${textOfEvents([event])} does not follow ${JSON.stringify(known)}: ${JSON.stringify(after)}`;
  }
}
