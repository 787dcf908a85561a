/** Random lives of a lessor, on a clock that leaps as it likes, against a model that only searches and sorts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLessor } from '../../src/lease/create-lessor.ts';
import type { Lessor } from '../../src/lease/types.ts';
import { fc } from '../support/fast-check.ts';
import { FakeBackend } from './fake-backend.ts';
import { NaiveLessor } from './naive-lessor.ts';

const MIN_TTL = 2;
const INTERVAL_MS = 20_000;
const RETRY_MS = 3000;

type Step =
  | { readonly kind: 'grant'; readonly id: bigint; readonly ttl: number }
  | { readonly kind: 'revoke' | 'renew'; readonly id: bigint }
  | { readonly kind: 'checkpoint'; readonly id: bigint; readonly remainingTtl: number }
  | { readonly kind: 'promote' | 'demote' | 'restart' | 'reload' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'expired'; readonly max: number }
  | { readonly kind: 'checkpoints'; readonly applies: boolean };

const id = fc.constantFrom(1n, 2n, 3n, 4n, 5n, 6n, -7n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n);
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('grant'),
      id,
      ttl: fc.constantFrom(-1, 0, 1, 2, 3, 5, 19, 20, 21, 60, 600, 9_000_000_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('revoke'), id }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('renew'), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('checkpoint'),
      id,
      remainingTtl: fc.constantFrom(0, 1, 10, 50, 500),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('promote', 'promote', 'demote', 'restart', 'reload') }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      ms: fc.oneof(fc.constantFrom(1, 1000, 2000, 20_000), fc.integer({ min: 0, max: 90_000 })),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('expired'), max: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('checkpoints'), applies: fc.boolean() }) },
);

test('leases run out, are renewed and checkpointed as in the model', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 100, size: 'max' }), (steps) => {
      const world = new World();
      for (const each of steps) world.take(each);
    }),
    { numRuns: process.env['QUORATE_FULL'] === '1' ? 20_000 : 500, includeErrorInReport: true },
  );
});

class World {
  readonly backend = new FakeBackend();
  readonly model = new NaiveLessor(MIN_TTL, INTERVAL_MS, RETRY_MS);
  lessor: Lessor = this.open();
  nowMs = 0.25;

  open(): Lessor {
    return createLessor(this.backend.port, {
      minTtlSeconds: MIN_TTL,
      checkpointIntervalMs: INTERVAL_MS,
      revokeRetryMs: RETRY_MS,
    });
  }

  take(step: Step): void {
    const { lessor, model, nowMs } = this;
    switch (step.kind) {
      case 'grant':
        this.grant(step.id, step.ttl);
        break;
      case 'revoke':
        assert.equal(lessor.revoke(step.id), model.find(step.id) !== undefined);
        model.leases = model.leases.filter((lease) => lease.id !== step.id);
        break;
      case 'renew':
        this.renew(step.id);
        break;
      case 'checkpoint':
        this.checkpoint(step.id, step.remainingTtl);
        break;
      case 'promote':
        lessor.promote(nowMs, 1000);
        model.promote(nowMs, 1000);
        break;
      case 'demote':
        lessor.demote();
        model.isPrimary = false;
        break;
      case 'restart':
        this.lessor = this.open();
        model.isPrimary = false;
        model.reload();
        break;
      case 'reload':
        lessor.reload(nowMs);
        model.reload();
        if (model.isPrimary) model.promote(nowMs, 0);
        break;
      case 'wait':
        this.nowMs += step.ms;
        break;
      case 'expired':
        assert.deepEqual(
          lessor.expired(nowMs, step.max),
          model.isPrimary ? model.expired(nowMs, step.max) : [],
        );
        break;
      case 'checkpoints':
        this.checkpoints(step.applies);
        break;
    }
    this.compare();
  }

  grant(id: bigint, ttl: number): void {
    const granted = this.lessor.grant(id, ttl, this.nowMs);
    if (this.model.find(id) !== undefined) assert.deepEqual(granted, { error: 'lease-exists' });
    else {
      assert('ttl' in granted && granted.ttl === Math.max(ttl, MIN_TTL));
      this.model.grant(id, ttl, this.nowMs);
    }
  }

  renew(id: bigint): void {
    const { model, nowMs } = this;
    const { writes } = this.backend;
    const renewed = this.lessor.renew(id, nowMs);
    assert.equal(this.backend.writes, writes, 'a renewal writes nothing');
    const lease = model.find(id);
    if (!model.isPrimary) assert.deepEqual(renewed, { error: 'not-primary' });
    else if (lease === undefined) assert.deepEqual(renewed, { error: 'lease-not-found' });
    else if (lease.expiresAtMs <= nowMs) assert.deepEqual(renewed, { runOut: true });
    else {
      const mustResetCheckpoint = lease.remainingTtl > 0 || lease.checkpointProposed;
      assert.deepEqual(renewed, { ttl: lease.ttl, mustResetCheckpoint });
      model.start(lease, nowMs, lease.ttl);
    }
  }

  checkpoint(id: bigint, remainingTtl: number): void {
    const { model, nowMs } = this;
    this.lessor.checkpoint(id, remainingTtl, nowMs);
    const lease = model.find(id);
    if (lease === undefined) return;
    const wasRenewed = lease.remainingTtl > 0 && remainingTtl === 0;
    if (wasRenewed && model.isPrimary && lease.expiresAtMs < nowMs + lease.ttl * 1000)
      model.start(lease, nowMs, lease.ttl);
    lease.remainingTtl = remainingTtl;
    lease.checkpointProposed = false;
  }

  checkpoints(applies: boolean): void {
    const expected = this.model.isPrimary ? this.model.checkpointsDue(this.nowMs) : [];
    const given = [];
    // In bounded slices, to the end.
    for (;;) {
      const slice = this.lessor.checkpointsDue(this.nowMs, 2);
      assert(slice.length <= 2);
      given.push(...slice);
      if (slice.length < 2) break;
    }
    assert.deepEqual(given, expected);
    if (applies) for (const each of given) this.checkpoint(each.id, each.remainingTtl);
  }

  compare(): void {
    const { lessor, model, nowMs } = this;
    assert.equal(lessor.isPrimary, model.isPrimary);
    assert.equal(lessor.count, model.leases.length);
    const byExpiry = model.leases.toSorted(
      (a, b) => (model.isPrimary ? a.expiresAtMs - b.expiresAtMs : 0) || a.order - b.order,
    );
    assert.deepEqual(
      lessor.list(nowMs),
      byExpiry.map((lease) => lease.id),
    );
    for (const { id, ttl, remainingTtl, expiresAtMs } of model.leases) {
      assert(lessor.exists(id));
      const lease = lessor.lease(id)!;
      assert.deepEqual([lease.id, lease.ttl, lease.remainingTtl], [id, ttl, remainingTtl]);
      const left = lessor.remaining(id, nowMs);
      if (!model.isPrimary) assert.deepEqual(left, { error: 'not-primary' });
      else assert.deepEqual(left, { ttl: Math.trunc((expiresAtMs - nowMs) / 1000) + 0, granted: ttl });
    }
    const dues = model.leases.flatMap((lease) => [lease.askedAgainAtMs, lease.checkpointAtMs]);
    const foreseen = model.isPrimary ? Math.min(...dues) : Number.POSITIVE_INFINITY;
    assert.equal(lessor.isDue(nowMs), foreseen <= nowMs);
  }
}
