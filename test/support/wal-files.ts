/**
 * Where the records of a log segment lie, to damage them on purpose. Only the framing is read:
 *
 *     +--------------------------------------------+-------------+-------------+
 *     | 8 bytes, little-endian: data length in the | data        | 0..7 bytes  |
 *     | low 56 bits; if the top bit is set, bits   | (protobuf   | of padding  |
 *     | 56-58 are the padding                      | Record)     |             |
 *     +--------------------------------------------+-------------+-------------+
 *     a length of zero: the unused rest of a preallocated segment
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface WalFrame {
  readonly offset: number;
  readonly dataLength: number;
  readonly paddingLength: number;
}

export interface WalSegment {
  readonly path: string;
  readonly frames: readonly WalFrame[];
  /** Offset behind the last record. */
  readonly end: number;
}

/** The last segment of the log in an etcd data directory. */
export function lastSegment(dataFolder: string): WalSegment {
  const folder = join(dataFolder, 'member', 'wal');
  const name = readdirSync(folder)
    .filter((each) => each.endsWith('.wal'))
    .sort()
    .at(-1);
  if (name === undefined) throw new Error(`no segment in ${folder}`);
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const frames: WalFrame[] = [];
  let offset = 0;
  while (offset + 8 <= bytes.length) {
    const field = bytes.readBigUInt64LE(offset);
    if (field === 0n) break;
    const dataLength = Number(field & 0xff_ffff_ffff_ffffn);
    const paddingLength = field >> 63n === 1n ? Number((field >> 56n) & 7n) : 0;
    frames.push({ offset, dataLength, paddingLength });
    offset += 8 + dataLength + paddingLength;
  }
  return { path, frames, end: offset };
}
