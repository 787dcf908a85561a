/**
 * Database files of real etcd, of either line, after changes of every kind: the reader finds the rows that etcd's own `snapshot status` has counted and
 * hashed in the same file, and those that etcd answers with.
 */

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { openBbolt } from '../../src/bbolt/bbolt-reader.ts';
import { createNodeDisk } from '../../src/platform/node-disk.ts';
import { mainOf, subOf } from '../../src/store/mvcc/revision-key.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { decodeKeyValue } from '../../src/wire/v3/key-value.ts';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, isFullLength, type Program } from '../support/program.ts';
import { runV3Tool } from '../support/restored-member.ts';
import { testRandom } from '../support/seeded-random.ts';

const path35 = process.env['ETCD_REFERENCE_35'];
const etcdutl = join(dirname(path35 ?? ''), 'etcdutl');
const rounds = isFullLength ? 30 : 4;

interface Found {
  readonly hash: number;
  readonly rows: number;
  readonly revision: number;
  /** Of the versions in the bucket "key". */
  readonly versions: ReadonlyMap<string, { readonly key: string; readonly value: string }>;
}

/** As etcd's tool goes through a file. */
async function readFile(path: string): Promise<Found> {
  const file = await createNodeDisk().open(path);
  const versions = new Map<string, { readonly key: string; readonly value: string }>();
  let hash = 0;
  let rows = 0;
  let revision = 0;
  try {
    for await (const buckets of (await openBbolt(file)).entries()) {
      for (const { key: name, bucket } of buckets) {
        assert.ok(bucket !== undefined);
        hash = crc32c(hash, name);
        for await (const entries of bucket.entries()) {
          for (const { key, value } of entries) {
            assert.ok(value !== undefined);
            hash = crc32c(crc32c(hash, key), value);
            rows++;
            if (Buffer.from(name).toString() !== 'key') continue;
            revision = mainOf(key);
            const kv = decodeKeyValue(value);
            if (key.length === 17)
              versions.set(`${mainOf(key)}.${subOf(key)}`, {
                key: Buffer.from(kv.key).toString(),
                value: Buffer.from(kv.value).toString(),
              });
          }
        }
      }
    }
  } finally {
    await file.close();
  }
  return { hash, rows, revision, versions };
}

async function compare(t: TestContext, program: Program, tool: string): Promise<void> {
  const random = testRandom(t);
  // Small batches, so that pages are given back and used again.
  const cluster = await Cluster.start(t, { programs: [program], flags: ['--backend-batch-limit=20'] });
  const [member] = cluster.members as [ClusterMember];
  const file = join(member.dataFolder, 'data/member/snap/db');
  const client = new Etcd3({ hosts: member.clientUrl });
  t.after(() => client.close());
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 40; i++) {
      const writes = Array.from({ length: 8 }, (_, at) =>
        client
          .put(`${random.below(3)}/${8 * random.below(40) + at}`)
          .value('v'.repeat(random.below(random.below(8) === 0 ? 9000 : 120))),
      );
      await client
        .if('no such key', 'Version', '==', 0)
        .then(...writes)
        .commit();
    }
    await client.delete().prefix(`${random.below(3)}/${random.below(9)}`);
    const { header } = await client.put('last').value(`of round ${round}`);
    if (round % 2 === 1)
      await client.kv.compact({ revision: Number(header.revision) - random.below(30), physical: true });
    const now = await client.getAll().exec();
    await member.process.stop();

    const found = await readFile(file);
    const status = JSON.parse(await runV3Tool(tool, 'snapshot', 'status', file, '-w', 'json'));
    assert.deepEqual(
      [found.hash, found.rows, found.revision],
      [status.hash, status.totalKey, status.revision],
    );
    for (const kv of now.kvs) {
      const revision = kv.mod_revision;
      const all = [...found.versions]
        .filter(([place]) => place.startsWith(`${revision}.`))
        .map(([, each]) => each);
      assert.ok(
        all.some(({ key, value }) => key === String(kv.key) && value === String(kv.value)),
        `${kv.key} at ${revision}`,
      );
    }
    assert.ok(now.kvs.length > 50);
    await member.process.start();
  }
}

const skip34 = needs(etcd.command, 'etcdctl');
test('files of etcd 3.4', { skip: skip34 }, (t) => compare(t, { ...etcd, extraFlags: [] }, 'etcdctl'));

const skip35 =
  path35 === undefined ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5' : needs(path35, etcdutl);
test('files of etcd 3.5', { skip: skip35 }, (t) =>
  compare(t, { name: 'etcd 3.5', command: path35 ?? '', extraFlags: [] }, etcdutl),
);
