/**
 * One client that makes keys with a TTL, prolongs some of them, and looks whether they are still there. It alone writes its keys, one request
 * at a time; a key whose last request was not answered is left to its end.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { nodeOf, type V2Answer, V2Client } from '../../test/support/v2-client.ts';
import type { GrowingLife } from '../key-life.ts';
import type { Target } from '../workload.ts';

export const expiringFolder = '/ttl';

const answerBoundMs = 3_000;
const thinkMsMax = 120;
const ttlSecondsMax = 5;
/** More than these are not made at a time: the older ones are prolonged or watched. */
const keysAtATime = 12;
const faultsKept = 20;

export class TtlClient {
  readonly lives: GrowingLife[] = [];
  readonly faults: string[] = [];
  lastWriteCalledAtMs = Number.NEGATIVE_INFINITY;
  readonly #id: number;
  readonly #random: SeededRandom;
  readonly #targets: () => readonly Target[];
  #open: GrowingLife[] = [];
  #isStopping = false;

  constructor(id: number, random: SeededRandom, targets: () => readonly Target[]) {
    this.#id = id;
    this.#random = random;
    this.#targets = targets;
  }

  async run(): Promise<void> {
    while (!this.#isStopping) {
      const target = this.#random.pick(this.#targets());
      const client = new V2Client(target.clientUrl, answerBoundMs);
      while (!this.#isStopping && (await this.#ask(target, client)) && this.#random.below(20) > 0)
        await pause(1 + this.#random.below(thinkMsMax));
      client.close();
      await pause(1 + this.#random.below(thinkMsMax));
    }
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** False if the member does not serve well now. */
  async #ask(target: Target, client: V2Client): Promise<boolean> {
    const random = this.#random;
    if (this.#open.length === 0 || (this.#open.length < keysAtATime && random.below(3) === 0)) {
      const life = { key: `${expiringFolder}/${this.#id}.${this.lives.length}`, leases: [], sightings: [] };
      this.lives.push(life);
      this.#open.push(life);
      return this.#lease(target, client, life, 'prevExist=false');
    }
    const life = random.pick(this.#open);
    return random.below(3) === 0
      ? this.#lease(target, client, life, 'prevExist=true&refresh=true')
      : this.#look(client, life);
  }

  async #lease(target: Target, client: V2Client, life: GrowingLife, how: string): Promise<boolean> {
    const ttlSeconds = 1 + this.#random.below(ttlSecondsMax);
    const isNew = life.leases.length === 0;
    const calledAtMs = performance.now();
    const asked = { member: target.name, ttlSeconds, calledAtMs };
    const form = { ttl: String(ttlSeconds), ...(isNew ? { value: life.key } : {}) };
    const answer = await client
      .send('PUT', `/v2/keys${life.key}?${how}`, new URLSearchParams(form).toString())
      .catch(() => undefined);
    const answeredAtMs = performance.now();
    if (answer === undefined || answer.status >= 500) {
      life.leases.push({ ...asked, answeredAtMs: undefined, expiresAtMs: undefined });
      this.#leave(life);
      return false;
    }
    if (answer.status === 404 && !isNew) {
      this.#gone(life, calledAtMs, 'a refresh found nothing');
    } else if (answer.status === 200 || answer.status === 201) {
      const expiresAtMs = Date.parse(nodeOf(answer).expiration ?? '') - Date.now() + performance.now();
      if (Number.isNaN(expiresAtMs)) this.#fault(`no expiration in ${answer.text}`);
      life.leases.push({ ...asked, answeredAtMs, expiresAtMs });
      this.lastWriteCalledAtMs = calledAtMs;
    } else this.#unexpected(life, answer);
    return true;
  }

  async #look(client: V2Client, life: GrowingLife): Promise<boolean> {
    const calledAtMs = performance.now();
    const answer = await client.get(`/v2/keys${life.key}?quorum=true`).catch(() => undefined);
    if (answer === undefined || answer.status >= 500) return false;
    if (answer.status === 404) {
      this.#gone(life, calledAtMs, 'a quorum read found nothing');
    } else if (answer.status === 200 && nodeOf(answer).value === life.key) {
      const leaseCount = life.leases.length;
      const answeredAtMs = performance.now();
      life.sightings.push({ isThere: true, calledAtMs, answeredAtMs, leaseCount, how: 'a quorum read' });
    } else this.#unexpected(life, answer);
    return true;
  }

  #gone(life: GrowingLife, calledAtMs: number, how: string): void {
    const leaseCount = life.leases.length;
    life.sightings.push({ isThere: false, calledAtMs, answeredAtMs: performance.now(), leaseCount, how });
    this.#leave(life);
  }

  #leave(life: GrowingLife): void {
    this.#open = this.#open.filter((each) => each !== life);
  }

  #unexpected(life: GrowingLife, { status, text }: V2Answer): void {
    this.#fault(`unexpected answer about ${life.key}: ${status} ${text}`);
    this.#leave(life);
  }

  #fault(what: string): void {
    if (this.faults.length < faultsKept) this.faults.push(what);
  }
}
