/** What is refused before it goes anywhere, and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDowngrade } from '../../../src/api/v3/downgrade.ts';
import { type RpcError, rpcError } from '../../../src/api/v3/errors.ts';
import { checkKey, checkPut, checkStream, checkTxn } from '../../../src/api/v3/kv-checks.ts';
import { GrpcStatus } from '../../../src/net/grpc-call.ts';
import { serverError } from '../../../src/server/errors.ts';
import type { V3ErrorCode } from '../../../src/server/v3-contract.ts';
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

test('the target of a downgrade is validated; the downgrade itself is refused', () => {
  const asked = (action: number, version: string, cluster = '3.5.0') =>
    told(checkDowngrade({ action, version } as Parameters<typeof checkDowngrade>[0], cluster));
  assert.equal(asked(2, ''), '9 no inflight downgrade job');
  assert.equal(asked(0, 'x'), '3 wrong downgrade target version format');
  assert.equal(asked(0, '3.5.0'), '3 invalid downgrade target version');
  assert.equal(asked(1, '3.3.0'), '3 invalid downgrade target version');
  assert.equal(asked(7, '3.4.0'), '2 unknown method');
  for (const fine of ['3.4.0', '3.4', '3.4.7-alpha']) assert.equal(asked(0, fine), 'fine');
  assert.equal(asked(1, '3.4.0', ''), '14 cluster version not found during downgrade');
  assert.equal(
    asked(1, '3.4.0'),
    '12 this member can not be downgraded: an older release does not read its data',
  );
});
