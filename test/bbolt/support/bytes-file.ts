/** A file in memory, as the reader of bbolt files wants it; counts what is read of it. */
import type { BboltFile } from '../../../src/bbolt/page-source.ts';

export interface BytesFile extends BboltFile {
  readonly reads: { count: number; bytesMax: number };
}

export function bytesFile(bytes: Uint8Array): BytesFile {
  const reads = { count: 0, bytesMax: 0 };
  return {
    reads,
    size: async () => bytes.length,
    async read(buffer, position) {
      const part = bytes.subarray(position, position + buffer.length);
      buffer.set(part);
      reads.count++;
      reads.bytesMax = Math.max(reads.bytesMax, buffer.length);
      return part.length;
    },
  };
}
