import type { ApiVersion } from './client-api.ts';

/** What all clients of a run have in common. */
export class ClientPool {
  /** Operations so far, which also makes values that nobody wrote before. */
  operations = 0;
  /** Writes. */
  readonly acknowledged: Record<ApiVersion, number> = { v2: 0, v3: 0 };
  /** Mean pause of a client between two operations. */
  thinkMs: number;
  /** False: no operation begins any more. */
  isOpen = true;
  readonly #names: string[] = [];

  constructor(thinkMs: number) {
    this.thinkMs = thinkMs;
  }

  /** Of its ends of the ways to the members, for whoever blocks them. */
  get names(): readonly string[] {
    return this.#names;
  }

  join(name: string): void {
    this.#names.push(name);
  }
}
