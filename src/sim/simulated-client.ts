/**
 * A client: one operation at a time, at one member until that disappoints it, then at another. It gives up on an answer before long,
 * and does then not know what became of the operation.
 */
import { outcomeOf, requestOf } from './client-operation.ts';
import type { ClientOperation, ClientOutcome } from './observation.ts';
import { KEYS_ROOT, type ObservedMember } from './observed-member.ts';
import type { Dice } from './seeded-random.ts';
import type { SimulatedHosts } from './simulated-hosts.ts';

/** Longer than the server's own limit, so that its answer is usually heard. */
const PATIENCE_MS = 9_000;
const LINK_MS_MAX = 3;
const KEYS = ['/d/a', '/d/b', '/d/c', '/e'] as const;
const TTL_KEYS = ['/ttl/a', '/ttl/b'] as const;
const QUEUE = '/queue';

/** What all clients of a run have in common. */
export class ClientPool {
  /** Operations so far, which also makes values that nobody wrote before. */
  operations = 0;
  acknowledgedWrites = 0;
  thinkMs: number;
  isOpen = true;

  constructor(thinkMs: number) {
    this.thinkMs = thinkMs;
  }
}

export class SimulatedClient {
  readonly #number: number;
  readonly #hosts: SimulatedHosts;
  readonly #dice: Dice;
  readonly #pool: ClientPool;
  #host: ObservedMember | undefined;
  /** What it last saw of each key, to compare with. */
  readonly #seen = new Map<string, { readonly value: string; readonly modifiedIndex: number }>();

  constructor(number: number, hosts: SimulatedHosts, dice: Dice, pool: ClientPool) {
    this.#number = number;
    this.#hosts = hosts;
    this.#dice = dice;
    this.#pool = pool;
  }

  start(): void {
    this.#hosts.clock.schedule(this.#dice.waitMs(this.#pool.thinkMs), () => this.#next());
  }

  #next(): void {
    if (!this.#pool.isOpen) return;
    const host = this.#chooseHost();
    if (host === undefined) {
      this.start();
      return;
    }
    const operationId = ++this.#pool.operations;
    this.#ask(host, operationId, this.#draw(`${operationId}`));
  }

  #chooseHost(): ObservedMember | undefined {
    if (this.#host === undefined || !this.#host.ready || this.#dice.chance(0.05)) {
      this.#host = this.#dice.pick(this.#hosts.running.filter(({ ready }) => ready));
    }
    return this.#host;
  }

  #draw(value: string): ClientOperation {
    const key = this.#dice.pick(KEYS)!;
    const seen = this.#seen.get(key);
    const draw = this.#dice.below(100);
    if (draw < 25) return { kind: 'put', key, value, ttlMs: undefined };
    if (draw < 45) return { kind: 'quorum-get', key };
    if (draw < 52) return { kind: 'get', key };
    if (draw < 67 && seen !== undefined) {
      const byIndex = this.#dice.chance(0.5);
      const [prevValue, prevIndex] = byIndex ? ['', seen.modifiedIndex] : [seen.value, 0];
      return { kind: 'compare-and-swap', key, value, prevValue, prevIndex };
    }
    if (draw < 72 && seen !== undefined) {
      return { kind: 'compare-and-delete', key, prevValue: '', prevIndex: seen.modifiedIndex };
    }
    if (draw < 78) return { kind: 'create', key, value };
    if (draw < 83) return { kind: 'update', key, value };
    if (draw < 87) return { kind: 'delete', key };
    if (draw < 93) return { kind: 'append', key: QUEUE, value };
    const ttlMs = this.#dice.pick([500, 2_000, 10_000])!;
    return { kind: 'put', key: this.#dice.pick(TTL_KEYS)!, value, ttlMs };
  }

  #ask(host: ObservedMember, operationId: number, operation: ClientOperation): void {
    const { clock, recorder } = this.#hosts;
    const about = { client: this.#number, member: host.name, life: host.life };
    recorder.observe({
      kind: 'operation-invoked',
      atMs: clock.nowMs,
      ...about,
      operationId,
      operation,
    });
    let isOver = false;
    const finish = (outcome: ClientOutcome): void => {
      if (isOver) return;
      isOver = true;
      patience.cancel();
      recorder.observe({
        kind: 'operation-returned',
        atMs: clock.nowMs,
        ...about,
        operationId,
        operation,
        outcome,
      });
      this.#learn(operation, outcome);
      this.start();
    };
    const answer = (outcome: ClientOutcome): void => {
      clock.schedule(this.#linkMs(), () => finish(outcome));
    };
    const patience = clock.schedule(PATIENCE_MS, () => finish({ kind: 'unknown', reason: 'no answer' }));
    const { process } = host;
    clock.schedule(this.#linkMs(), () => {
      if (process === undefined || process !== host.process || !host.isRunning) {
        answer({ kind: 'unknown', reason: 'connection refused' });
      } else process.run(() => this.#serve(host, operation, answer));
    });
  }

  /** In the server's process. */
  #serve(host: ObservedMember, operation: ClientOperation, answer: (outcome: ClientOutcome) => void): void {
    if (!host.isRunning) return;
    const { server } = host;
    const nowNs = server.nowNs();
    if (operation.kind === 'get') {
      const value = server.store.get(KEYS_ROOT + operation.key, false, false, nowNs);
      answer(outcomeOf({ ok: true, value }, 0));
      return;
    }
    const isRead = operation.kind === 'quorum-get';
    server.submitV2(requestOf(operation, nowNs), (submitted) => {
      // The callback comes while the write's entry is being applied.
      answer(outcomeOf(submitted, isRead ? 0 : server.appliedIndex + 1));
    });
  }

  #learn(operation: ClientOperation, outcome: ClientOutcome): void {
    if (outcome.kind === 'unknown') {
      this.#host = undefined;
      return;
    }
    const isRead = operation.kind === 'get' || operation.kind === 'quorum-get';
    if (outcome.kind === 'done' && !isRead) this.#pool.acknowledgedWrites++;
    if (outcome.kind === 'done' && outcome.value !== undefined) {
      const { value, modifiedIndex } = outcome;
      this.#seen.set(operation.key, { value, modifiedIndex });
    } else if (outcome.kind === 'done') this.#seen.delete(operation.key);
  }

  #linkMs(): number {
    return this.#dice.between(0.1, LINK_MS_MAX);
  }
}
