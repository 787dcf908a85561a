/** Renewals on their way to the leader: one question for those of a turn, one each if the leader is an etcd, and what is asked again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerAnswer, PeerNetwork } from '../../src/ports/peer-network.ts';
import { NO_MEMBER } from '../../src/raft/types.ts';
import { ForwardedRenewals } from '../../src/server/v3/forwarded-renewals.ts';
import {
  ASK_ALONE,
  decodeRenew,
  decodeRenewSeveral,
  encodeRenewed,
  encodeRenewedSeveral,
} from '../../src/server/v3/lease-questions.ts';
import { HandClock } from '../net/clocks.ts';

const SELF = 1n;
const LEADER = 2n;
const NOT_FOUND: PeerAnswer = { status: 404, body: new Uint8Array(0) };

class World {
  leader = LEADER;
  readonly told: string[] = [];
  readonly asked: {
    readonly what: string;
    readonly ids: bigint[];
    readonly answer: (answer: PeerAnswer) => void;
  }[] = [];
  #deferred: (() => void)[] = [];
  readonly forwarded = new ForwardedRenewals({
    network: {
      ask: (to, { path, body }, answer) => {
        const ids = path === '/leases' ? [decodeRenew(body)] : decodeRenewSeveral(body);
        this.asked.push({ what: `${to} ${path} ${ids.join(' ')}`, ids, answer });
      },
    } as Partial<PeerNetwork> as PeerNetwork,
    clock: Object.assign(new HandClock(), {
      defer: (callback: () => void) => void this.#deferred.push(callback),
    }),
    self: SELF,
    leader: () => this.leader,
    again: ({ id }, startedMs) => this.told.push(`${id} again ${startedMs}`),
  });

  /** Renewals that began at `id` milliseconds, in one turn. */
  turn(...ids: readonly bigint[]): void {
    for (const id of ids) {
      const renewed = (ttl: number): unknown => this.told.push(`${id} ${ttl}`);
      this.forwarded.add(
        { id, renewed, failed: (error) => this.told.push(`${id} ${error.code}`) },
        Number(id),
      );
    }
    for (const callback of this.#deferred.splice(0)) callback();
  }
  questions(): string[] {
    return this.asked.map(({ what }) => what);
  }
  hear(): string[] {
    return this.told.splice(0);
  }
}

function several(...ttls: readonly number[]): PeerAnswer {
  return { status: 200, body: encodeRenewedSeveral(ttls) };
}

describe('renewals for another member', () => {
  it('go with one question a turn, and one alone as etcd asks it', () => {
    const world = new World();
    world.turn(5n, 6n, 5n);
    world.turn(7n);
    assert.deepEqual(world.questions(), ['2 /leases/several 5 6 5', '2 /leases 7']);
    world.asked[1]!.answer({ status: 200, body: encodeRenewed(7n, 70) });
    world.asked[0]!.answer(several(50, 0, 51));
    assert.deepEqual(world.hear(), ['7 70', '5 50', '6 0', '5 51']);
  });

  it('go with several questions when they are very many', () => {
    const world = new World();
    world.turn(...Array.from({ length: 2_500 }, (_, i) => BigInt(i + 1)));
    assert.deepEqual(
      world.asked.map(({ ids }) => [ids[0], ids.length]),
      [
        [1n, 1000],
        [1001n, 1000],
        [2001n, 500],
      ],
    );
  });

  it('are asked for alone where the answer takes time', () => {
    const world = new World();
    world.turn(5n, 6n);
    world.asked[0]!.answer(several(50, ASK_ALONE));
    assert.deepEqual(world.hear(), ['5 50']);
    assert.equal(world.questions()[1], '2 /leases 6');
    world.asked[1]!.answer(NOT_FOUND);
    assert.deepEqual(world.hear(), ['6 0'], 'the lease is gone');
  });

  it('are asked for alone of a leader that knows nothing else, until another leads', () => {
    const world = new World();
    world.turn(5n, 6n);
    world.asked[0]!.answer(NOT_FOUND);
    world.turn(7n, 8n);
    assert.deepEqual(world.questions().slice(1), [
      '2 /leases 5',
      '2 /leases 6',
      '2 /leases 7',
      '2 /leases 8',
    ]);
    world.forwarded.leadershipChanged();
    world.turn(9n, 10n);
    assert.equal(world.questions()[5], '2 /leases/several 9 10');
    assert.deepEqual(world.hear(), []);
  });

  it('are asked for again after an answer that is none', () => {
    const world = new World();
    const none: readonly PeerAnswer[] = [
      { status: undefined, reason: 'no answer within 2000 ms' },
      { status: 400, body: new Uint8Array(0) },
      { status: 200, body: Uint8Array.of(0xff) },
      several(50),
    ];
    for (const answer of none) {
      world.turn(5n, 6n);
      world.asked.at(-1)!.answer(answer);
      assert.deepEqual(world.hear(), ['5 again 5', '6 again 6']);
    }
    for (const answer of none.slice(0, 3)) {
      world.turn(5n);
      world.asked.at(-1)!.answer(answer);
      assert.deepEqual(world.hear(), ['5 again 5']);
    }
  });

  it('wait when nobody leads any more, or this member does', () => {
    const world = new World();
    for (const leader of [NO_MEMBER, SELF]) {
      world.leader = leader;
      world.turn(5n, 6n);
      assert.deepEqual(world.hear(), ['5 again 5', '6 again 6']);
    }
    assert.deepEqual(world.asked, []);
  });
});
