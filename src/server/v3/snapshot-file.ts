/**
 * A member's state as the file that etcd keeps its own in: a bbolt database with etcd 3.5's buckets. etcd's tools save, inspect and restore it.
 *
 *     alarm, lease, authUsers, authRoles      our tables of these names, row by row
 *     auth              ours; authRevision -> 1 in 8 bytes, big-endian, as long as auth was never touched
 *     cluster           clusterVersion -> 3.4.0; what our table of this name has beside it
 *     key               our table `revisions`: revision key -> KeyValue, without the header that our rows may have
 *     members           hex id -> the member as JSON
 *     members_removed   hex id -> removed
 *     meta              confState -> JSON | consistent_index, term -> 8 bytes, big-endian | finishedCompactRev, scheduledCompactRev -> revision key
 *
 * What is not in the backend (members, their version, the configuration) is taken in the same turn as the view: both are of the same entry of the log.
 * As etcd sends it, the file is followed by the SHA-256 of its bytes.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type BboltBucket, bboltFile } from '../../bbolt/bbolt-file.ts';
import type { BackendView } from '../../ports/backend.ts';
import { compareBytes } from '../../ports/byte-order.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConfState } from '../../raft/types.ts';
import { keyAfter } from '../../store/mvcc/revision-key.ts';
import { keyValueIn } from '../../store/mvcc/row.ts';
import { appliedPositionOf } from '../../store/mvcc/tables.ts';
import { crc32c } from '../../wire/crc32c.ts';
import { formatId } from '../../wire/id-text.ts';
import type { Cluster } from '../membership/cluster.ts';
import { compareIds } from '../membership/member-id.ts';
import { encodeMember } from '../membership/member-json.ts';
import { CLUSTER_TABLE } from './downgrade-info.ts';

export interface SnapshotContent {
  readonly view: BackendView;
  readonly cluster: Pick<Cluster, 'members' | 'removedIds' | 'version'>;
  readonly configuration: ConfState;
}

export interface SnapshotChunk {
  readonly bytes: Uint8Array;
  /** Of the file, behind this chunk; the checksum does not count. */
  readonly remainingBytes: number;
}

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const FIRST_AUTH_REVISION = 1n;
/** Of the bucket `meta`. */
const NOT_HASHED: ReadonlySet<string> = new Set(['consistent_index', 'term']);
/** A slice of hashing ends with the row that reaches one of these. */
const HASH_SLICE_BYTES = 256 * 1024;
const HASH_SLICE_ROWS = 1000;

/**
 * The file in pieces, then its SHA-256. Releases the view at its end, also when it is left early.
 * @param isWanted asked in every slice, since the first piece comes only after a walk over all rows
 */
export async function* snapshotFile(
  content: SnapshotContent,
  clock: Clock,
  isWanted: () => boolean = () => true,
): AsyncGenerator<SnapshotChunk> {
  const sum = sha256.create();
  try {
    for (const chunk of bboltFile(etcdBuckets(content))) {
      if (chunk !== undefined) {
        sum.update(chunk.bytes);
        yield chunk;
      }
      await turn(clock);
      if (!isWanted()) return;
    }
    yield { bytes: sum.digest(), remainingBytes: 0 };
  } finally {
    content.view.release();
  }
}

/** The file alone, for another member. What is not in the view is taken at once. Releases the view at its end, also when it is left early. */
export function databaseFile(content: SnapshotContent, clock: Clock): AsyncGenerator<Uint8Array, void> {
  return fileBytes(content.view, etcdBuckets(content), clock);
}

async function* fileBytes(
  view: BackendView,
  buckets: readonly BboltBucket[],
  clock: Clock,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (const chunk of bboltFile(buckets)) {
      if (chunk !== undefined) yield chunk.bytes;
      await turn(clock);
    }
  } finally {
    view.release();
  }
}

/**
 * etcd 3.5's Hash: CRC-32C over all buckets in their order, names, keys and values, but for the place in the log, in which members may differ.
 * Releases the view at its end.
 */
export async function snapshotHash(content: SnapshotContent, clock: Clock): Promise<number> {
  let hash = 0;
  const isCounted = (bucket: string, key: Uint8Array): boolean =>
    bucket !== 'meta' || !NOT_HASHED.has(new TextDecoder().decode(key));
  try {
    for (const bucket of etcdBuckets(content)) {
      hash = crc32c(hash, bytesOf(bucket.name));
      let start: Uint8Array | undefined = new Uint8Array(0);
      while (start !== undefined) {
        let bytes = 0;
        let rows = 0;
        let last: Uint8Array | undefined;
        bucket.scan(start, (key, value) => {
          if (isCounted(bucket.name, key)) hash = crc32c(crc32c(hash, key), value);
          bytes += value.length;
          if (bytes < HASH_SLICE_BYTES && ++rows < HASH_SLICE_ROWS) return true;
          last = key;
          return false;
        });
        start = last === undefined ? undefined : keyAfter(last);
        await turn(clock);
      }
    }
    return hash;
  } finally {
    content.view.release();
  }
}

/** In the order of their names. */
export function etcdBuckets({ view, cluster, configuration }: SnapshotContent): BboltBucket[] {
  const auth = rowsOf(view, 'auth');
  const members = cluster.members().map((member) => ({
    key: bytesOf(formatId(member.id)),
    value: bytesOf(encodeMember(member)),
  }));
  const removed = cluster
    .removedIds()
    .map((id) => ({ key: bytesOf(formatId(id)), value: bytesOf('removed') }));
  const version = cluster.version;
  return [
    tableBucket(view, 'alarm'),
    listBucket(
      'auth',
      auth.length > 0 ? auth : [{ key: bytesOf('authRevision'), value: uint64(FIRST_AUTH_REVISION) }],
    ),
    tableBucket(view, 'authRoles'),
    tableBucket(view, 'authUsers'),
    listBucket('cluster', [
      ...(version === undefined ? [] : [{ key: bytesOf('clusterVersion'), value: bytesOf(version) }]),
      ...rowsOf(view, CLUSTER_TABLE),
    ]),
    keyBucket(view),
    tableBucket(view, 'lease'),
    listBucket('members', members),
    listBucket('members_removed', removed),
    listBucket('meta', metaRows(view, configuration)),
  ];
}

function keyBucket(view: BackendView): BboltBucket {
  const revisions = view.table('revisions');
  return {
    name: 'key',
    scan: (start, visit) => revisions.scan({ start }, (key, row) => visit(key, keyValueIn(row))),
  };
}

function metaRows(view: BackendView, configuration: ConfState): Row[] {
  const meta = view.table('mvcc-meta');
  const { index, term } = appliedPositionOf(meta);
  const rows: Row[] = [{ key: bytesOf('confState'), value: bytesOf(confStateJson(configuration)) }];
  if (index > 0) rows.push({ key: bytesOf('consistent_index'), value: uint64(BigInt(index)) });
  if (term > 0) rows.push({ key: bytesOf('term'), value: uint64(BigInt(term)) });
  for (const name of ['finishedCompactRev', 'scheduledCompactRev']) {
    const key = bytesOf(name);
    const value = meta.get(key);
    if (value !== undefined) rows.push({ key, value });
  }
  return rows;
}

/** As Go writes raftpb.ConfState: lists that are empty are left out. */
function confStateJson(configuration: ConfState): string {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = configuration;
  const lists: readonly (readonly [string, readonly bigint[]])[] = [
    ['voters', voters],
    ['learners', learners],
    ['voters_outgoing', votersOutgoing],
    ['learners_next', learnersNext],
  ];
  const fields = lists
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `"${name}":[${[...ids].sort(compareIds).join(',')}]`);
  return `{${[...fields, `"auto_leave":${autoLeave}`].join(',')}}`;
}

/** A table that need not exist. */
function tableBucket(view: BackendView, name: string): BboltBucket {
  if (!view.tables().includes(name)) return listBucket(name, []);
  const table = view.table(name);
  return { name, scan: (start, visit) => table.scan({ start }, visit) };
}

function rowsOf(view: BackendView, name: string): Row[] {
  const rows: Row[] = [];
  tableBucket(view, name).scan(new Uint8Array(0), (key, value) => {
    rows.push({ key, value });
    return true;
  });
  return rows;
}

/** Of few rows. */
function listBucket(name: string, rows: readonly Row[]): BboltBucket {
  const sorted = [...rows].sort((a, b) => compareBytes(a.key, b.key));
  return {
    name,
    scan: (start, visit) => {
      for (const { key, value } of sorted) if (compareBytes(key, start) >= 0 && !visit(key, value)) return;
    },
  };
}

function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
