import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPinoLog } from '../../src/platform/pino-log.ts';
import { temporaryFolder } from '../support/data-folder.ts';

function linesOf(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('each line is an object with level, time, fields and message, written before the call returns', (t) => {
  const path = join(temporaryFolder(t), 'q.log');
  const log = openPinoLog({ level: 'info', outputs: [path] });
  const member = log.child({ 'member-id': 0x1a661f2b9997ba39n, 'cluster-id': 0xabn });
  log.debug('not shown');
  log.info('first');
  member.warn('second', { index: 7, ready: true, urls: ['http://a:1'], missing: undefined });
  const [first, second] = linesOf(path);
  assert.match(String(first?.['ts']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual({ ...first, ts: 0 }, { level: 'info', ts: 0, msg: 'first' });
  assert.deepEqual(
    { ...second, ts: 0 },
    {
      level: 'warn',
      ts: 0,
      'member-id': '1a661f2b9997ba39',
      'cluster-id': 'ab',
      index: 7,
      ready: true,
      urls: ['http://a:1'],
      msg: 'second',
    },
  );
});

test('several outputs get the same lines; a file is appended to', (t) => {
  const folder = temporaryFolder(t);
  const paths = [join(folder, 'a.log'), join(folder, 'b.log')];
  openPinoLog({ level: 'debug', outputs: paths }).debug('once');
  openPinoLog({ level: 'error', outputs: paths }).error('twice');
  for (const path of paths) {
    assert.deepEqual(
      linesOf(path).map((line) => line['msg']),
      ['once', 'twice'],
    );
  }
});

test('an output that cannot be opened is named', (t) => {
  const path = join(temporaryFolder(t), 'none', 'q.log');
  assert.throws(
    () => openPinoLog({ level: 'info', outputs: [path] }),
    /cannot open log output .*none.q\.log: /,
  );
});

test('fields bound later, and a level set later, hold for a log and its children', (t) => {
  const path = join(temporaryFolder(t), 'q.log');
  const log = openPinoLog({ level: 'warn', outputs: [path] });
  const child = log.child({ part: 'wal' });
  child.info('too early');
  log.setLevel('info');
  log.bind({ 'member-id': 0x1fn });
  log.info('root');
  child.info('child');
  assert.deepEqual(
    linesOf(path).map(({ ts: _, ...rest }) => rest),
    [
      { level: 'info', 'member-id': '1f', msg: 'root' },
      { level: 'info', part: 'wal', 'member-id': '1f', msg: 'child' },
    ],
  );
});
