/**
 * The streams that we have reset lately. What the client had under way for them then is no fault of its (RFC 9113, 5.1) and is ignored.
 */
const remembered = 256;

export class ResetMemory {
  private readonly ids = new Uint32Array(remembered);
  private next = 0;

  add(streamId: number): void {
    this.ids[this.next] = streamId;
    this.next = (this.next + 1) % remembered;
  }

  has(streamId: number): boolean {
    return this.ids.includes(streamId);
  }
}
