/** Who leads, since when, what that says about requests that were not answered, and how leadership is won and handed over. */
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { PeerNetwork } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import { type MemberId, NO_MEMBER, type Role } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import type { ServerErrorCode } from './contract.ts';
import type { Cluster } from './membership/cluster.ts';
import type { Timers } from './timers.ts';

/** A member that starts waits this long for the first peer to answer before it stops hurrying its first election. */
const FIRST_PEER_WAIT_MS = 5_000;

export interface LeadershipParts {
  readonly self: MemberId;
  readonly raft: RaftNode;
  readonly cluster: Cluster;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly tickMs: number;
  readonly electionTicks: number;
  /** Runs raft after it was told something. */
  readonly wake: () => void;
}

export class Leadership {
  readonly #parts: LeadershipParts;
  #leader: MemberId = NO_MEMBER;
  #sinceMs = 0;
  #sinceWallMs = 0;
  #changes = 0;
  #onChange: (() => void) | undefined;
  #endHandOver: ((handedOver: boolean) => void) | undefined;
  #stopped = false;

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
  }

  /** NO_MEMBER while there is none. */
  get leader(): MemberId {
    return this.#leader;
  }

  /** Wall time in milliseconds at which the present leader was first seen; 0 without one. */
  get sinceWallMs(): number {
    return this.#sinceWallMs;
  }

  /** Leaders seen so far. */
  get changes(): number {
    return this.#changes;
  }

  /** Raft said who leads. True if that is somebody new. */
  changed(role: Role, leader: MemberId, term: number): boolean {
    const isNew = leader !== this.#leader;
    if (isNew) {
      const { clock, log } = this.#parts;
      this.#leader = leader;
      this.#sinceWallMs = leader === NO_MEMBER ? 0 : clock.wallTimeMs();
      if (leader === NO_MEMBER) {
        log.info('lost the leader', { role, term });
      } else {
        this.#changes++;
        this.#sinceMs = clock.monotonicMs();
        log.info('elected leader', { role, term, leader: formatId(leader) });
      }
    }
    this.#onChange?.();
    return isNew && leader !== NO_MEMBER;
  }

  /** What most likely kept a request that began at `startedMs` from being answered. */
  timeoutCode(startedMs: number): ServerErrorCode {
    const { self, raft, cluster, network, tickMs, electionTicks } = this.#parts;
    const leaderLostMs = this.#sinceMs - 2 * electionTicks * tickMs;
    if (startedMs > leaderLostMs && startedMs < this.#sinceMs) return 'timeout-leader-failed';
    if (this.#leader === NO_MEMBER) return 'timeout';
    const connected = (id: MemberId): boolean => {
      const since = network.activeSinceMs(id);
      return id === self || (since !== undefined && since < startedMs);
    };
    if (raft.role !== 'leader') return connected(this.#leader) ? 'timeout' : 'timeout-connection-lost';
    const voters = cluster.votingMembers();
    const reachable = voters.filter((voter) => connected(voter.id)).length;
    return reachable >= Math.floor(voters.length / 2) + 1 ? 'timeout' : 'timeout-connection-lost';
  }

  /**
   * The first election need not wait for a whole timeout: alone there is nobody to wait for; else, with `advance`, most of
   * it is skipped once a peer answers (`--initial-election-tick-advance`).
   */
  hurryFirstElection(advance: boolean): void {
    const { raft, cluster, network, timers, tickMs, electionTicks, wake } = this.#parts;
    if (this.#stopped) return;
    const skip = (ticks: number): void => {
      for (let i = 0; i < ticks; i++) raft.tick();
      wake();
    };
    if (cluster.members().length <= 1) {
      raft.campaign();
      // If it may not yet (there is a change of the configuration to apply first), the timeout is nearly over.
      skip(electionTicks - 1);
      return;
    }
    if (!advance) return;
    let looksLeft = FIRST_PEER_WAIT_MS / tickMs;
    const look = (): void => {
      if (this.#leader !== NO_MEMBER || looksLeft-- <= 0) return;
      if (cluster.members().some((member) => network.activeSinceMs(member.id) !== undefined)) {
        skip(electionTicks - 2);
      } else timers.after(tickMs, look);
    };
    look();
  }

  /**
   * Hands the leadership to the most advanced voter and calls back when someone else leads, or when that was not to be
   * had within two election timeouts or before the server stopped. At once if this member does not lead or is alone.
   */
  handOver(done: (handedOver: boolean) => void): void {
    const { raft, log } = this.#parts;
    if (this.#stopped) {
      done(false);
      return;
    }
    const successor = raft.role === 'leader' ? this.#successor() : undefined;
    if (successor === undefined) {
      done(raft.role !== 'leader');
      return;
    }
    log.info('handing the leadership over', { to: formatId(successor) });
    this.transferTo(successor, () => done(raft.role !== 'leader'));
  }

  /**
   * Hands the leadership to this voter and calls back whether it has it, at the latest after the time in which an election would have been over. Only
   * on a leader.
   */
  transferTo(target: MemberId, done: (handedOver: boolean) => void): void {
    const { raft, timers, tickMs, electionTicks, wake } = this.#parts;
    if (this.#stopped || raft.role !== 'leader') {
      done(false);
      return;
    }
    if (target === this.#parts.self) {
      done(true);
      return;
    }
    this.#endHandOver?.(false);
    const finish = (handedOver: boolean): void => {
      timer.cancel();
      this.#onChange = undefined;
      this.#endHandOver = undefined;
      done(handedOver);
    };
    this.#endHandOver = finish;
    const timer = timers.after(2 * electionTicks * tickMs, () => finish(this.#leader === target));
    this.#onChange = () => {
      if (this.#leader !== NO_MEMBER && raft.role !== 'leader') finish(this.#leader === target);
    };
    raft.transferLeadership(target);
    wake();
  }

  /** Nothing more will come of a hand-over under way. */
  stop(): void {
    this.#stopped = true;
    this.#endHandOver?.(false);
  }

  /** The reachable voter whose log is the longest. */
  #successor(): MemberId | undefined {
    const { raft, network, self } = this.#parts;
    let best: MemberId | undefined;
    let bestMatch = -1;
    for (const [id, progress] of raft.status().progress) {
      if (id === self || progress.learner || network.activeSinceMs(id) === undefined) continue;
      if (progress.match <= bestMatch) continue;
      best = id;
      bestMatch = progress.match;
    }
    return best;
  }
}
