/**
 * Something built from files, built again when one of them changes. Changes are looked for by `stat` when somebody is about to use it
 * (a new connection), so what is used is never older than its files; there is no watcher to miss an event. Files that can't be read
 * or used leave the last good build in place and one log line.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Log } from '../../ports/log.ts';
import { TlsError } from './tls-options.ts';

export class ReloadingFiles<T> {
  private readonly paths: readonly string[];
  private readonly build: (contents: readonly Buffer[]) => T;
  private readonly log: Log;
  private signature: string;
  private built: T;

  /** @throws TlsError if the files can't be used now */
  constructor(paths: readonly string[], build: (contents: readonly Buffer[]) => T, log: Log) {
    this.paths = paths;
    this.build = build;
    this.log = log;
    this.signature = this.readSignature();
    this.built = build(paths.map(readFile));
  }

  /** The build of the files as they are now, or the last one that worked. Equal files give the identical object. */
  current(): T {
    const signature = this.readSignature();
    if (signature === this.signature) return this.built;
    this.signature = signature;
    try {
      this.built = this.build(this.paths.map(readFile));
      this.log.info('TLS files have changed and are in use for new connections', { files: this.paths });
    } catch (error) {
      this.log.warn('TLS files have changed but can not be used; those read before stay in use', {
        files: this.paths,
        error: error instanceof Error ? error.message : String(error),
      });
    }
    return this.built;
  }

  private readSignature(): string {
    return this.paths.map(fileSignature).join();
  }
}

function fileSignature(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.mtimeNs}:${stat.size}:${stat.ino}`;
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TlsError(`can not read ${path}`, error);
  }
}
