import type { Clock } from '../ports/clock.ts';
import type { PeerHandlers } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';

/**
 * Bad news for raft, kept until the end of the turn: raft calls `send` while it hands out work, and must not be called back from
 * inside. Many drops to one peer in a turn are one report.
 */
export class DeferredReports {
  readonly #clock: Clock;
  readonly #handlers: () => PeerHandlers;
  readonly #unreachable = new Set<MemberId>();
  #snapshots: { readonly id: MemberId; readonly ok: boolean }[] = [];
  #scheduled = false;
  #closed = false;

  constructor(clock: Clock, handlers: () => PeerHandlers) {
    this.#clock = clock;
    this.#handlers = handlers;
  }

  unreachable(id: MemberId): void {
    this.#unreachable.add(id);
    this.#schedule();
  }

  snapshot(id: MemberId, ok: boolean): void {
    this.#snapshots.push({ id, ok });
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#clock.defer(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const handlers = this.#handlers();
    const unreachable = [...this.#unreachable];
    const snapshots = this.#snapshots;
    this.#unreachable.clear();
    this.#snapshots = [];
    for (const id of unreachable) handlers.onUnreachable(id);
    for (const { id, ok } of snapshots) handlers.onSnapshotSent(id, ok);
  }
}
