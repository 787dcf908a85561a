/**
 * The catalogue of etcd's v2 error codes: code -> message -> HTTP status. Every V2Error is made here, so that clients
 * find the numbers and texts they match on. Source: etcd 3.4's errorcode document, checked against a running etcd.
 *
 *   1xx the command    2xx the request's form    3xx raft    4xx etcd itself    5xx the client
 */

import type { V2Error } from './types.ts';

export const KEY_NOT_FOUND = 100;
export const TEST_FAILED = 101;
export const NOT_FILE = 102;
export const NOT_DIR = 104;
export const NODE_EXIST = 105;
export const ROOT_READ_ONLY = 107;
export const DIR_NOT_EMPTY = 108;
export const UNAUTHORIZED = 110;
export const PREV_VALUE_REQUIRED = 201;
export const TTL_NAN = 202;
export const INDEX_NAN = 203;
export const TIMEOUT_NAN = 205;
export const INVALID_FIELD = 209;
export const INVALID_FORM = 210;
export const REFRESH_VALUE = 211;
export const REFRESH_TTL_REQUIRED = 212;
export const RAFT_INTERNAL = 300;
export const LEADER_ELECT = 301;
export const WATCHER_CLEARED = 400;
export const EVENT_INDEX_CLEARED = 401;

export interface V2ErrorKind {
  readonly code: number;
  readonly message: string;
  readonly httpStatus: number;
}

const KINDS: readonly (readonly [code: number, message: string, httpStatus: number])[] = [
  [KEY_NOT_FOUND, 'Key not found', 404],
  [TEST_FAILED, 'Compare failed', 412],
  [NOT_FILE, 'Not a file', 403],
  [103, 'Reached the max number of peers in the cluster', 400],
  [NOT_DIR, 'Not a directory', 400],
  [NODE_EXIST, 'Key already exists', 412],
  [106, 'The prefix of given key is a keyword in etcd', 400],
  [ROOT_READ_ONLY, 'Root is read only', 400],
  [DIR_NOT_EMPTY, 'Directory not empty', 403],
  [109, 'Peer address has existed', 400],
  [UNAUTHORIZED, 'The request requires user authentication', 401],
  [200, 'Value is Required in POST form', 400],
  [PREV_VALUE_REQUIRED, 'PrevValue is Required in POST form', 400],
  [TTL_NAN, 'The given TTL in POST form is not a number', 400],
  [INDEX_NAN, 'The given index in POST form is not a number', 400],
  [204, 'Value or TTL is required in POST form', 400],
  [TIMEOUT_NAN, 'The given timeout in POST form is not a number', 400],
  [206, 'Name is required in POST form', 400],
  [207, 'Index or value is required', 400],
  [208, 'Index and value cannot both be specified', 400],
  [INVALID_FIELD, 'Invalid field', 400],
  [INVALID_FORM, 'Invalid POST form', 400],
  [REFRESH_VALUE, 'Value provided on refresh', 400],
  [REFRESH_TTL_REQUIRED, 'A TTL must be provided on refresh', 400],
  [RAFT_INTERNAL, 'Raft Internal Error', 500],
  [LEADER_ELECT, 'During Leader Election', 500],
  [WATCHER_CLEARED, 'watcher is cleared due to etcd recovery', 400],
  [EVENT_INDEX_CLEARED, 'The event in requested index is outdated and cleared', 400],
  [402, 'Standby Internal Error', 400],
  [403, 'Invalid active size', 400],
  [404, 'Standby remove delay', 400],
  [500, 'Client Internal Error', 400],
];

/** Every known code, for adapters, documents and tests. */
export const v2ErrorKinds: ReadonlyMap<number, V2ErrorKind> = new Map(
  KINDS.map(([code, message, httpStatus]) => [code, { code, message, httpStatus }]),
);

/** The refusal with the catalogue's message. `cause` '' is left out of the JSON. Throws RangeError for an unknown code. */
export function v2Error(errorCode: number, cause: string, index: number): V2Error {
  return { errorCode, message: kindOf(errorCode).message, cause, index };
}

export function httpStatusOfV2Error(error: V2Error): number {
  return kindOf(error.errorCode).httpStatus;
}

function kindOf(errorCode: number): V2ErrorKind {
  const kind = v2ErrorKinds.get(errorCode);
  if (kind === undefined) throw new RangeError(`no v2 error has the code ${errorCode}`);
  return kind;
}
