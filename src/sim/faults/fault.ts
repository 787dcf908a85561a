/** What every kind of fault is: a row of the table. */
import type { ClientPool } from '../clients/client-pool.ts';
import type { Operator } from '../operator.ts';
import type { Dice } from '../seeded-random.ts';
import type { SimulatedHosts } from '../simulated-hosts.ts';
import type { Supervisor } from '../supervisor.ts';
import type { WayBlocks } from './way-blocks.ts';

export interface FaultSurroundings {
  readonly hosts: SimulatedHosts;
  readonly dice: Dice;
  readonly operator: Operator;
  readonly supervisor: Supervisor;
  readonly ways: WayBlocks;
  readonly pool: ClientPool;
}

export interface BegunFault {
  /** Whom it befalls and how hard. */
  readonly detail: string;
  /** Undefined of what is over at once. */
  readonly end?: () => void;
}

export interface Fault {
  readonly name: string;
  /** Typical times; a scenario varies them. */
  readonly everyMs: number;
  readonly lastsMs: number;
  /** Undefined where it can't happen now. */
  begin(world: FaultSurroundings): BegunFault | undefined;
}
