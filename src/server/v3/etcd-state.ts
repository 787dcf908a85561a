/**
 * The way back of snapshot-file.ts: the v3 state out of the database of an etcd 3.4 or 3.5, into tables that are not in use yet.
 *
 *     key                     -> current, revisions, history, lease-keys (store/mvcc/version-import.ts)
 *     meta                    -> mvcc-meta: the place in the log, the compactions
 *     lease, alarm, auth ...  -> our tables of these names, row by row; of `cluster` what is no version
 *     members, confState ...  left: they are in the v2 tree and in raft's own snapshot, from which both lines of etcd read them
 *
 * Nothing is guessed: rows that etcd does not write, auth that is on, and databases of later lines end with an EtcdStateError.
 */
import { BboltDamage } from '../../bbolt/bbolt-damage.ts';
import { type BucketReader, openBbolt } from '../../bbolt/bbolt-reader.ts';
import type { BboltFile } from '../../bbolt/page-source.ts';
import { decodeLeaseRow } from '../../lease/lease-row.ts';
import type { StagedTables } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import { mainOf, readUint64 } from '../../store/mvcc/revision-key.ts';
import { BrokenRow, VersionImport } from '../../store/mvcc/version-import.ts';
import { DecodeError } from '../../wire/protobuf.ts';
import { decodeAlarmMember } from './alarms.ts';
import { CLUSTER_TABLE, decodeDowngrade } from './downgrade-info.ts';

/** Why a database of etcd can't be taken: a sentence for the operator. */
export class EtcdStateError extends Error {
  override readonly name = 'EtcdStateError';
}

export interface EtcdMeta {
  /** The last entry of the log whose effect the database holds, and its term (0 in those of etcd 3.4). */
  readonly index: number;
  readonly term: number;
  /** -1: there was none. */
  readonly scheduledCompaction: number;
  readonly finishedCompaction: number;
}

/** Buckets whose rows are ours as they are. */
const SAME_ROWS = ['alarm', 'auth', 'authRoles', 'authUsers', 'lease'] as const;
/** A slice of work ends with the page that reaches this: about a millisecond. */
const SLICE_ROWS = 200;
const SLICE_BYTES = 256 * 1024;

/** Opens a database and reads what has to be known of it first. Rejects with an EtcdStateError if this version must not take it. */
export async function openEtcdState(file: BboltFile): Promise<EtcdState> {
  return told(async () => {
    const root = await openBbolt(file);
    const meta = await readMeta(root);
    await refuseAuth(root);
    return new EtcdState(root, meta);
  });
}

export class EtcdState {
  readonly meta: EtcdMeta;
  readonly #root: BucketReader;

  constructor(root: BucketReader, meta: EtcdMeta) {
    this.#root = root;
    this.meta = meta;
  }

  /**
   * Fills empty tables, in slices; yields where what is written may go to disk. Rejects with an EtcdStateError.
   * @param position the place in the log that the state is of from now on
   */
  async *fill(
    tables: StagedTables,
    clock: Clock,
    position: { readonly index: number; readonly term: number },
  ): AsyncGenerator<undefined> {
    const versions = new VersionImport(tables, this.meta);
    const pause = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));
    for (const name of ['key', CLUSTER_TABLE, ...SAME_ROWS]) {
      const bucket = await told(() => this.#root.bucket(bytesOf(name)));
      const pages = bucket?.entries();
      if (pages === undefined) continue;
      const take = takerOf(name, tables, versions);
      let rows = 0;
      let bytes = 0;
      for (;;) {
        const { done, value: entries } = await told(() => pages.next());
        if (done === true) break;
        for (const { key, value } of entries) {
          if (value === undefined)
            throw new EtcdStateError(`etcd's database has a bucket within its bucket ${name}`);
          toldNow(() => take(key, value));
          rows++;
          bytes += value.length;
        }
        if (rows < SLICE_ROWS && bytes < SLICE_BYTES) continue;
        rows = 0;
        bytes = 0;
        yield undefined;
        await pause();
      }
    }
    versions.finish({ appliedIndex: position.index, appliedTerm: position.term });
    yield undefined;
  }
}

/** What is done with a row of a bucket. */
function takerOf(
  name: string,
  tables: StagedTables,
  versions: VersionImport,
): (key: Uint8Array, value: Uint8Array) => void {
  if (name === 'key') return (key, value) => versions.add(key, value);
  const table = tables.table(name);
  return (key, value) => {
    // The version stands in the v2 tree.
    if (name === CLUSTER_TABLE && textOf(key) === 'clusterVersion') return;
    check(name, key, value);
    // Copies: a page would be kept alive by the least of its rows.
    table.put(key.slice(), value.slice());
  };
}

/** Throws for what those who read the table would stumble over. */
function check(table: string, key: Uint8Array, value: Uint8Array): void {
  if (table === 'alarm') decodeAlarmMember(key);
  else if (table === CLUSTER_TABLE) decodeDowngrade(value);
  else if (table === 'lease' && BigInt.asIntN(64, decodeLeaseRow(value).id) !== idIn(key))
    throw new BrokenRow('a lease whose id is not its key');
}

function idIn(key: Uint8Array): bigint | undefined {
  return key.length === 8 ? new DataView(key.buffer, key.byteOffset).getBigInt64(0) : undefined;
}

async function readMeta(root: BucketReader): Promise<EtcdMeta> {
  const rows = await rowsOf(root, 'meta');
  if (rows === undefined)
    throw new EtcdStateError(
      "the bbolt database has no bucket 'meta': it is none of etcd 3's, or was never used",
    );
  const storage = rows.get('storageVersion');
  if (storage !== undefined) {
    throw new EtcdStateError(
      `the database was written by an etcd of storage version ${textOf(storage)}; those of 3.4 and 3.5 can be taken`,
    );
  }
  const number = (name: string): number => {
    const row = rows.get(name);
    return row === undefined ? 0 : numberIn(name, row, 8, readUint64(row, 0));
  };
  const compaction = (name: string): number => {
    const row = rows.get(name);
    return row === undefined ? -1 : numberIn(name, row, 17, mainOf(row));
  };
  return {
    index: number('consistent_index'),
    term: number('term'),
    scheduledCompaction: compaction('scheduledCompactRev'),
    finishedCompaction: compaction('finishedCompactRev'),
  };
}

function numberIn(name: string, row: Uint8Array, length: number, value: number): number {
  if (row.length === length && Number.isSafeInteger(value)) return value;
  throw new EtcdStateError(`${name} in etcd's database is no number of etcd's`);
}

async function refuseAuth(root: BucketReader): Promise<void> {
  const enabled = (await rowsOf(root, 'auth'))?.get('authEnabled');
  if (enabled === undefined || enabled[0] === 0) return;
  throw new EtcdStateError(
    "auth is enabled in etcd's database, and this version cannot honour it: to go on would open what it protects; " +
      "disable it in the running etcd cluster first ('etcdctl auth disable')",
  );
}

/** Of a small bucket, by name; undefined if there is no such bucket. */
async function rowsOf(root: BucketReader, name: string): Promise<Map<string, Uint8Array> | undefined> {
  const bucket = await root.bucket(bytesOf(name));
  if (bucket === undefined) return undefined;
  const rows = new Map<string, Uint8Array>();
  for await (const entries of bucket.entries())
    for (const { key, value } of entries) if (value !== undefined) rows.set(textOf(key), value);
  return rows;
}

async function told<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw explained(error);
  }
}

function toldNow(take: () => void): void {
  try {
    take();
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  const kinds = [BboltDamage, BrokenRow, DecodeError, SyntaxError];
  if (error instanceof Error && kinds.some((kind) => error instanceof kind))
    return new EtcdStateError(`etcd's database can't be read: ${error.message}`, { cause: error });
  return error;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
