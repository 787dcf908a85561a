/** A wall clock of its own for one member, which can be set while it runs: libfaketime, told through a file. The monotonic clock stays true. */

import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Undefined if libfaketime is not installed. */
export function findFaketime(): string | undefined {
  const roots = ['/usr/lib', '/usr/local/lib'];
  for (const root of roots.filter((each) => existsSync(each))) {
    for (const folder of ['', ...readdirSync(root)]) {
      const path = join(root, folder, 'faketime', 'libfaketimeMT.so.1');
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

export class MemberClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(library: string, file: string) {
    this.#file = file;
    this.environment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    this.set(0);
  }

  /** Off from the true time by so many seconds; noticed within a second. */
  set(offsetSeconds: number): void {
    // Never half a file: it is read at any time.
    writeFileSync(`${this.#file}.new`, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}s\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
