/**
 * Bounds what a connection's unfinished requests hold in memory.
 *
 * Any request may hold what fits its first window (64 KiB). A message larger than that needs a larger window, and windows beyond the
 * first are given out up to `largeBytesMax` at a time, in the order they were asked for; since such a message is
 * complete within its window, this can't lock up. What all requests together hold is bounded as well; beyond it they fail.
 */
export interface LargeInput {
  /** The window asked for may be opened now. */
  roomGranted(): void;
}

export class InputBudget {
  heldBytes = 0;
  private readonly heldBytesMax: number;
  private readonly largeBytesMax: number;
  private largeBytes = 0;
  private readonly granted = new Map<LargeInput, number>();
  private readonly waiting = new Map<LargeInput, number>();

  constructor(heldBytesMax: number) {
    this.heldBytesMax = heldBytesMax;
    this.largeBytesMax = heldBytesMax / 2;
  }

  /** False if there is no room for so many bytes more. */
  hold(bytes: number): boolean {
    if (this.heldBytes + bytes > this.heldBytesMax) return false;
    this.heldBytes += bytes;
    return true;
  }

  letGo(bytes: number): void {
    this.heldBytes -= bytes;
  }

  /** Asks for a window of `bytes`; `roomGranted` follows, at once or later. A second request of one input changes nothing. */
  wantLarge(input: LargeInput, bytes: number): void {
    if (this.granted.has(input) || this.waiting.has(input)) return;
    this.waiting.set(input, bytes);
    this.grant();
  }

  /** The large message is complete or given up. */
  doneLarge(input: LargeInput): void {
    this.waiting.delete(input);
    const bytes = this.granted.get(input);
    if (bytes === undefined) return;
    this.granted.delete(input);
    this.largeBytes -= bytes;
    this.grant();
  }

  private grant(): void {
    for (const [input, bytes] of this.waiting) {
      // One is always let in, however large.
      if (this.largeBytes > 0 && this.largeBytes + bytes > this.largeBytesMax) return;
      this.waiting.delete(input);
      this.granted.set(input, bytes);
      this.largeBytes += bytes;
      input.roomGranted();
    }
  }
}
