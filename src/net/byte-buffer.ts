/** Bytes that grow at the end; capacity doubles, so many small pieces cost no more than one large one. */
export class ByteBuffer {
  bytes: Buffer = EMPTY;
  length = 0;

  append(source: Buffer, start: number, end: number): void {
    const needed = this.length + (end - start);
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2, 256));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    source.copy(this.bytes, this.length, start, end);
    this.length = needed;
  }

  /** Makes the whole content a copy of `source[start, end)`, without spare room. */
  take(source: Buffer, start: number, end: number): void {
    // From the shared pool: most bodies are a few dozen bytes.
    this.bytes = Buffer.allocUnsafe(end - start);
    source.copy(this.bytes, 0, start, end);
    this.length = end - start;
  }

  /** Forgets the first `count` bytes. */
  consume(count: number): void {
    if (count === this.length) {
      this.clear();
      return;
    }
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Idle connections must not hold memory, so the space goes too. */
  clear(): void {
    this.bytes = EMPTY;
    this.length = 0;
  }
}

const EMPTY = Buffer.alloc(0);
