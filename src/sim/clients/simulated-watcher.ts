/**
 * A client that watches: as a stream, or by asking again after each event with the next waitIndex, as v2 clients do. When its member
 * ends, or now and then by its own will, it goes on at another one from where it was.
 */

import type { V2Event, V2Watcher } from '../../store/v2/types.ts';
import { KEYS_ROOT, type ObservedMember, treeEventOf } from '../observed-member.ts';
import type { Dice } from '../seeded-random.ts';
import type { SimulatedHosts } from '../simulated-hosts.ts';
import type { ClientPool } from './client-pool.ts';

const PATHS = [
  { path: '/', recursive: true },
  { path: '/d', recursive: true },
  { path: '/d/a', recursive: false },
  { path: '/e', recursive: false },
  { path: '/queue', recursive: true },
] as const;
const POLL_MS = 250;
const LINK_MS = 1;
/** Mean time after which it changes to another member though nothing is wrong. */
const RESTLESS_MS = 15_000;

export class SimulatedWatcher {
  readonly #id: number;
  readonly #name: string;
  readonly #hosts: SimulatedHosts;
  readonly #dice: Dice;
  readonly #target: (typeof PATHS)[number];
  readonly #streams: boolean;
  #host: ObservedMember | undefined;
  #life = 0;
  #connection = 0;
  #watch: V2Watcher | undefined;
  #leavesMs = 0;
  /** modifiedIndex of the last event; undefined before the first watch. */
  #lastIndex: number | undefined;

  constructor(id: number, hosts: SimulatedHosts, dice: Dice, pool: ClientPool) {
    this.#id = id;
    this.#name = `watcher-${id}`;
    pool.join(this.#name);
    this.#hosts = hosts;
    this.#dice = dice;
    this.#target = dice.pick(PATHS)!;
    this.#streams = dice.chance(0.5);
  }

  start(): void {
    this.#look();
  }

  #look(): void {
    const { clock } = this.#hosts;
    clock.schedule(POLL_MS, () => this.#look());
    if (this.#host !== undefined) {
      const isGone = !this.#host.isRunning || this.#host.life !== this.#life;
      if (isGone || clock.nowMs > this.#leavesMs) this.#leave();
    }
    if (this.#host !== undefined) return;
    const host = this.#dice.pick(this.#hosts.running.filter(({ ready, isPaused }) => ready && !isPaused));
    if (host === undefined || !this.#reaches(host)) return;
    this.#host = host;
    this.#connection++;
    this.#life = host.life;
    this.#leavesMs = clock.nowMs + this.#dice.waitMs(RESTLESS_MS);
    this.#begin(host, this.#lastIndex === undefined ? 0 : this.#lastIndex + 1);
  }

  #begin(host: ObservedMember, sinceIndex: number): void {
    const { server } = host;
    const { path, recursive } = this.#target;
    // As in etcd a stream that begins in the past is told of one event only: it has to catch up by asking again.
    const streams = this.#streams && (sinceIndex === 0 || sinceIndex > server.store.currentIndex);
    // Events of the past are delivered before the watch is there.
    const early: V2Event[] = [];
    let begun = false;
    let outcome = server.store.watch(
      KEYS_ROOT + (path === '/' ? '' : path),
      recursive,
      streams,
      sinceIndex,
      (event) => {
        if (begun) this.#deliver(host, event, streams);
        else early.push(event);
      },
      server.nowNs(),
    );
    const resumes = outcome.error === undefined;
    if (outcome.error !== undefined) {
      outcome = server.store.watch(
        KEYS_ROOT + (path === '/' ? '' : path),
        recursive,
        this.#streams,
        0,
        (event) => this.#deliver(host, event, this.#streams),
        server.nowNs(),
      );
    }
    if (outcome.watcher === undefined)
      throw new Error(`a watch from now on was refused: ${outcome.error.message}`);
    this.#watch = outcome.watcher;
    const { startIndex } = outcome.watcher;
    this.#hosts.recorder.observe({
      kind: 'watch-begun',
      ...this.#about(host),
      watcherId: this.#id,
      path,
      recursive,
      sinceIndex,
      startIndex,
      resumes,
    });
    if (this.#lastIndex === undefined || !resumes) this.#lastIndex = startIndex;
    begun = true;
    for (const event of early) this.#deliver(host, event, streams);
  }

  /** On its way to the watcher, in order. What is on its way when the connection ends is lost. */
  #deliver(host: ObservedMember, event: V2Event, streams: boolean): void {
    const connection = this.#connection;
    this.#hosts.clock.schedule(LINK_MS, () => {
      if (this.#host === undefined || connection !== this.#connection) return;
      if (this.#reaches(host)) this.#hear(host, event, streams);
      else this.#leave();
    });
  }

  #hear(host: ObservedMember, event: V2Event, streams: boolean): void {
    this.#hosts.recorder.observe({
      kind: 'watch-delivered',
      ...this.#about(host),
      watcherId: this.#id,
      event: treeEventOf(event),
    });
    this.#lastIndex = Math.max(this.#lastIndex ?? 0, event.node.modifiedIndex);
    if (streams) return;
    // The answer travels, and the next question does.
    this.#watch = undefined;
    const connection = this.#connection;
    host.process?.schedule(this.#dice.between(0.2, 5), () => {
      if (this.#host !== undefined && connection === this.#connection && host.isRunning) {
        if (this.#reaches(host)) this.#begin(host, this.#lastIndex! + 1);
        else this.#leave();
      }
    });
  }

  #leave(): void {
    const host = this.#host;
    if (host === undefined) return;
    this.#watch?.remove();
    this.#watch = undefined;
    this.#hosts.recorder.observe({ kind: 'watch-ended', ...this.#about(host), watcherId: this.#id });
    this.#host = undefined;
  }

  /** What the connection needs: both ways. */
  #reaches({ name }: ObservedMember): boolean {
    const { network } = this.#hosts;
    const ways = [
      [this.#name, name],
      [name, this.#name],
    ] as const;
    return ways.every(([from, to]) => network.blockageOfWay(from, to) === undefined);
  }

  /** Watchers count as clients of their own, behind the others. */
  #about(host: ObservedMember): { atMs: number; client: number; member: string; life: number } {
    return { atMs: this.#hosts.clock.nowMs, client: 1_000 + this.#id, member: host.name, life: this.#life };
  }
}
