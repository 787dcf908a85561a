/**
 * The version all members can speak, decided by the leader: the lowest of the members' server versions. It goes down only to the target of a downgrade, and
 * where a leader runs an older version than the cluster's: it has taken over the directory of a newer etcd, and others like it could not join.
 * Members ask it before they join; the log holds it below /0.
 */
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ClusterProbe } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';
import type { Cluster } from './membership/cluster.ts';

const CHECK_INTERVAL_MS = 5_000;
const PROBE_TIMEOUT_MS = 5_000;
/** What is decided while some member can't be asked, as etcd does. */
const LOWEST_VERSION = '3.0.0';

export interface ClusterVersionParts {
  readonly cluster: Cluster;
  readonly self: MemberId;
  readonly serverVersion: string;
  /** 'major.minor.0' that the cluster is to go back to; undefined: it is not. */
  readonly downgradeTarget: () => string | undefined;
  readonly probe: ClusterProbe;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeader: () => boolean;
  /** Replicates the decision. */
  readonly propose: (version: string) => void;
}

export class ClusterVersionMonitor {
  readonly #parts: ClusterVersionParts;
  #timer: Timer | undefined;
  #checking = false;
  #stopped = false;

  constructor(parts: ClusterVersionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#parts.clock.schedule(CHECK_INTERVAL_MS, () => {
      this.check();
      if (!this.#stopped) this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Called on a timer and when a leader has committed the first entry of its term. */
  check(): void {
    if (this.#checking || this.#stopped || !this.#parts.isLeader()) return;
    this.#checking = true;
    void this.#decide().then((version) => {
      this.#checking = false;
      if (this.#stopped || !this.#parts.isLeader()) return;
      const current = this.#parts.cluster.version;
      if (current === undefined) this.#parts.propose(version ?? LOWEST_VERSION);
      else if (version !== undefined && this.#isDue(current, version)) this.#parts.propose(version);
    });
  }

  #isDue(current: string, version: string): boolean {
    const { serverVersion, downgradeTarget } = this.#parts;
    const order = compareVersions(current, version);
    if (order <= 0) return order < 0;
    return version === downgradeTarget() || compareVersions(serverVersion, current) < 0;
  }

  /** 'major.minor.0' of the lowest server version; undefined if some member did not answer. */
  async #decide(): Promise<string | undefined> {
    const { cluster, self, serverVersion, probe, log } = this.#parts;
    const versions = await Promise.all(
      cluster.members().map(async (member) => {
        if (member.id === self) return serverVersion;
        try {
          return (await probe.version(member.peerURLs, PROBE_TIMEOUT_MS)).server;
        } catch (error) {
          log.debug('a member did not tell its version', {
            peer: member.id,
            error: (error as Error).message,
          });
          return undefined;
        }
      }),
    );
    let lowest: string | undefined;
    for (const version of versions) {
      if (version === undefined || parseVersion(version) === undefined) return undefined;
      if (lowest === undefined || compareVersions(version, lowest) < 0) lowest = version;
    }
    return lowest === undefined ? undefined : majorMinor(lowest);
  }
}

/** Negative if `a` is the older one. Compares major and minor only: patches speak the same. */
export function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = parseVersion(a) ?? [];
  const [majorB = 0, minorB = 0] = parseVersion(b) ?? [];
  return majorA - majorB || minorA - minorB;
}

function majorMinor(version: string): string {
  const [major, minor] = parseVersion(version) ?? [0, 0];
  return `${major}.${minor}.0`;
}

function parseVersion(version: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)\.\d+/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}
