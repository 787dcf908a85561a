/**
 * Do all members hold the same? Members that applied the same log give the same HashKV for the same revision and compaction. A member compares itself with
 * the others before it serves clients, and the leader compares all from time to time; whoever differs from a majority is named in the alarm CORRUPT, after
 * which nobody serves data until an operator has looked at it.
 */
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PeerNetwork } from '../../ports/peer-network.ts';
import { type MemberId, NO_MEMBER } from '../../raft/types.ts';
import type { MvccStore } from '../../store/mvcc/types.ts';
import { formatId } from '../../wire/id-text.ts';
import type { Cluster } from '../membership/cluster.ts';
import { computeHashKv, encodeHashQuestion, HASH_PATH, JSON_TYPE, readHashAnswer } from './hashes.ts';

export interface CorruptionCheckParts {
  readonly self: MemberId;
  readonly kv: MvccStore;
  readonly cluster: Cluster;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly log: Log;
  /** For each peer's answer; hashing much data takes its time. */
  readonly timeoutMs: number;
}

/** One member's hash of the revision asked about. */
interface MemberHash {
  readonly id: MemberId;
  readonly hash: number;
  readonly compactRevision: number;
}

export class CorruptionCheck {
  readonly #parts: CorruptionCheckParts;
  #running = false;

  constructor(parts: CorruptionCheckParts) {
    this.#parts = parts;
  }

  /** Calls back with the members that differ from this one at the same compaction: none is well, as is nobody to ask. */
  initial(done: (differing: readonly MemberId[]) => void): void {
    this.#gather((hashes) => {
      const own = hashes.find(({ id }) => id === this.#parts.self);
      const differing = hashes.filter(
        ({ hash, compactRevision }) =>
          own !== undefined && compactRevision === own.compactRevision && hash !== own.hash,
      );
      done(differing.map(({ id }) => id));
    });
  }

  /**
   * On the leader, now and then. Calls back with whom to raise the alarm about: NO_MEMBER if members differ and there is no majority to tell who is wrong;
   * undefined if all is well.
   */
  periodic(done: (suspect: MemberId | undefined) => void): void {
    if (this.#running) return;
    this.#running = true;
    this.#gather((hashes) => {
      this.#running = false;
      done(this.#suspect(hashes));
    });
  }

  #suspect(hashes: readonly MemberHash[]): MemberId | undefined {
    const { cluster, self, log } = this.#parts;
    const own = hashes.find(({ id }) => id === self);
    // Hashes are comparable only at the same compaction.
    const comparable = hashes.filter((each) => each.compactRevision === own?.compactRevision);
    const differing = comparable.filter((each) => each.hash !== own?.hash);
    if (differing.length === 0) return undefined;
    const quorum = Math.floor(cluster.members().length / 2) + 1;
    const agreed = comparable.find(
      ({ hash }) => comparable.filter((each) => each.hash === hash).length >= quorum,
    );
    const suspect = agreed === undefined ? undefined : comparable.find(({ hash }) => hash !== agreed.hash);
    log.error('members hold different data for the same revision', {
      hashes: comparable.map(({ id, hash }) => `${formatId(id)}: ${hash}`),
      suspect: suspect === undefined ? 'no majority tells' : formatId(suspect.id),
    });
    return suspect?.id ?? NO_MEMBER;
  }

  /** This member's hash of its newest revision, and those that others give for the same revision. */
  #gather(done: (hashes: readonly MemberHash[]) => void): void {
    const { kv, clock, cluster, self, network, log, timeoutMs } = this.#parts;
    const others = cluster.members().filter((member) => member.id !== self);
    if (others.length === 0) {
      done([]);
      return;
    }
    computeHashKv(kv, clock, 0, (own) => {
      if (!own.ok) {
        done([]);
        return;
      }
      const { hash, hashRevision, compactRevision } = own.value;
      const hashes: MemberHash[] = [{ id: self, hash, compactRevision }];
      let missing = others.length;
      for (const { id } of others) {
        const body = encodeHashQuestion(hashRevision);
        network.ask(
          id,
          { method: 'GET', path: HASH_PATH, contentType: JSON_TYPE, body, timeoutMs },
          (answer) => {
            const read = readHashAnswer(answer);
            if (typeof read === 'string') {
              log.info('a member gave no hash to compare', {
                peer: formatId(id),
                reason: read,
                revision: hashRevision,
              });
            } else hashes.push({ id, hash: read.hash, compactRevision: read.compactRevision });
            if (--missing === 0) done(hashes);
          },
        );
      }
    });
  }
}
