/** Renewals at the leader: what one read index confirms, and what becomes of those that the lessor does not decide. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLessor } from '../../src/lease/create-lessor.ts';
import type { Lessor } from '../../src/lease/types.ts';
import type { ServerError, Submitted } from '../../src/server/contract.ts';
import { serverError } from '../../src/server/errors.ts';
import { LeaseRenewals } from '../../src/server/v3/lease-renewals.ts';
import type { LeaseRenewal, V3Outcome } from '../../src/server/v3-contract.ts';
import type { V3Request } from '../../src/wire/v3/kv-types.ts';
import { FakeBackend } from '../lease/fake-backend.ts';
import { HandClock } from '../net/clocks.ts';

const TTL = 600;

class World {
  readonly clock = new HandClock();
  readonly lessor: Lessor = createLessor(new FakeBackend().port, { minTtlSeconds: 2 });
  /** Who waits for a read index, in order; the first `asked` of them have been asked for. */
  readonly reads: ((error: ServerError | undefined) => void)[] = [];
  questions = 0;
  readonly proposed: {
    readonly request: V3Request;
    readonly done: (outcome: Submitted<V3Outcome>) => void;
  }[] = [];
  readonly told: string[] = [];
  readonly renewals = new LeaseRenewals(
    {
      lessor: this.lessor,
      clock: this.clock,
      awaitReadIndex: (done) => void this.reads.push(done),
      readQuestions: () => this.questions,
      propose: (request, done) => void this.proposed.push({ request, done }),
    },
    {
      notPrimary: ({ id }, startedMs) =>
        this.told.push(`${id} not here ${this.clock.monotonicMs() - startedMs}`),
      late: ({ id }) => this.told.push(`${id} late`),
    },
  );

  constructor(...ids: readonly bigint[]) {
    this.lessor.promote(this.clock.monotonicMs(), 0);
    for (const id of ids) this.lessor.grant(id, TTL, this.clock.monotonicMs());
  }

  renewal(id: bigint): LeaseRenewal {
    return {
      id,
      renewed: (ttl) => this.told.push(`${id} ${ttl}`),
      failed: (error) => this.told.push(`${id} ${error.code}`),
    };
  }
  add(...ids: readonly bigint[]): void {
    for (const id of ids) this.renewals.add(this.renewal(id));
  }
  /** All that wait now are part of one question. */
  ask(): void {
    this.questions++;
  }
  hear(): string[] {
    return this.told.splice(0);
  }
}

describe('renewals at the leader', () => {
  it('of one turn share a read index, and are answered in order', () => {
    const world = new World(1n, 2n);
    world.add(1n, 9n, 2n, 1n);
    assert.equal(world.reads.length, 1);
    world.ask();
    assert.deepEqual(world.hear(), []);
    world.reads[0]!(undefined);
    assert.deepEqual(world.hear(), ['1 600', '9 0', '2 600', '1 600']);
  });

  it('are not covered by a question asked before they came', () => {
    const world = new World(1n, 2n, 3n);
    world.add(1n);
    world.ask();
    world.add(2n, 3n);
    assert.equal(world.reads.length, 2);
    world.reads[0]!(undefined);
    assert.deepEqual(world.hear(), ['1 600']);
    world.ask();
    world.reads[1]!(undefined);
    assert.deepEqual(world.hear(), ['2 600', '3 600']);
  });

  it('begin anew after an answer, and when the leader has changed', () => {
    const world = new World(1n, 2n);
    world.add(1n);
    world.reads[0]!(undefined);
    world.add(1n);
    world.renewals.leadershipChanged();
    world.add(2n);
    assert.equal(world.reads.length, 3);
    world.reads[1]!(undefined);
    world.reads[2]!(undefined);
    assert.deepEqual(world.hear(), ['1 600', '1 600', '2 600']);
  });

  it('fail together when no read index is to be had, at once if need be', () => {
    const world = new World(1n);
    world.add(1n, 9n);
    world.reads[0]!(serverError('timeout'));
    assert.deepEqual(world.hear(), ['1 timeout', '9 timeout']);
    const stopped = new LeaseRenewals(
      {
        lessor: world.lessor,
        clock: world.clock,
        awaitReadIndex: (done) => done(serverError('stopped')),
        readQuestions: () => 0,
        propose: () => assert.fail(),
      },
      { notPrimary: () => assert.fail(), late: () => assert.fail() },
    );
    stopped.add(world.renewal(1n));
    stopped.add(world.renewal(1n));
    assert.deepEqual(world.hear(), ['1 stopped', '1 stopped']);
  });

  it('go elsewhere when another member leads, with the time they have waited', () => {
    const world = new World(1n);
    world.add(1n);
    world.clock.advance(30);
    world.lessor.demote();
    world.reads[0]!(undefined);
    assert.deepEqual(world.hear(), ['1 not here 30']);
  });

  it('that come too late are told so', () => {
    const world = new World(1n, 2n);
    world.clock.advance(TTL * 1000 - 1);
    world.add(1n);
    world.reads[0]!(undefined);
    world.clock.advance(1);
    world.add(1n, 2n);
    world.reads[1]!(undefined);
    assert.deepEqual(world.hear(), ['1 600', '1 600', '2 late']);
  });

  it('reset what checkpoints say in one entry, and wait for it', () => {
    const world = new World(1n, 2n, 3n);
    const nowMs = world.clock.monotonicMs();
    for (const id of [1n, 3n]) world.lessor.checkpoint(id, 100, nowMs);
    world.add(1n, 2n, 3n, 1n);
    world.reads[0]!(undefined);
    assert.deepEqual(world.hear(), ['2 600']);
    assert.deepEqual(
      world.proposed.map(({ request }) => request),
      [
        {
          kind: 'lease-checkpoint',
          checkpoints: [
            { id: 1n, remainingTtl: 0 },
            { id: 3n, remainingTtl: 0 },
          ],
        },
      ],
    );
    world.lessor.revoke(3n);
    world.proposed[0]!.done({ ok: true, value: { kind: 'none', revision: 1 } });
    assert.deepEqual(world.hear(), ['1 600', '3 0', '1 600']);
  });

  it('do not hold the event loop, however many come in one turn', async () => {
    const world = new World();
    const count = 1_000;
    const turns: number[] = [];
    let answered = 0;
    const done = new Promise<void>((resolve) => {
      for (let id = 1; id <= count; id++) {
        world.lessor.grant(BigInt(id), TTL, world.clock.monotonicMs());
        const renewed = (ttl: number): void => {
          assert.equal(ttl, TTL);
          answered++;
          assert.equal(answered, id, 'in order');
          if (answered % 100 === 0) world.clock.advance(4);
          if (answered === count) resolve();
        };
        world.renewals.add({ id: BigInt(id), renewed, failed: ({ code }) => assert.fail(code) });
      }
    });
    world.reads[0]!(undefined);
    turns.push(answered);
    await done;
    // Looks at the clock after 256, 512, ...; more than 8 ms have passed at 512.
    assert.deepEqual(turns, [512]);
  });

  it('fail when the checkpoint does', () => {
    const world = new World(1n);
    world.lessor.checkpoint(1n, 100, world.clock.monotonicMs());
    world.add(1n);
    world.reads[0]!(undefined);
    world.proposed[0]!.done({ ok: false, error: serverError('timeout') });
    assert.deepEqual(world.hear(), ['1 timeout']);
  });
});
