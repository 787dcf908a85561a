/** What one seed's run is like, drawn swarm style: each seed has some of the faults only, each as hard as it comes. */
import { FAULTS } from './faults/fault-table.ts';
import type { Dice } from './seeded-random.ts';

export interface ScenarioFault {
  readonly name: string;
  /** Mean time between two of it. */
  readonly everyMs: number;
  /** Mean duration, of those that last. */
  readonly lastsMs: number;
}

export interface Scenario {
  readonly founders: number;
  readonly snapshotCount: number;
  /** Snapshots come as etcd's databases. No seed draws it; `etcd-snapshots.test.ts` asks for it. */
  readonly etcdSnapshots: boolean;
  /** Length at which the log's next segment begins. */
  readonly segmentBytes: number;
  /** How far ahead of the log's end zeros are written; 0: not at all. */
  readonly zeroAheadBytes: number;
  readonly strict: boolean;
  readonly preVote: boolean;
  readonly diskMs: number;
  readonly delayMs: number;
  /** A turn of a member's event loop takes so long; 0: no time passes between two slices of a work. */
  readonly turnMs: number;
  /** Wall clocks are off by up to so much, and rates by up to this share. */
  readonly skewMs: number;
  readonly clockDrift: number;
  readonly clients: number;
  readonly watchers: number;
  /** Those of the v3 API come to the others. */
  readonly v3Clients: number;
  readonly v3Watchers: number;
  /** Clients that keep leases, and such that read the past slowly while they compact it. */
  readonly leaseKeepers: number;
  readonly historians: number;
  /** Watches keep so little in memory, and do so little at a time, that they read the store's history. */
  readonly smallWatchLog: boolean;
  /** The longest value that clients write; 0: short ones only. */
  readonly valueBytes: number;
  /** Mean pause of a client between two operations. */
  readonly thinkMs: number;
  readonly safetyMs: number;
  /** Faults may come while the cluster is founded. */
  readonly roughStart: boolean;
  /** At the end a majority is lost for good, and one member begins a new cluster. */
  readonly forceNewCluster: boolean;
  readonly faults: readonly ScenarioFault[];
}

export function drawScenario(dice: Dice): Scenario {
  const snapshotCount = dice.pick([10, 25, 60, 200, 10_000])!;
  const founders = dice.pick([1, 2, 3, 3, 3, 3, 3, 5, 5])!;
  const density = dice.between(0.15, 0.6);
  // Some runs are calm in everything but their few faults, some rage.
  const haste = dice.between(0.3, 1.5);
  return {
    founders,
    snapshotCount,
    etcdSnapshots: false,
    segmentBytes: dice.pick([8_192, 32_768, 262_144])!,
    zeroAheadBytes: dice.pick([0, 0, 4_096, 65_536])!,
    strict: dice.chance(0.5),
    preVote: dice.chance(0.8),
    diskMs: dice.pick([0.2, 0.5, 2, 8])!,
    delayMs: dice.pick([0.5, 2, 10, 30])!,
    skewMs: dice.chance(0.5) ? dice.between(0, 20_000) : 0,
    clockDrift: dice.chance(0.3) ? 0.05 : 0,
    clients: dice.pick([2, 3, 4, 5, 9])!,
    watchers: dice.below(4),
    // A snapshot holds the last thousand events with their values: many snapshots of large values take too long.
    valueBytes: snapshotCount < 60 ? 0 : dice.pick([0, 800, 3_000, 3_000])!,
    thinkMs: dice.pick([30, 100, 250, 600])!,
    safetyMs: dice.between(60_000, 180_000),
    roughStart: dice.chance(0.3),
    forceNewCluster: dice.chance(0.15),
    faults: FAULTS.filter(() => dice.chance(density)).map(({ name, everyMs, lastsMs }) => ({
      name,
      everyMs: everyMs * haste * dice.between(0.5, 2),
      lastsMs: lastsMs * dice.between(0.3, 2),
    })),
    v3Clients: dice.pick([0, 2, 3, 4, 6])!,
    v3Watchers: dice.below(4),
    leaseKeepers: dice.pick([0, 2, 3, 4])!,
    historians: dice.pick([0, 0, 2, 3])!,
    smallWatchLog: dice.chance(0.6),
    turnMs: dice.pick([0, 0, 0.5, 3])!,
  };
}
