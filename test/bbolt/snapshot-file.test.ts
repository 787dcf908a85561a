/** A member's state as etcd's file: of one moment, whatever is written meanwhile, with everything that etcd keeps beside the keys. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createWriteBehind } from '../../src/backend/write-behind.ts';
import {
  type SnapshotChunk,
  type SnapshotContent,
  snapshotFile,
  snapshotHash,
} from '../../src/server/v3/snapshot-file.ts';
import { V3State } from '../../src/server/v3/v3-state.ts';
import { createMemoryTables } from '../../src/sim/memory-tables.ts';
import { createSeededRandom } from '../../src/sim/seeded-random.ts';
import { AlarmType } from '../../src/wire/v3/kv-types.ts';
import { systemClockForTests as clock } from '../net/clocks.ts';
import { deleteRequest, putRequest } from '../store/mvcc/requests.ts';
import { type BboltContent, readBbolt } from './read-bbolt.ts';

const configuration = {
  ...{ voters: [0xffff_ffff_ffff_fff0n, 3n], learners: [7n], votersOutgoing: [], learnersNext: [] },
  autoLeave: false,
};

function openState(): V3State {
  const random = createSeededRandom(1);
  const tables = createMemoryTables({ random });
  return new V3State(createWriteBehind({ tables: tables.open(), clock, random }), { minLeaseTtlSeconds: 1 });
}

function contentOf(state: V3State): SnapshotContent {
  const member = { peerURLs: ['http://10.0.0.1:2380'], clientURLs: [], isLearner: false };
  return {
    view: state.backend.viewNow(),
    cluster: {
      members: () => [
        { ...member, id: 3n, name: 'three' },
        { ...member, id: 7n, name: '', isLearner: true },
        { ...member, id: 0xffff_ffff_ffff_fff0n, name: 'large', clientURLs: ['http://10.0.0.1:2379'] },
      ],
      removedIds: () => [0xabcn],
      version: '3.4.0',
    },
    configuration,
  };
}

/** What was sent, taken apart: the checksum must be right. */
function open(chunks: readonly SnapshotChunk[]): BboltContent {
  const file = Buffer.concat(chunks.slice(0, -1).map((chunk) => chunk.bytes));
  const sum = chunks.at(-1)!;
  assert.deepEqual(Buffer.from(sum.bytes), createHash('sha256').update(file).digest());
  assert.deepEqual([sum.remainingBytes, chunks.at(-2)!.remainingBytes], [0, 0]);
  assert.equal(chunks[0]!.remainingBytes, file.length - chunks[0]!.bytes.length);
  return readBbolt(file);
}

async function take(state: V3State, meanwhile: () => void = () => {}): Promise<BboltContent> {
  const chunks: SnapshotChunk[] = [];
  for await (const chunk of snapshotFile(contentOf(state), clock)) {
    chunks.push(chunk);
    meanwhile();
  }
  return open(chunks);
}

/** Rows as text; what is not printable in hexadecimal. */
function shown(content: BboltContent, bucket: string): string[] {
  const text = (each: Uint8Array): string => {
    const latin1 = Buffer.from(each).toString('latin1');
    return /^[\x20-\x7e]*$/.test(latin1) ? latin1 : Buffer.from(each).toString('hex');
  };
  return content.buckets.get(bucket)!.map(({ key, value }) => `${text(key)} -> ${text(value)}`);
}

test('every bucket that etcd has', async () => {
  const state = openState();
  state.kv.put(putRequest('a', '1'));
  state.kv.put(putRequest('a', '2'));
  state.kv.deleteRange(deleteRequest('a'));
  state.kv.put(putRequest('b', '3'));
  state.kv.compact({ revision: 4, physical: false });
  while (state.kv.compactSlice());
  state.lessor.grant(0x77n, 100, 0);
  state.alarms.raise({ memberId: 3n, alarm: AlarmType.noSpace });
  state.kv.setApplied(12, 5);
  const content = await take(state);
  const all = Object.fromEntries([...content.buckets.keys()].map((name) => [name, shown(content, name)]));
  assert.deepEqual(all, {
    alarm: ['08031001 -> '],
    auth: ['authRevision -> 0000000000000001'],
    authRoles: [],
    authUsers: [],
    cluster: ['clusterVersion -> 3.4.0'],
    key: [
      '00000000000000045f000000000000000074 -> 0a0161',
      '00000000000000055f0000000000000000 -> 0a01621005180520012a0133',
    ],
    lease: ['0000000000000077 -> 08771064'],
    members: [
      '3 -> {"id":3,"peerURLs":["http://10.0.0.1:2380"],"name":"three"}',
      '7 -> {"id":7,"peerURLs":["http://10.0.0.1:2380"],"isLearner":true}',
      'fffffffffffffff0 -> {"id":18446744073709551600,"peerURLs":["http://10.0.0.1:2380"],"name":"large","clientURLs":["http://10.0.0.1:2379"]}',
    ],
    members_removed: ['abc -> removed'],
    meta: [
      'confState -> {"voters":[3,18446744073709551600],"learners":[7],"auto_leave":false}',
      'consistent_index -> 000000000000000c',
      'finishedCompactRev -> 00000000000000045f0000000000000000',
      'scheduledCompactRev -> 00000000000000045f0000000000000000',
      'term -> 0000000000000005',
    ],
  });
});

test('a state in which nothing was ever written', async () => {
  const content = await take(openState());
  assert.deepEqual(shown(content, 'key'), []);
  assert.deepEqual(shown(content, 'meta').length, 1);
});

test('the file is of one moment while writes and compactions go on', async () => {
  const state = openState();
  const value = 'x'.repeat(700);
  for (let i = 0; i < 1000; i++) state.kv.put(putRequest(`k${i % 300}`, `${value}${i}`));
  let written = 0;
  const content = await take(state, () => {
    state.kv.put(putRequest(`k${written % 300}`, 'later'));
    state.kv.deleteRange(deleteRequest(`k${(written + 7) % 300}`));
    if (written++ === 5) state.kv.compact({ revision: 900, physical: false });
    state.kv.compactSlice();
  });
  assert.ok(written > 8, `${written} chunks`);
  const rows = content.buckets.get('key')!;
  assert.deepEqual(
    rows.map(({ key }) => new DataView(key.buffer, key.byteOffset).getBigUint64(0)),
    Array.from({ length: 1000 }, (_, i) => BigInt(i + 2)),
  );
  for (const [i, row] of rows.entries())
    assert.ok(Buffer.from(row.value).includes(`${value}${i}`), `row ${i}`);
});

test('the hash changes with what clients write, not with the place in the log', async () => {
  const hashes: number[] = [];
  const state = openState();
  const step = async (change: () => void): Promise<void> => {
    change();
    hashes.push(await snapshotHash(contentOf(state), clock));
  };
  await step(() => state.kv.put(putRequest('a', '1')));
  await step(() => state.kv.setApplied(12, 5));
  await step(() => state.lessor.grant(0x77n, 100, 0));
  await step(() => state.kv.put(putRequest('b', '2', { lease: 0x77n })));
  assert.equal(hashes[0], hashes[1]);
  assert.equal(new Set(hashes).size, 3);
});

test('the view is released, also when the reader leaves early', async () => {
  const state = openState();
  for (let i = 0; i < 300; i++) state.kv.put(putRequest(`k${i}`, 'x'.repeat(1000)));
  let released = 0;
  const content = (): SnapshotContent => {
    const all = contentOf(state);
    const { view } = all;
    return {
      ...all,
      view: {
        table: (name) => view.table(name),
        tables: () => view.tables(),
        release() {
          released++;
          view.release();
        },
      },
    };
  };
  for await (const chunk of snapshotFile(content(), clock)) if (chunk.remainingBytes > 0) break;
  assert.equal(released, 1);
  for await (const _ of snapshotFile(content(), clock));
  assert.equal(released, 2);
  await snapshotHash(content(), clock);
  assert.equal(released, 3);
  let asked = 0;
  for await (const _ of snapshotFile(content(), clock, () => ++asked < 3)) assert.fail('a piece after all');
  assert.deepEqual([asked, released], [3, 4]);
});
