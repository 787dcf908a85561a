/** LeaseKeepAlive: answers in the order of the requests, and no more renewals under way than can be kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { LeaseService } from '../../../src/api/v3/lease-service.ts';
import type { GrpcStreamHandler } from '../../../src/net/grpc-call.ts';
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/lease_pb.ts';
import { putRequest } from '../../store/mvcc/requests.ts';
import { fc } from '../../support/fast-check.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';
import { failureOf, Methods } from './support/calls.ts';
import { FakeMember } from './support/fake-member.ts';

class Renewals {
  readonly member = new FakeMember();
  readonly call = new FakeStreamCall();
  readonly #handler: GrpcStreamHandler;

  constructor() {
    const methods = new Methods(new LeaseService(this.member.context).methods());
    this.#handler = methods.open('/etcdserverpb.Lease/LeaseKeepAlive', this.call);
  }

  ask(ID: bigint): void {
    this.#handler.message(toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID })));
  }
  garbage(): void {
    this.#handler.message(Uint8Array.of(0xff));
  }
  done(): void {
    this.#handler.clientDone();
  }
  /** Answers the renewal that was asked for as number `at`. */
  renewed(at: number, ttl: number): void {
    this.member.v3.renewals[at]!.renewed(ttl);
  }
  heard(): string[] {
    return this.call.written.map((message) => {
      const { ID, TTL, header } = fromBinary(LeaseKeepAliveResponseSchema, message);
      return `${ID} ${TTL} r${header!.revision}`;
    });
  }
}

test('answers keep the order of the requests, however the leader answers', () => {
  const renewals = new Renewals();
  renewals.ask(1n);
  renewals.member.v3.kv.put(putRequest('a'));
  renewals.ask(2n);
  renewals.ask(3n);
  renewals.renewed(2, 30);
  renewals.renewed(1, 0);
  assert.deepEqual(renewals.heard(), []);
  renewals.renewed(0, 10);
  assert.deepEqual(
    renewals.heard(),
    ['1 10 r1', '2 0 r2', '3 30 r2'],
    'a lease that is gone has no time left',
  );
});

test('answers keep the order of the requests, however many come and go', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 200, size: 'max' }), (steps) => {
      const renewals = new Renewals();
      const unanswered: number[] = [];
      let asked = 0;
      const answer = (which: number): void => {
        const [at] = unanswered.splice(which % unanswered.length, 1);
        renewals.renewed(at!, at! + 1);
      };
      for (const which of steps) {
        if (which > 5 && unanswered.length > 0) answer(which);
        else {
          unanswered.push(asked);
          renewals.ask(BigInt(++asked));
        }
        assert.equal(renewals.call.written.length, unanswered[0] ?? asked);
      }
      while (unanswered.length > 0) answer(unanswered.length - 1);
      assert.deepEqual(
        renewals.heard(),
        Array.from({ length: asked }, (_, at) => `${at + 1} ${at + 1} r1`),
      );
    }),
    { numRuns: 200 },
  );
});

test('the stream ends when the client is done and has all its answers', () => {
  const renewals = new Renewals();
  renewals.ask(1n);
  renewals.done();
  assert.equal(renewals.call.ended, false);
  renewals.renewed(0, 10);
  assert.equal(renewals.call.ended, true);
});

test('a failure ends the stream, and later answers go nowhere', () => {
  const renewals = new Renewals();
  renewals.ask(1n);
  renewals.ask(2n);
  renewals.member.v3.renewals[1]!.failed(FakeMember.timeout);
  assert.equal(failureOf(renewals.call), '14 etcdserver: request timed out');
  renewals.renewed(0, 10);
  assert.deepEqual(renewals.heard(), []);
});

test('a thousand renewals under way are enough: the client waits then', () => {
  const renewals = new Renewals();
  for (let id = 1n; id < 1000n; id++) renewals.ask(id);
  assert.equal(renewals.call.paused, false);
  renewals.ask(1000n);
  assert.equal(renewals.call.paused, true);
  renewals.renewed(0, 5);
  assert.equal(renewals.call.paused, false);
});

test('who does not read its answers is not asked for more', () => {
  const renewals = new Renewals();
  renewals.call.hasRoom = false;
  for (let id = 1n; id <= 1000n; id++) renewals.ask(id);
  for (let at = 0; at < 1000; at++) renewals.renewed(at, 5);
  assert.equal(renewals.heard().length, 1);
  renewals.call.drain();
  assert.equal(renewals.heard().length, 1000);
  assert.equal(renewals.call.paused, false);
});

test('a message that is none', () => {
  const renewals = new Renewals();
  renewals.garbage();
  assert.match(failureOf(renewals.call), /^13 grpc: error unmarshalling request: /);
});
