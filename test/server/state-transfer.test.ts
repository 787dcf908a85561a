/** The v3 state between members, in both forms: what is held meanwhile is given back however it ends, and the place in the log is the right one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWriteBehind } from '../../src/backend/write-behind.ts';
import { PassingFiles } from '../../src/server/passing-files.ts';
import { StateTransfer } from '../../src/server/v3/state-transfer.ts';
import { V3State } from '../../src/server/v3/v3-state.ts';
import { createMemoryDisk, type MemoryDisk } from '../../src/sim/memory-disk.ts';
import { createMemoryTables } from '../../src/sim/memory-tables.ts';
import { appliedIndexOf } from '../../src/store/mvcc/tables.ts';
import { systemClockForTests as clock } from '../net/clocks.ts';
import { putRequest } from '../store/mvcc/requests.ts';

const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

interface Member {
  readonly state: V3State;
  readonly transfer: StateTransfer;
  readonly disk: MemoryDisk;
  /** Views that are held. */
  readonly views: { held: number };
}

async function openTransfer(): Promise<Member> {
  const random = { next: () => 0.5, bytes: (count: number) => new Uint8Array(count) };
  const backend = createWriteBehind({ tables: createMemoryTables({ random }).open(), clock, random });
  const views = { held: 0 };
  const viewNow = backend.viewNow.bind(backend);
  backend.viewNow = () => {
    const view = viewNow();
    views.held++;
    return {
      table: (name) => view.table(name),
      tables: () => view.tables(),
      release() {
        views.held--;
        view.release();
      },
    };
  };
  const state = new V3State(backend, { minLeaseTtlSeconds: 1 });
  const disk = createMemoryDisk({ random });
  await disk.makeDirectory('/data');
  const transfer = new StateTransfer({
    state,
    cluster: { members: () => [], removedIds: () => [], version: '3.4.0' },
    raft: { configuration: confState },
    clock,
    files: new PassingFiles(disk, '/data'),
  });
  return { state, transfer, disk, views };
}

function fill(state: V3State, rows: number): void {
  for (let i = 0; i < rows; i++) state.kv.put(putRequest(`k${i % 100}`, 'x'.repeat(500)));
  state.kv.setApplied(20, 3);
}

const position = (index: number) => ({ index, term: 4, confState });

test('either form carries the state', async () => {
  for (const form of ['quorate', 'etcd'] as const) {
    const from = await openTransfer();
    fill(from.state, 500);
    const to = await openTransfer();
    const stream = form === 'quorate' ? from.transfer.stream() : from.transfer.database(20, 3);
    const staged = await to.transfer.stage(stream, form, position(20));
    assert.equal(appliedIndexOf(staged), 20);
    to.state.replace(staged, 0);
    assert.deepEqual([to.state.kv.revision, to.state.kv.keyCount], [501, 100]);
    assert.equal(from.views.held, 0);
    assert.deepEqual(await to.disk.list('/data'), []);
  }
});

test('a state that is not newer than the own one is thrown away', async () => {
  const from = await openTransfer();
  fill(from.state, 50);
  const to = await openTransfer();
  fill(to.state, 70);
  for (const [appliedIndex, taken, revision] of [
    [20, false, 71],
    [19, true, 51],
  ] as const) {
    const receiver = appliedIndex === 20 ? to : await openTransfer();
    if (receiver !== to) receiver.state.kv.setApplied(appliedIndex, 3);
    const staged = await receiver.transfer.stage(from.transfer.stream(), 'quorate', position(20));
    assert.equal(receiver.state.replaceIfNewer(staged, 0), taken);
    assert.equal(receiver.state.kv.revision, revision);
  }
});

test('a database is of the entry that it was asked for, not of the last that concerned v3', async () => {
  const from = await openTransfer();
  fill(from.state, 5);
  const to = await openTransfer();
  const staged = await to.transfer.stage(from.transfer.database(27, 4), 'etcd', position(27));
  assert.equal(appliedIndexOf(staged), 27);
});

test('a database that counts fewer entries than its snapshot is of the snapshot, one that counts more of its own', async () => {
  for (const [snapshot, expected] of [
    [30, 30],
    [10, 20],
  ] as const) {
    const from = await openTransfer();
    fill(from.state, 5);
    const to = await openTransfer();
    const staged = await to.transfer.stage(from.transfer.database(20, 3), 'etcd', position(snapshot));
    assert.equal(appliedIndexOf(staged), expected);
  }
});

test('what is not sent after all, or not to its end, holds nothing', async () => {
  const { state, transfer, views } = await openTransfer();
  fill(state, 2000);
  for (const open of [() => transfer.stream(), () => transfer.database(20, 3)]) {
    for (const pieces of [0, 1, 3]) {
      const iterator = open()[Symbol.asyncIterator]();
      for (let i = 0; i < pieces; i++) assert.notEqual((await iterator.next()).done, true);
      await iterator.return?.();
      assert.equal(views.held, 0, `${pieces} pieces`);
      assert.equal((await iterator.next()).done, true);
    }
  }
});

test('a database is of the moment at which it was asked for, however late it is read', async () => {
  const from = await openTransfer();
  fill(from.state, 5);
  const database = from.transfer.database(20, 3);
  from.state.kv.put(putRequest('later', '1'));
  from.state.kv.setApplied(21, 3);
  const to = await openTransfer();
  const staged = await to.transfer.stage(database, 'etcd', position(20));
  assert.equal(appliedIndexOf(staged), 20);
  to.state.replace(staged, 0);
  assert.equal(to.state.kv.revision, 6);
});

test('a database that breaks off, or is none, leaves no file and no state', async () => {
  const from = await openTransfer();
  fill(from.state, 2000);
  const pieces: Uint8Array[] = [];
  for await (const piece of from.transfer.database(20, 3)) pieces.push(piece);
  async function* some(broken: boolean): AsyncGenerator<Uint8Array> {
    yield* pieces.slice(0, 3);
    if (broken) throw new Error('the sender is gone');
  }
  const to = await openTransfer();
  to.state.kv.put(putRequest('mine', '1'));
  await assert.rejects(to.transfer.stage(some(true), 'etcd', position(20)), /the sender is gone/);
  await assert.rejects(
    to.transfer.stage(some(false), 'etcd', position(20)),
    /can't be read: the bbolt database is damaged/,
  );
  assert.deepEqual(await to.disk.list('/data'), []);
  assert.equal(to.state.kv.keyCount, 1);
});
