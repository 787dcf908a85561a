/** Requests to the v3 store as the JSON gateway takes them, and its answers. */

import { fromBase64, type GatewayFields, listOf, numberOf, revisionOf, toBase64 } from './gateway-client.ts';
import type { Condition, KeyValue, KvAnswer, KvOperation, KvRequest, KvResult } from './kv-request.ts';

const paths = {
  put: '/v3/kv/put',
  range: '/v3/kv/range',
  delete: '/v3/kv/deleterange',
  txn: '/v3/kv/txn',
} as const;

export function gatewayCall(request: KvRequest): { readonly path: string; readonly body: GatewayFields } {
  const path = paths[request.via];
  if (request.via !== 'txn')
    return {
      path,
      body: { ...operationFields(request.success[0]!), serializable: request.isSerializable || undefined },
    };
  return {
    path,
    body: {
      compare: request.conditions.map(conditionFields),
      success: request.success.map(inTxn),
      failure: request.failure.map(inTxn),
    },
  };
}

export function kvAnswer(request: KvRequest, fields: GatewayFields): KvAnswer {
  const revision = revisionOf(fields);
  if (request.via !== 'txn')
    return { revision, succeeded: true, results: [resultOf(request.success[0]!, fields)] };
  const succeeded = fields['succeeded'] === true;
  const operations = succeeded ? request.success : request.failure;
  const responses = listOf(fields['responses']);
  const results = operations.map((operation, at) => {
    const field = { put: 'response_put', range: 'response_range', delete: 'response_delete_range' }[
      operation.kind
    ];
    return resultOf(operation, (responses[at]?.[field] ?? {}) as GatewayFields);
  });
  return { revision, succeeded, results };
}

export function keyValueOf(fields: GatewayFields): KeyValue {
  return {
    key: fromBase64(fields['key']),
    value: fromBase64(fields['value']),
    createRevision: numberOf(fields['create_revision']),
    modRevision: numberOf(fields['mod_revision']),
    version: numberOf(fields['version']),
    lease: String(fields['lease'] ?? '0'),
  };
}

function operationFields(operation: KvOperation): GatewayFields {
  const key = toBase64(operation.key);
  if (operation.kind === 'put')
    return { key, value: toBase64(operation.value), lease: operation.lease, prev_kv: true };
  const range = { key, range_end: operation.end === undefined ? undefined : toBase64(operation.end) };
  if (operation.kind === 'delete') return { ...range, prev_kv: true };
  return operation.revision === undefined ? range : { ...range, revision: String(operation.revision) };
}

function inTxn(operation: KvOperation): GatewayFields {
  const field = { put: 'request_put', range: 'request_range', delete: 'request_delete_range' }[
    operation.kind
  ];
  return { [field]: operationFields(operation) };
}

function conditionFields(condition: Condition): GatewayFields {
  const asked = { key: toBase64(condition.key), target: condition.target, result: 'EQUAL' };
  switch (condition.target) {
    case 'VALUE':
      return { ...asked, value: toBase64(condition.value) };
    case 'MOD':
      return { ...asked, mod_revision: String(condition.number) };
    case 'CREATE':
      return { ...asked, create_revision: String(condition.number) };
    case 'VERSION':
      return { ...asked, version: String(condition.number) };
  }
}

function resultOf(operation: KvOperation, fields: GatewayFields): KvResult {
  if (operation.kind === 'range') return listOf(fields['kvs']).map(keyValueOf);
  if (operation.kind === 'delete') return listOf(fields['prev_kvs']).map(keyValueOf);
  const before = fields['prev_kv'] as GatewayFields | undefined;
  return before === undefined ? [] : [keyValueOf(before)];
}
