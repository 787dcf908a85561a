/** What LMDB and the system below it call failures, as DiskErrors that name the file. */

import fs from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { DiskError } from '../ports/disk.ts';
import { nativeLmdb } from './lmdb-native.ts';

/** Less than this free is a full disk, whatever the failed write said. */
const FULL_BELOW_BYTES = 1024 * 1024;
/** LMDB's own errors are numbers below this; others are errno's. */
const LMDB_ERRORS_BELOW = -30_000;

/** @param code LMDB's or errno's number, with either sign */
export function lmdbFailure(code: number, path: string): DiskError {
  let sentence = `error ${code}`;
  try {
    nativeLmdb.lmdbError(code);
  } catch (error) {
    sentence = (error as Error).message;
  }
  if (code < LMDB_ERRORS_BELOW) return new DiskError('EIO', path, `${path}: ${sentence}`);
  const name = getSystemErrorName(-Math.abs(code));
  // A write that falls short is reported as EIO.
  if (name === 'EIO' && isFull(path)) return diskFull(path);
  return new DiskError(name, path, `${path}: ${sentence}`);
}

/** The system refused a write, after which LMDB has given up the transaction in good order. */
export function isWriteError(code: number): boolean {
  const { EIO, ENOSPC, EFBIG, EDQUOT } = constants.errno;
  return [EIO, ENOSPC, EFBIG, EDQUOT].includes(Math.abs(code));
}

/** Of exceptions. */
export function asDiskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as { readonly code?: string | number; readonly message: string };
  if (typeof code === 'number') return lmdbFailure(code, path);
  // The copying thread hands over a sentence only, and what it wrote is gone by now.
  if (code === undefined && (message.includes('No space left') || isFull(path))) return diskFull(path);
  return new DiskError(code ?? 'EIO', path, `${path}: ${message}`);
}

function diskFull(path: string): DiskError {
  return new DiskError('ENOSPC', path, `${path}: no space left on the disk`);
}

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(dirname(path));
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}
