/**
 * A client: one operation at a time, at one member until that disappoints it, then at another. It gives up on an answer before long,
 * and does then not know what became of the operation. The ways between it and the members can be blocked, each way by itself.
 */
import type { ObservedMember } from '../observed-member.ts';
import type { Dice } from '../seeded-random.ts';
import type { SimulatedHosts } from '../simulated-hosts.ts';
import type { CallOutcome, ClientApi, ClientCall } from './client-api.ts';
import type { ClientPool } from './client-pool.ts';

/** Longer than the server's own limit, so that its answer is usually heard. */
const PATIENCE_MS = 9_000;
const LINK_MS_MAX = 3;
/** Small values are the common ones, whatever the longest. */
const LARGE_SHARE = 0.15;

export interface ClientHabits {
  readonly number: number;
  readonly api: ClientApi;
  /** The longest value it writes, in bytes; 0: just long enough to be a new one. */
  readonly valueBytes: number;
  /** Its mean pause between two operations, if that of all clients is longer. */
  readonly thinkMsMax?: number;
}

export class SimulatedClient {
  readonly #name: string;
  readonly #habits: ClientHabits;
  readonly #hosts: SimulatedHosts;
  readonly #dice: Dice;
  readonly #pool: ClientPool;
  #host: ObservedMember | undefined;

  constructor(habits: ClientHabits, hosts: SimulatedHosts, dice: Dice, pool: ClientPool) {
    this.#name = `client-${habits.number}`;
    this.#habits = habits;
    this.#hosts = hosts;
    this.#dice = dice;
    this.#pool = pool;
    pool.join(this.#name);
  }

  start(): void {
    this.#hosts.clock.schedule(this.#dice.waitMs(this.#thinkMs), () => this.#next());
  }

  #next(): void {
    if (!this.#pool.isOpen) return;
    const host = this.#chooseHost();
    if (host === undefined) {
      this.start();
      return;
    }
    const operationId = ++this.#pool.operations;
    this.#ask(host, operationId, this.#habits.api.draw(this.#value(operationId), operationId));
  }

  #value(operationId: number): string {
    const { valueBytes } = this.#habits;
    const length = valueBytes > 0 && this.#dice.chance(LARGE_SHARE) ? this.#dice.below(valueBytes) : 0;
    return `${operationId}`.padEnd(length, '.');
  }

  #chooseHost(): ObservedMember | undefined {
    if (this.#host === undefined || !this.#host.ready || this.#dice.chance(0.05)) {
      this.#host = this.#dice.pick(this.#hosts.running.filter(({ ready }) => ready));
    }
    return this.#host;
  }

  #ask(host: ObservedMember, operationId: number, call: ClientCall): void {
    const { clock, network, recorder } = this.#hosts;
    const site = { client: this.#habits.number, member: host.name, life: host.life, operationId };
    recorder.observe(call.invoked(site, clock.nowMs));
    let isOver = false;
    const finish = (outcome: CallOutcome): void => {
      if (isOver) return;
      isOver = true;
      patience.cancel();
      recorder.observe(call.returned(site, clock.nowMs, outcome));
      this.#hear(call, outcome);
      this.start();
    };
    // On its way one way; a cut is noticed at once, a way that hangs by the client's patience alone.
    const carry = (from: string, to: string, arrive: () => void): void => {
      clock.schedule(this.#linkMs(), () => {
        const blockage = network.blockageOfWay(from, to);
        if (blockage === undefined) arrive();
        else if (blockage === 'cut') finish({ kind: 'unknown', reason: 'connection broken' });
      });
    };
    const answer = (outcome: CallOutcome): void => carry(host.name, this.#name, () => finish(outcome));
    const patience = clock.schedule(PATIENCE_MS, () => finish({ kind: 'unknown', reason: 'no answer' }));
    const { process } = host;
    carry(this.#name, host.name, () => {
      if (process === undefined || process !== host.process || !host.isRunning) {
        answer({ kind: 'unknown', reason: 'connection refused' });
      } else {
        process.run(() => {
          if (host.isRunning) call.serve(host, answer);
        });
      }
    });
  }

  #hear(call: ClientCall, outcome: CallOutcome): void {
    if (outcome.kind === 'unknown') this.#host = undefined;
    if (outcome.kind === 'done' && call.isWrite) this.#pool.acknowledged[this.#habits.api.version]++;
    call.heard(outcome);
  }

  get #thinkMs(): number {
    return Math.min(this.#pool.thinkMs, this.#habits.thinkMsMax ?? Number.POSITIVE_INFINITY);
  }

  #linkMs(): number {
    return this.#dice.between(0.1, LINK_MS_MAX);
  }
}
