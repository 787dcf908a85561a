/** What is refused before it goes anywhere, and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downgrade } from '../../../src/api/v3/downgrade.ts';
import { type RpcError, rpcError } from '../../../src/api/v3/errors.ts';
import { checkKey, checkPut, checkStream, checkTxn } from '../../../src/api/v3/kv-checks.ts';
import { GrpcStatus } from '../../../src/net/grpc-call.ts';
import { serverError } from '../../../src/server/errors.ts';
import type { DowngradeControl, V3ErrorCode } from '../../../src/server/v3-contract.ts';
import type { RequestOp } from '../../../src/wire/v3/kv-types.ts';
import {
  bytes,
  deleteRequest,
  NO_BYTES,
  putRequest,
  rangeRequest,
  txnRequest,
} from '../../store/mvcc/requests.ts';

const put = (key: string, more = {}): RequestOp => ({ kind: 'put', request: putRequest(key, '', more) });
const remove = (key: string, end = ''): RequestOp => ({
  kind: 'delete-range',
  request: deleteRequest(key, end),
});
const get = (key: string): RequestOp => ({ kind: 'range', request: rangeRequest(key) });
const txn = (success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
  kind: 'txn',
  request: txnRequest([], success, failure),
});
const told = (error: RpcError | undefined): string =>
  error === undefined ? 'fine' : `${error.status} ${error.message.replace('etcdserver: ', '')}`;
const compare = (key: string) => ({
  key: bytes(key),
  rangeEnd: NO_BYTES,
  result: 0,
  target: 0,
  operand: undefined,
});

test('puts and keys', () => {
  assert.equal(told(checkKey({ key: NO_BYTES })), '3 key is not provided');
  assert.equal(told(checkKey({ key: bytes('\0') })), 'fine');
  assert.equal(told(checkPut(putRequest(''))), '3 key is not provided');
  assert.equal(told(checkPut(putRequest('a', 'v', { ignoreValue: true }))), '3 value is provided');
  assert.equal(told(checkPut(putRequest('a', '', { ignoreValue: true, ignoreLease: true }))), 'fine');
  assert.equal(told(checkPut(putRequest('a', '', { ignoreLease: true, lease: -1n }))), '3 lease is provided');
});

test('transactions: keys, numbers of operations, what is in them', () => {
  const checked = (success: RequestOp[], failure: RequestOp[] = [], max = 128) =>
    told(checkTxn(txnRequest([], success, failure), max));
  assert.equal(checked([]), 'fine');
  assert.equal(checked([get('')]), '3 key is not provided');
  assert.equal(checked([], [remove('')]), '3 key is not provided');
  assert.equal(checked([put('a', { ignoreValue: true, value: bytes('v') })]), '3 value is provided');
  assert.equal(checked([{ kind: 'none' }]), '3 key not found');
  assert.equal(told(checkTxn(txnRequest([compare('')]), 128)), '3 key is not provided');
  assert.equal(checked([put('a'), put('b')], [], 2), 'fine');
  assert.equal(checked([put('a'), put('b'), put('c')], [], 2), '3 too many operations in txn request');
  assert.equal(
    told(checkTxn(txnRequest([compare('a'), compare('b')]), 1)),
    '3 too many operations in txn request',
  );
  // A level takes its own number from what those within it may have.
  assert.equal(checked([txn([put('a'), put('b')])], [], 3), 'fine');
  assert.equal(checked([txn([put('a'), put('b'), put('c')])], [], 3), '3 too many operations in txn request');
});

test('transactions: keys that are written twice', () => {
  const checked = (success: RequestOp[], failure: RequestOp[] = []) =>
    told(checkTxn(txnRequest([], success, failure), 128));
  const twice = '3 duplicate key given in txn request';
  assert.equal(checked([put('a'), put('a')]), twice);
  assert.equal(checked([put('a')], [put('a')]), 'fine');
  assert.equal(checked([put('b'), remove('a', 'c')]), twice);
  assert.equal(checked([put('c'), remove('a', 'c')]), 'fine');
  assert.equal(checked([remove('a', 'c'), remove('b')]), 'fine');
  assert.equal(checked([txn([put('a')]), put('a')]), twice);
  assert.equal(checked([txn([put('a')], [put('a')])]), 'fine');
  assert.equal(checked([get('a'), put('a')]), 'fine');
});

test('streams of a range have one order and no filters', () => {
  const checked = (more: object) => told(checkStream(rangeRequest('a', 'b', more)));
  assert.equal(checked({}), 'fine');
  assert.equal(checked({ sortOrder: 1 }), 'fine');
  assert.equal(checked({ sortTarget: 4 }), 'fine');
  assert.equal(checked({ sortOrder: 2 }), '12 RangeStream does not support custom sort orders');
  assert.equal(
    checked({ sortOrder: 1, sortTarget: 2 }),
    '12 RangeStream does not support custom sort orders',
  );
  assert.equal(checked({ minModRevision: 5 }), '12 RangeStream does not support revision filters');
  assert.equal(checked({ sortOrder: 7 }), '3 invalid sort option');
  assert.equal(checked({ sortTarget: 5 }), '3 invalid sort option');
});

test('failures of the server and of the store have the texts and codes that clients match', () => {
  const v3 = (code: V3ErrorCode) => {
    const { status, message } = rpcError({ kind: 'error', code });
    return `${status} ${message}`;
  };
  assert.equal(v3('compacted'), '11 etcdserver: mvcc: required revision has been compacted');
  assert.equal(v3('future-revision'), '11 etcdserver: mvcc: required revision is a future revision');
  assert.equal(v3('lease-not-found'), '5 etcdserver: requested lease not found');
  assert.equal(v3('lease-exists'), '9 etcdserver: lease already exists');
  assert.equal(v3('lease-ttl-too-large'), '11 etcdserver: too large lease TTL');
  assert.equal(v3('no-space'), '8 etcdserver: mvcc: database space exceeded');
  assert.equal(v3('corrupt'), '15 etcdserver: corrupt cluster');
  assert.equal(v3('key-not-found'), '3 etcdserver: key not found');
  assert.equal(rpcError(serverError('timeout')).message, 'etcdserver: request timed out');
  assert.equal(rpcError(serverError('too-many-requests')).status, GrpcStatus.resourceExhausted);
});

test("the action of a downgrade chooses what is asked, and codes become etcd's texts", () => {
  const asked = (action: number, code?: V3ErrorCode) => {
    const calls: string[] = [];
    const note = (call: string, done: Parameters<DowngradeControl['cancel']>[0]): void => {
      calls.push(call);
      if (code === undefined) done({ ok: true, value: { version: '3.4.0' } });
      else done({ ok: false, error: { kind: 'error', code } });
    };
    let told = '';
    downgrade(
      { action, version: '3.3' },
      {
        validate: (version, done) => note(`validate ${version}`, done),
        enable: (version, done) => note(`enable ${version}`, done),
        cancel: (done) => note('cancel', done),
      },
      (given) => {
        told = given.ok ? given.clusterVersion : `${given.error.status} ${given.error.message}`;
      },
    );
    return `${calls.join()}: ${told}`;
  };
  assert.equal(asked(0), 'validate 3.3: 3.4.0');
  assert.equal(asked(1), 'enable 3.3: 3.4.0');
  assert.equal(asked(2), 'cancel: 3.4.0');
  assert.equal(asked(7), ': 2 etcdserver: unknown method');
  const text = (code: V3ErrorCode) => asked(2, code).replace('cancel: ', '');
  assert.equal(text('downgrade-version-format'), '3 etcdserver: wrong downgrade target version format');
  assert.equal(text('downgrade-target-invalid'), '3 etcdserver: invalid downgrade target version');
  assert.equal(text('downgrade-in-process'), '9 etcdserver: cluster has a downgrade job in progress');
  assert.equal(text('no-inflight-downgrade'), '9 etcdserver: no inflight downgrade job');
  assert.equal(
    text('cluster-version-unavailable'),
    '14 etcdserver: cluster version not found during downgrade',
  );
  assert.match(text('downgrade-not-understood'), /^9 etcdserver: .*etcd 3\.4/);
  assert.match(text('downgrade-member-silent'), /^14 etcdserver: /);
});
