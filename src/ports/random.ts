/** Randomness as the rest of the program sees it, so that a run replays from one seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `count` uniform bytes. */
  bytes(count: number): Uint8Array;
}
