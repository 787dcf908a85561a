/**
 * One client that grants leases, puts a key on each, keeps some alive, looks whether the keys are still there, and revokes a few. It alone
 * uses its leases, one request at a time; one whose last request was not answered is left to its end.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { GrowingLife } from '../key-life.ts';
import type { Target } from '../workload.ts';
import { type GatewayAnswer, GatewayClient, type GatewayFields, numberOf } from './gateway-client.ts';
import { gatewayCall, kvAnswer } from './kv-gateway.ts';
import { type KvHistory, kvPrefix } from './kv-history.ts';
import { type KvRequest, single } from './kv-request.ts';

const answerBoundMs = 3_000;
const thinkMsMax = 120;
/** Seconds; with an election timeout of half a second less than 2 would be raised. */
const ttlMin = 2;
const ttlMax = 5;
const leasesAtATime = 8;

export interface LeasedLife extends GrowingLife {
  readonly lease: string;
  /** From here on it may be gone at any time. */
  isRevoked: boolean;
}

export class LeaseClient {
  readonly lives: LeasedLife[] = [];
  revoked = 0;
  readonly #id: number;
  readonly #history: KvHistory;
  readonly #random: SeededRandom;
  readonly #targets: () => readonly Target[];
  #open: LeasedLife[] = [];
  #isStopping = false;

  constructor(id: number, history: KvHistory, random: SeededRandom, targets: () => readonly Target[]) {
    this.#id = id;
    this.#history = history;
    this.#random = random;
    this.#targets = targets;
  }

  async run(): Promise<void> {
    while (!this.#isStopping) {
      const target = this.#random.pick(this.#targets());
      const client = new GatewayClient(target.clientUrl, answerBoundMs);
      while (!this.#isStopping && (await this.#ask(client, target.name)) && this.#random.below(20) > 0)
        await pause(1 + this.#random.below(thinkMsMax));
      client.close();
      await pause(1 + this.#random.below(thinkMsMax));
    }
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** False if the member does not serve well now. */
  async #ask(client: GatewayClient, member: string): Promise<boolean> {
    const random = this.#random;
    if (this.#open.length === 0 || (this.#open.length < leasesAtATime && random.below(3) === 0))
      return this.#grant(client, member);
    const life = random.pick(this.#open);
    const drawn = random.below(10);
    if (drawn < 4) return this.#keepAlive(client, member, life);
    if (drawn < 9) return this.#look(client, member, life);
    return this.#revoke(client, life);
  }

  async #grant(client: GatewayClient, member: string): Promise<boolean> {
    const ttlSeconds = ttlMin + this.#random.below(ttlMax - ttlMin + 1);
    const calledAtMs = performance.now();
    const said = await this.#call(client, '/v3/lease/grant', { TTL: String(ttlSeconds) });
    if (said?.fields === undefined) return false;
    const answeredAtMs = performance.now();
    if (numberOf(said.fields['TTL']) < ttlSeconds)
      this.#fault(`${member} grants less than ${ttlSeconds} s`, said);
    const life: LeasedLife = {
      key: `${kvPrefix}lease/${this.#id}.${this.lives.length}`,
      lease: String(said.fields['ID']),
      leases: [{ member, ttlSeconds, calledAtMs, answeredAtMs, expiresAtMs: undefined }],
      sightings: [],
      isRevoked: false,
    };
    this.lives.push(life);
    const put = single({ kind: 'put', key: life.key, value: life.key, lease: life.lease });
    const done = await this.#recorded(client, member, put);
    if (done === undefined) return false;
    if (done.fields !== undefined) this.#open.push(life);
    // On a slow machine the lease may have ended by now.
    else this.#gone(life, calledAtMs, 'a put did not find its lease');
    return true;
  }

  async #keepAlive(client: GatewayClient, member: string, life: LeasedLife): Promise<boolean> {
    const { ttlSeconds } = life.leases[0]!;
    const calledAtMs = performance.now();
    const said = await this.#call(client, '/v3/lease/keepalive', { ID: life.lease });
    const answeredAtMs = performance.now();
    if (said?.fields === undefined) {
      life.leases.push({ member, ttlSeconds, calledAtMs, answeredAtMs: undefined, expiresAtMs: undefined });
      this.#leave(life);
      return false;
    }
    // The answer for a lease that is not there has no TTL.
    if (numberOf(said.fields['TTL']) === 0)
      this.#gone(life, calledAtMs, 'a keep-alive did not find the lease');
    else life.leases.push({ member, ttlSeconds, calledAtMs, answeredAtMs, expiresAtMs: undefined });
    return true;
  }

  async #look(client: GatewayClient, member: string, life: LeasedLife): Promise<boolean> {
    const calledAtMs = performance.now();
    const said = await this.#recorded(client, member, single({ kind: 'range', key: life.key }));
    if (said?.fields === undefined) return false;
    if (numberOf(said.fields['count']) === 0) this.#gone(life, calledAtMs, 'a read found nothing');
    else {
      const answeredAtMs = performance.now();
      const leaseCount = life.leases.length;
      life.sightings.push({ isThere: true, calledAtMs, answeredAtMs, leaseCount, how: 'a read' });
    }
    return true;
  }

  async #revoke(client: GatewayClient, life: LeasedLife): Promise<boolean> {
    life.isRevoked = true;
    this.#leave(life);
    const said = await this.#call(client, '/v3/lease/revoke', { ID: life.lease });
    if (said?.isDefinite === true) this.revoked++;
    return said?.isDefinite === true;
  }

  /** Undefined without a definite answer. A request that was refused has no fields. */
  async #call(client: GatewayClient, path: string, body: GatewayFields): Promise<GatewayAnswer | undefined> {
    const said = await client.call(path, body).catch(() => undefined);
    if (said?.isDefinite === true) return said;
    this.#history.unanswered++;
    return undefined;
  }

  /** The same, into the history. */
  async #recorded(
    client: GatewayClient,
    member: string,
    request: KvRequest,
  ): Promise<GatewayAnswer | undefined> {
    const { path, body } = gatewayCall(request);
    const calledAt = performance.now();
    const said = await this.#call(client, path, body);
    const asked = { client: -1 - this.#id, member, request, calledAt };
    if (said === undefined)
      this.#history.record({ ...asked, answer: undefined, answeredAt: Number.POSITIVE_INFINITY });
    else if (said.fields !== undefined) {
      const answer = kvAnswer(request, said.fields);
      this.#history.record({ ...asked, answer, answeredAt: performance.now() });
    }
    return said;
  }

  #gone(life: LeasedLife, calledAtMs: number, how: string): void {
    const leaseCount = life.leases.length;
    life.sightings.push({ isThere: false, calledAtMs, answeredAtMs: performance.now(), leaseCount, how });
    this.#leave(life);
  }

  #leave(life: LeasedLife): void {
    this.#open = this.#open.filter((each) => each !== life);
  }

  #fault(what: string, said: GatewayAnswer): void {
    this.#history.fault(`${what}: ${JSON.stringify(said)}`);
  }
}
