/**
 * A client that watches v3 keys: at one member until that ends, or now and then by its own will at another, where it goes on behind the last
 * revision it was told. Some are slow: they let the member wait for a while.
 */
import type { Watch, WatchEvent, WatchRequest } from '../../watch/types.ts';
import type { ObservedMember } from '../observed-member.ts';
import type { Dice } from '../seeded-random.ts';
import type { SimulatedHosts } from '../simulated-hosts.ts';
import type { V3WatchDelivered } from '../v3-observation.ts';
import { bytesOf, eventOf, rowOf } from '../v3-texts.ts';
import type { ClientPool } from './client-pool.ts';

const SPANS = [
  { key: 'a', end: 'z' },
  { key: 'a', end: 'z' },
  { key: 'a', end: 'c' },
  { key: 'b', end: '' },
  { key: 'l', end: 'm' },
] as const;
const POLL_MS = 250;
const LINK_MS = 1;
/** Mean time after which it changes to another member though nothing is wrong. */
const RESTLESS_MS = 15_000;
const PAUSE_MS_MAX = 4_000;
/** Watches are told apart from those of v2 by their numbers. */
const FIRST_NUMBER = 1_000;

interface Connection {
  readonly host: ObservedMember;
  readonly life: number;
  readonly leavesMs: number;
  watch: Watch | undefined;
}

export class SimulatedV3Watcher {
  readonly #id: number;
  readonly #name: string;
  readonly #hosts: SimulatedHosts;
  readonly #dice: Dice;
  readonly #pool: ClientPool;
  readonly #request: Omit<WatchRequest, 'startRevision'>;
  readonly #span: (typeof SPANS)[number];
  readonly #isSlow: boolean;
  #connection: Connection | undefined;
  /** All up to here is known; undefined before the first watch. */
  #told: number | undefined;

  constructor(id: number, hosts: SimulatedHosts, dice: Dice, pool: ClientPool) {
    this.#id = FIRST_NUMBER + id;
    this.#name = `v3-watcher-${id}`;
    this.#pool = pool;
    pool.join(this.#name);
    this.#hosts = hosts;
    this.#dice = dice;
    this.#span = dice.pick(SPANS)!;
    const filter = dice.pick(['none', 'none', 'none', 'put', 'delete'])!;
    this.#request = {
      key: bytesOf(this.#span.key),
      rangeEnd: bytesOf(this.#span.end),
      prevKv: dice.chance(0.5),
      noPut: filter === 'put',
      noDelete: filter === 'delete',
    };
    this.#isSlow = dice.chance(0.4);
  }

  start(): void {
    this.#look();
  }

  #look(): void {
    const { clock } = this.#hosts;
    clock.schedule(POLL_MS, () => this.#look());
    const connection = this.#connection;
    if (connection !== undefined) {
      const { host, life, leavesMs } = connection;
      const isGone = !host.isRunning || host.life !== life;
      if (isGone || clock.nowMs > leavesMs || !this.#reaches(host)) this.#leave(undefined);
    }
    if (this.#connection !== undefined) return;
    const host = this.#dice.pick(this.#hosts.running.filter(({ ready, isPaused }) => ready && !isPaused));
    if (host !== undefined && this.#reaches(host)) this.#begin(host);
  }

  #begin(host: ObservedMember): void {
    const { clock, recorder } = this.#hosts;
    const { v3 } = host.server;
    const { revision } = v3.kv;
    const since = this.#told === undefined ? 0 : this.#told + 1;
    const leavesMs = clock.nowMs + this.#dice.waitMs(RESTLESS_MS);
    const connection: Connection = { host, life: host.life, leavesMs, watch: undefined };
    this.#connection = connection;
    const { prevKv, noPut, noDelete } = this.#request;
    recorder.observe({
      kind: 'v3-watch-begun',
      ...this.#about(connection),
      ...this.#span,
      ...{ since, revision, prevKv, noPut, noDelete },
    });
    this.#told ??= revision;
    connection.watch = v3.watches.watch(
      { ...this.#request, startRevision: since },
      {
        events: (events, upTo) => {
          // Read now: their bytes are the member's.
          const heard = told(events);
          this.#arrive(connection, () => this.#hear(connection, heard, upTo));
          return !this.#pauses(connection);
        },
        compacted: (compactRevision) => {
          this.#arrive(connection, () => {
            this.#leave(compactRevision);
            this.#told = undefined;
          });
        },
      },
    );
  }

  /** On its way to the watcher, in order. What is on its way when the connection ends is lost. */
  #arrive(connection: Connection, hear: () => void): void {
    this.#hosts.clock.schedule(LINK_MS, () => {
      if (connection !== this.#connection) return;
      if (this.#reaches(connection.host)) hear();
      else this.#leave(undefined);
    });
  }

  #hear(connection: Connection, events: V3WatchDelivered['events'], revision: number): void {
    this.#hosts.recorder.observe({
      kind: 'v3-watch-delivered',
      ...this.#about(connection),
      events,
      revision,
    });
    this.#told = Math.max(this.#told ?? 0, revision);
  }

  /** A full buffer, which is emptied after a while. */
  #pauses(connection: Connection): boolean {
    if (!this.#isSlow || !this.#pool.isOpen || !this.#dice.chance(0.3)) return false;
    connection.host.process?.schedule(Math.min(PAUSE_MS_MAX, this.#dice.waitMs(800)), () =>
      connection.watch?.resume(),
    );
    return true;
  }

  #leave(compacted: number | undefined): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    if (connection.host.isRunning && connection.host.life === connection.life) connection.watch?.cancel();
    this.#hosts.recorder.observe({ kind: 'v3-watch-ended', ...this.#about(connection), compacted });
  }

  /** What the connection needs: both ways. */
  #reaches({ name }: ObservedMember): boolean {
    const { network } = this.#hosts;
    return (
      network.blockageOfWay(this.#name, name) === undefined &&
      network.blockageOfWay(name, this.#name) === undefined
    );
  }

  /** Watchers count as clients of their own, behind the others. */
  #about({ host, life }: Connection): {
    atMs: number;
    client: number;
    member: string;
    life: number;
    watcherId: number;
  } {
    const atMs = this.#hosts.clock.nowMs;
    return { atMs, client: 1_000 + this.#id, member: host.name, life, watcherId: this.#id };
  }
}

function told(events: readonly WatchEvent[]): V3WatchDelivered['events'] {
  return events.map((event) => ({ ...eventOf(event), previous: event.prevKv && rowOf(event.prevKv) }));
}
