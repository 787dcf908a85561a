/** Shared responses are what each watch would have been sent by itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventResponses } from '../../../src/api/v3/event-responses.ts';
import type { WatchEvent } from '../../../src/watch/types.ts';
import { Writer } from '../../../src/wire/protobuf.ts';
import { encodeWatchEvents, encodeWatchResponse } from '../../../src/wire/v3/watch-responses.ts';
import { fc } from '../../support/fast-check.ts';

function eventsOf(count: number, bytes: number): readonly WatchEvent[] {
  const kv = Buffer.alloc(bytes, 'v');
  return Array.from({ length: count }, (_, at) => ({
    type: at % 3 === 2 ? 'delete' : 'put',
    kv,
    revision: at + 1,
    prevKv: undefined,
  }));
}

test('in whatever order they are asked for', () => {
  const arrays = [eventsOf(1, 10), eventsOf(5, 300), eventsOf(1, 70_000), eventsOf(40, 5000)];
  const question = fc.record({
    which: fc.nat({ max: arrays.length - 1 }),
    id: fc.constantFrom(0n, 1n, 7n, 1023n, 1024n, 1n << 40n, -5n),
    revision: fc.constantFrom(3, 4),
    raftTerm: fc.constantFrom(2, 2, 3),
  });
  fc.assert(
    fc.property(fc.array(question, { maxLength: 60 }), (questions) => {
      const responses = new EventResponses();
      const writer = new Writer();
      for (const { which, id, revision, raftTerm } of questions) {
        const header = { clusterId: 1n << 63n, memberId: 77n, revision, raftTerm };
        const events = encodeWatchEvents(new Writer(), arrays[which]!);
        assert.deepEqual(
          Buffer.from(responses.response(writer, header, id, arrays[which]!)),
          Buffer.from(encodeWatchResponse(new Writer(), header, { watchId: id, events })),
        );
      }
    }),
    { numRuns: 100 },
  );
});

test('no more of them are kept than a megabyte', () => {
  const responses = new EventResponses();
  const writer = new Writer();
  const header = { clusterId: 1n, memberId: 2n, revision: 3, raftTerm: 4 };
  const respond = (events: readonly WatchEvent[], id: number): Uint8Array =>
    responses.response(writer, header, BigInt(id), events);
  const isKept = (events: readonly WatchEvent[], id: number): boolean => {
    const first = respond(events, id);
    return respond(events, id) === first;
  };
  const large = eventsOf(1, 60_000);
  for (let id = 0; id < 1024; id++) respond(large, id);
  assert.deepEqual(
    [0, 16, 17, 1023].map((id) => isKept(large, id)),
    [true, true, false, false],
  );
  const small = eventsOf(1, 10);
  assert.deepEqual(
    [0, 17, 1023].map((id) => isKept(small, id)),
    [true, true, true],
  );
});

test('equal ones are the same bytes; large events are encoded once', () => {
  const responses = new EventResponses();
  const writer = new Writer();
  const header = { clusterId: 1n, memberId: 2n, revision: 3, raftTerm: 4 };
  const small = eventsOf(2, 100);
  const first = responses.response(writer, header, 9n, small);
  assert.equal(responses.response(writer, header, 9n, small), first);
  const large = eventsOf(2, 50_000);
  const encoded = responses.encoded(large);
  assert.notEqual(responses.response(writer, header, 9n, large), first);
  assert.equal(responses.encoded(large), encoded);
});
