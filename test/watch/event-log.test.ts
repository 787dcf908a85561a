import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RevisionEvents } from '../../src/store/mvcc/types.ts';
import { EventLog } from '../../src/watch/event-log.ts';

function made(revision: number, count = 1, bytes = 10): RevisionEvents {
  const event = { type: 'put', key: Buffer.alloc(2), kv: Buffer.alloc(bytes), isCreate: false } as const;
  return { revision, events: Array.from({ length: count }, () => event) };
}

test('holds the newest revisions within its bounds', () => {
  const log = new EventLog(10, 1 << 20, 2);
  assert.deepEqual([log.start, log.end], [2, 2]);
  for (let revision = 2; revision < 10_000; revision += 1) log.append(made(revision, 1 + (revision % 3)));
  assert.equal(log.end, 10_000);
  assert.equal(log.start, 9995);
  for (let revision = log.start; revision < log.end; revision += 1) {
    assert.equal(log.at(revision).revision, revision);
  }
});

test('counts bytes', () => {
  const log = new EventLog(1000, 10_000, 2);
  log.append(made(2, 1, 5000));
  log.append(made(3, 1, 4000));
  assert.deepEqual([log.start, log.end], [2, 4]);
  log.append(made(4, 1, 5000));
  assert.deepEqual([log.start, log.end], [3, 5]);
  assert(log.bytes <= 10_000);
});

test('a revision larger than the whole log is left to history', () => {
  const log = new EventLog(10, 1 << 20, 2);
  log.append(made(2));
  log.append(made(3, 11));
  assert.deepEqual([log.start, log.end, log.bytes], [4, 4, 0]);
  log.append(made(4));
  assert.deepEqual([log.start, log.end], [4, 5]);
});

test('refuses a gap', () => {
  assert.throws(() => new EventLog(10, 1000, 2).append(made(3)), /revision 3 follows 1/);
});

test('passes by what nobody needs', () => {
  const log = new EventLog(10, 1000, 2);
  log.append(made(2));
  log.pass(made(3));
  assert.deepEqual([log.start, log.end, log.bytes], [4, 4, 0]);
  assert.throws(() => log.pass(made(3)), /revision 3 follows 3/);
  log.append(made(4));
  assert.deepEqual([log.start, log.end], [4, 5]);
});

test('goes on elsewhere after a reset', () => {
  const log = new EventLog(10, 1000, 2);
  log.append(made(2));
  log.reset(50);
  assert.deepEqual([log.start, log.end, log.bytes], [50, 50, 0]);
  log.append(made(50));
  assert.equal(log.at(50).revision, 50);
});
