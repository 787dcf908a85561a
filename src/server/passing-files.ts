/**
 * Files that are needed for a while: what comes as a stream and has to be read in another order. They are in the folder of the snapshots, under names
 * that the next start clears away (wal/open-newest.ts), and need not be durable.
 */
import type { Disk, DiskFile } from '../ports/disk.ts';

const ENDING = 'snap.tmp';

export class PassingFiles {
  readonly #disk: Disk;
  readonly #folder: string;
  #count = 0;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Writes what comes to a file that is there while `use` runs. Rejects with a DiskError, or as the stream or `use` does; the file is gone then, too. */
  async hold<T>(chunks: AsyncIterable<Uint8Array>, use: (file: DiskFile) => Promise<T>): Promise<T> {
    const path = `${this.#folder}/received-${++this.#count}.${ENDING}`;
    await this.#disk.remove(path);
    const file = await this.#disk.create(path);
    try {
      let end = 0;
      for await (const chunk of chunks) {
        await file.write(chunk, end);
        end += chunk.length;
      }
      return await use(file);
    } finally {
      await file.close();
      await this.#disk.remove(path);
    }
  }
}
