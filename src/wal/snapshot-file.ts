/**
 * Snapshot files, `<term>-<index>.snap`, both 16 hexadecimal digits, in etcd's format:
 *
 *   snappb.Snapshot  { uint32 crc = 1; bytes data = 2 }     crc: CRC-32C of data
 *     data = raftpb.Snapshot { metadata = 2; bytes data = 1 }
 *
 * A snapshot is written as it is produced, in slices, so that neither its length nor its checksum is known when the head
 * goes out. The head is therefore of fixed size, its three numbers as five-byte varints (which every reader accepts), and is put in
 * place at the end; the checksum of the whole is combined from those of its two parts:
 *
 *   | 08 crc(5) | 12 length(5) | metadata ... 0a length(5) | data ...        | renamed only when all of it is durable
 *                              |<------ first part ------->|<- second part ->
 */

import type { Disk, DiskFile } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import type { Snapshot, SnapshotMetadata } from '../raft/types.ts';
import { crc32c, crc32cCombine } from '../wire/crc32c.ts';
import { DecodeError } from '../wire/protobuf.ts';
import { decodeSnapshot, encodeSnapshot } from '../wire/raftpb.ts';
import { hex16 } from './segment-name.ts';

const SLICE_BYTES = 512 * 1024;
const NUMBER_BYTES = 5;
const HEAD_BYTES = 2 * (1 + NUMBER_BYTES);
const NOTHING = new Uint8Array(0);

export interface SnapshotName {
  readonly name: string;
  readonly term: number;
  readonly index: number;
}

export function snapshotName(term: number, index: number): SnapshotName {
  return { name: `${hex16(term)}-${hex16(index)}.snap`, term, index };
}

/** Names of the snapshot files in a folder, newest first. */
export async function listSnapshots(disk: Disk, folder: string): Promise<SnapshotName[]> {
  const found: SnapshotName[] = [];
  for (const name of await disk.list(folder)) {
    const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/.exec(name);
    if (match === null) continue;
    const term = Number.parseInt(match[1]!, 16);
    const index = Number.parseInt(match[2]!, 16);
    if (Number.isSafeInteger(term) && Number.isSafeInteger(index)) found.push({ name, term, index });
  }
  return found.reverse();
}

/**
 * Writes a snapshot durably, slice by slice; its data are the chunks put together. The log must be told afterwards
 * (`Wal.saveSnapshotMark`). Rejects with a DiskError, or with what the chunks threw; nothing is left behind then.
 */
export async function saveSnapshot(
  disk: Disk,
  folder: string,
  metadata: SnapshotMetadata,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<SnapshotName> {
  const { name, ...mark } = snapshotName(metadata.term, metadata.index);
  const temporary = `${folder}/${name}.tmp`;
  await disk.remove(temporary);
  const file = await disk.create(temporary);
  try {
    try {
      await writeSnapshot(file, metadata, chunks);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, `${folder}/${name}`);
  } catch (error) {
    await disk.remove(temporary);
    throw error;
  }
  await disk.syncDirectory(folder);
  return { name, ...mark };
}

async function writeSnapshot(
  file: DiskFile,
  metadata: SnapshotMetadata,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const encodedMetadata = encodeSnapshot({ metadata, data: NOTHING });
  const dataStart = HEAD_BYTES + encodedMetadata.length + 1 + NUMBER_BYTES;
  const slice = new Uint8Array(SLICE_BYTES);
  let filled = 0;
  let length = 0;
  let crc = 0;
  const put = async (): Promise<void> => {
    const bytes = slice.subarray(0, filled);
    crc = crc32c(crc, bytes);
    await file.write(bytes, dataStart + length);
    length += filled;
    filled = 0;
  };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + SLICE_BYTES - filled);
      slice.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === SLICE_BYTES) await put();
    }
  }
  if (filled > 0) await put();

  const head = new Uint8Array(dataStart);
  head.set(encodedMetadata, HEAD_BYTES);
  putNumber(head, dataStart - NUMBER_BYTES - 1, 0x0a, length);
  crc = crc32cCombine(crc32c(0, head, HEAD_BYTES), crc, length);
  putNumber(head, 0, 0x08, crc);
  putNumber(head, 1 + NUMBER_BYTES, 0x12, dataStart - HEAD_BYTES + length);
  await file.write(head, 0);
}

/** A tag and a varint stretched to five bytes. */
function putNumber(bytes: Uint8Array, at: number, tag: number, value: number): void {
  bytes[at] = tag;
  let rest = value;
  for (let i = 1; i <= NUMBER_BYTES; i++) {
    bytes[at + i] = (rest % 128) | (i < NUMBER_BYTES ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
}

/** The snapshot in a file, or a clause saying what is wrong with it. Rejects with a DiskError. */
export async function loadSnapshot(
  disk: Disk,
  path: string,
): Promise<{ readonly snapshot: Snapshot } | { readonly broken: string }> {
  const file = await disk.open(path);
  try {
    const bytes = new Uint8Array(await file.size());
    if (bytes.length === 0) return { broken: 'the file is empty' };
    let head: SnapshotHead | undefined;
    let crc = 0;
    for (let at = 0; at < bytes.length; ) {
      // In slices, so that the checksum of a large one does not hold the event loop.
      const got = await file.read(bytes.subarray(at, at + SLICE_BYTES), at);
      if (got === 0) return { broken: 'the file ends early' };
      head ??= parseHead(bytes);
      if (head === undefined) return { broken: 'the file does not begin like a snapshot' };
      crc = crc32c(crc, bytes, Math.max(at, head.start), Math.max(head.start, at + got));
      at += got;
    }
    if (head === undefined || head.start + head.length !== bytes.length) {
      return { broken: 'the file has another length than it says' };
    }
    if (crc !== head.crc) return { broken: 'the checksum does not match' };
    return { snapshot: decodeSnapshot(bytes.subarray(head.start)) };
  } catch (error) {
    if (error instanceof DecodeError) return { broken: error.message };
    throw error;
  } finally {
    await file.close();
  }
}

interface SnapshotHead {
  readonly crc: number;
  /** The checked bytes: where they begin, and how many there are. */
  readonly start: number;
  readonly length: number;
}

function parseHead(bytes: Uint8Array): SnapshotHead | undefined {
  if (bytes[0] !== 0x08) return undefined;
  const crc = readVarint(bytes, 1);
  if (crc === undefined || bytes[crc.end] !== 0x12) return undefined;
  const length = readVarint(bytes, crc.end + 1);
  if (length === undefined) return undefined;
  return { crc: crc.value, start: length.end, length: length.value };
}

function readVarint(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 7 && start + i < bytes.length; i++) {
    const byte = bytes[start + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return undefined;
}

/** Removes the oldest snapshot files beyond `maxSnapshots` (0 = no limit), never `newest` or a later one. Returns their names. */
export async function purgeSnapshots(
  disk: Disk,
  folder: string,
  maxSnapshots: number,
  newest: { readonly term: number; readonly index: number },
  log: Log,
): Promise<string[]> {
  const removed: string[] = [];
  if (maxSnapshots === 0) return removed;
  for (const { name, index } of (await listSnapshots(disk, folder)).slice(maxSnapshots)) {
    if (index >= newest.index) continue;
    await disk.remove(`${folder}/${name}`);
    log.info('purged a snapshot', { file: `${folder}/${name}` });
    removed.push(name);
  }
  return removed;
}
