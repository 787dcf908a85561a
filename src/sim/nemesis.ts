/** Lets the faults of a scenario happen, each by its own clock, and ends them all when told to. */
import type { BegunFault, FaultSurroundings } from './faults/fault.ts';
import { FAULTS } from './faults/fault-table.ts';
import type { ScenarioFault } from './scenario.ts';

export class Nemesis {
  readonly #world: FaultSurroundings;
  readonly #active = new Map<string, () => void>();
  #isOver = false;

  constructor(world: FaultSurroundings) {
    this.#world = world;
  }

  start(faults: readonly ScenarioFault[]): void {
    for (const fault of faults) this.#await(fault);
  }

  /** Everything works again, and goes on to. */
  stop(): void {
    this.#isOver = true;
    for (const end of [...this.#active.values()]) end();
    const { hosts } = this.#world;
    hosts.network.heal();
    Object.assign(hosts.network.faults, { loss: 0, duplication: 0, reordering: 0, snapshotCut: 0 });
    for (const host of hosts.all) {
      host.troubles.clear();
      host.slowness = () => 0;
      host.tablesTroubles.clear();
      host.tablesSlowness = () => 0;
      host.process?.resume();
    }
  }

  #await(fault: ScenarioFault): void {
    const { hosts, dice } = this.#world;
    hosts.clock.schedule(dice.waitMs(fault.everyMs), () => {
      if (this.#isOver) return;
      this.#await(fault);
      if (!this.#active.has(fault.name)) this.#begin(fault);
    });
  }

  #begin({ name, lastsMs }: ScenarioFault): void {
    const { hosts, dice } = this.#world;
    const { clock, recorder } = hosts;
    const begun: BegunFault | undefined = FAULTS.find((fault) => fault.name === name)!.begin(this.#world);
    if (begun === undefined) return;
    const { detail } = begun;
    recorder.observe({ kind: 'fault-begun', atMs: clock.nowMs, fault: name, detail });
    const { end } = begun;
    if (end === undefined) return;
    const finish = (): void => {
      if (!this.#active.delete(name)) return;
      end();
      recorder.observe({ kind: 'fault-ended', atMs: clock.nowMs, fault: name, detail });
    };
    this.#active.set(name, finish);
    clock.schedule(dice.waitMs(lastsMs), finish);
  }
}
