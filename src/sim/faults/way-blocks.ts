import type { Blockage, MemoryNetwork } from '../memory-network.ts';

/** Blocked ways between hosts, counted: partitions overlap, and a way is open once the last of them has ended. */
export class WayBlocks {
  readonly #network: MemoryNetwork;
  readonly #counts = new Map<string, number>();

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  /** Returns what opens them again. */
  block(ways: readonly (readonly [from: string, to: string])[], how: Blockage): () => void {
    for (const [from, to] of ways) {
      const way = `${from}>${to}`;
      this.#counts.set(way, (this.#counts.get(way) ?? 0) + 1);
      this.#network.block(from, to, how);
    }
    return () => {
      for (const [from, to] of ways) {
        const way = `${from}>${to}`;
        const left = (this.#counts.get(way) ?? 1) - 1;
        this.#counts.set(way, left);
        if (left === 0) this.#network.unblock(from, to);
      }
    };
  }
}
