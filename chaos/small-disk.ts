/** A file system of its own for one member, small enough to fill. Needs root. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mounted = new Set<SmallDisk>();
process.on('exit', () => {
  for (const disk of mounted) disk.unmount();
});

export class SmallDisk {
  readonly folder: string;
  readonly #filler: string;

  constructor(folder: string, megabytes: number) {
    this.folder = folder;
    this.#filler = join(folder, 'filler');
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'quorate-chaos', folder]);
    mounted.add(this);
  }

  /** Leaves a page or two, unless the member takes them meanwhile. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.folder);
    try {
      writeFileSync(this.#filler, Buffer.alloc(Math.max(bavail * bsize - 8192, 0)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** When no process uses it any more. */
  unmount(): void {
    if (!mounted.delete(this)) return;
    // Lazily: a process killed a moment ago may not have let go yet.
    execFileSync('umount', ['-l', this.folder]);
  }
}
