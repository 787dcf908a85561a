/**
 * A member of one without a log: what is proposed is applied to a real store at once, and watches are real. Times of leases and reads are the test's.
 */
import { RpcContext, type V3Backed } from '../../../../src/api/v3/rpc-context.ts';
import { NO_MEMBER } from '../../../../src/raft/types.ts';
import type { ServerError, Submitted } from '../../../../src/server/contract.ts';
import { serverError } from '../../../../src/server/errors.ts';
import type {
  DowngradeControl,
  LeaseRenewal,
  LeaseTimes,
  V3Answer,
  V3Maintenance,
  V3Outcome,
  V3Server,
} from '../../../../src/server/v3-contract.ts';
import { createMvccStore } from '../../../../src/store/mvcc/create-mvcc-store.ts';
import type { MvccStore } from '../../../../src/store/mvcc/types.ts';
import { createWatchHub } from '../../../../src/watch/create-watch-hub.ts';
import type { WatchHub } from '../../../../src/watch/types.ts';
import type { V3Request } from '../../../../src/wire/v3/kv-types.ts';
import { HandClock } from '../../../net/clocks.ts';
import { NaiveBackend } from '../../../store/mvcc/naive-backend.ts';
import { FakeServer } from '../../support/fake-server.ts';

function refuse(): never {
  throw new Error('not asked for here');
}

class FakeV3 implements V3Server {
  readonly leasesGranted = new Set<bigint>();
  readonly kv: MvccStore;
  readonly watches: WatchHub;
  /** Judged by tests of the server. */
  readonly counts = { puts: 0, deletes: 0, txns: 0, leasesGranted: 0, leasesRevoked: 0 };
  readonly downgrade: DowngradeControl = { validate: refuse, enable: refuse, cancel: refuse };
  /** Renewals that were asked for and not answered yet, in order. */
  readonly renewals: LeaseRenewal[] = [];
  /** The next proposals fail with it. */
  failure: ServerError | undefined;
  #nextLease = 1000n;

  constructor() {
    this.kv = createMvccStore(new NaiveBackend(), { leases: { exists: (id) => this.leasesGranted.has(id) } });
    this.watches = createWatchHub(this.kv, {});
    this.kv.onRevision((events) => this.watches.append(events));
  }

  propose(request: V3Request, _: unknown, done: (outcome: Submitted<V3Outcome>) => void): void {
    if (this.failure === undefined) done({ ok: true, value: this.#apply(request) });
    else done({ ok: false, error: this.failure });
  }
  compact(revision: number, physical: boolean, done: (outcome: Submitted<V3Outcome>) => void): void {
    this.propose({ kind: 'compaction', request: { revision, physical } }, undefined, done);
  }
  grantLease(id: bigint, ttl: number, done: (outcome: Submitted<V3Outcome>) => void): void {
    const chosen = id === 0n ? this.#nextLease++ : id;
    this.propose({ kind: 'lease-grant', request: { id: chosen, ttl } }, undefined, done);
  }
  renewLease(renewal: LeaseRenewal): void {
    this.renewals.push(renewal);
  }
  leaseTimes(_: bigint, __: boolean, done: (answer: V3Answer<LeaseTimes>) => void): void {
    done({ ok: false, error: { kind: 'error', code: 'lease-not-found' } });
  }
  leases(done: (answer: V3Answer<readonly bigint[]>) => void): void {
    done({ ok: true, value: [...this.leasesGranted] });
  }
  alarms(): [] {
    return [];
  }
  hashKv(): void {
    throw new Error('not asked for here');
  }

  #apply(request: V3Request): V3Outcome {
    switch (request.kind) {
      case 'put':
        return this.kv.put(request.request);
      case 'delete-range':
        return this.kv.deleteRange(request.request);
      case 'txn':
        return this.kv.txn(request.request);
      case 'compaction': {
        const result = this.kv.compact(request.request);
        return result.kind === 'error' ? result : { kind: 'compaction', revision: this.kv.revision };
      }
      case 'lease-grant':
        this.leasesGranted.add(request.request.id);
        return { kind: 'lease-grant', ...request.request, revision: this.kv.revision };
      case 'lease-revoke':
        this.kv.deleteLeaseKeys(request.request.id);
        this.leasesGranted.delete(request.request.id);
        return { kind: 'lease-revoke', revision: this.kv.revision };
      default:
        throw new Error(`${request.kind} is not asked for here`);
    }
  }
}

export class FakeMember {
  readonly clock = new HandClock();
  readonly v3 = new FakeV3();
  readonly server = new FakeServer();
  readonly context: RpcContext;
  /** Reads that wait for their index; undefined: they are served at once. */
  reads: ((error: ServerError | undefined) => void)[] | undefined;

  constructor() {
    const server = Object.assign(this.server, {
      v3: this.v3 as V3Server,
      maintenance: {} as V3Maintenance,
      awaitReadIndex: (done: (error: ServerError | undefined) => void) => {
        if (this.reads === undefined) done(undefined);
        else this.reads.push(done);
      },
    });
    this.context = new RpcContext(server as V3Backed, this.clock, 1000);
  }

  loseLeader(): void {
    this.server.leaderId = NO_MEMBER;
  }

  /** Delivers to watches until nothing is left to deliver. */
  deliver(): void {
    while (this.v3.watches.turn()) {
      // More is left.
    }
  }

  static readonly timeout: ServerError = serverError('timeout');
}
