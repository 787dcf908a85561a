/** What can be wrong with a log on disk. Each error says where and what to do; nothing here is ever guessed away. */

const ADVICE =
  'Restore the data directory from a backup, or remove this member from the cluster and add it again with an empty data directory.';

/** The log holds something that no crash can explain, so that acknowledged writes may be missing. */
export class WalDamagedError extends Error {
  readonly code = 'wal-damaged';
  readonly file: string;
  /** Byte offset in the file at which reading failed. */
  readonly offset: number;
  /** A clause: 'the checksum of a record does not match'. */
  readonly reason: string;

  constructor(file: string, offset: number, reason: string) {
    super(`the log is damaged: ${file}, byte ${offset}: ${reason}. ${ADVICE}`);
    this.name = 'WalDamagedError';
    this.file = file;
    this.offset = offset;
    this.reason = reason;
  }
}

/** The log is sound but does not know the snapshot it should be read from: no mark of it, or no commit index that covers it. */
export class SnapshotMarkMissingError extends Error {
  readonly code = 'snapshot-mark-missing';
  readonly folder: string;
  readonly index: number;
  readonly term: number;

  constructor(folder: string, index: number, term: number, detail: string) {
    super(
      `the log in ${folder} has no usable mark of the snapshot at index ${index}, term ${term}: ${detail}. ${ADVICE}`,
    );
    this.name = 'SnapshotMarkMissingError';
    this.folder = folder;
    this.index = index;
    this.term = term;
  }
}

/** There is a log already where a new one should begin. */
export class WalExistsError extends Error {
  readonly code = 'wal-exists';
  readonly folder: string;

  constructor(folder: string) {
    super(`there is a log in ${folder} already`);
    this.name = 'WalExistsError';
    this.folder = folder;
  }
}

/** Another process works on the same data. */
export class DataLockedError extends Error {
  readonly code = 'data-locked';
  readonly path: string;

  constructor(path: string, folder: string) {
    super(
      `another process is using the data directory ${folder} (it holds the lock of ${path}): stop that server first, or give this one another data directory.`,
    );
    this.name = 'DataLockedError';
    this.path = path;
  }
}
