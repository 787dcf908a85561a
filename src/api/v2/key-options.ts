/**
 * The parameters of a /v2/keys request, from the form in its body and the query in its target, checked in etcd's order with etcd's
 * error codes and causes.
 */
import { toByteText } from '../http/byte-text.ts';
import { parseForm } from '../http/form.ts';

export interface KeyOptions {
  readonly value: string;
  readonly dir: boolean;
  /** '' = not compared. */
  readonly prevValue: string;
  /** 0 = not compared. A value past 2^53 is held as the largest safe integer: neither can match. */
  readonly prevIndex: number;
  /** `prevIndex` in the client's own digits if it is past 2^53, else undefined. */
  readonly hugePrevIndex: string | undefined;
  readonly prevExist: boolean | undefined;
  /** Nanoseconds since the epoch, wrapped to 64 bits as in etcd; 0n = never. */
  readonly expirationNs: bigint;
  readonly refresh: boolean | undefined;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  readonly wait: boolean;
  readonly since: number;
  readonly stream: boolean;
  readonly noValueOnSuccess: boolean;
}

/** A refused parameter: one of etcd's error codes 201 to 212. */
export interface KeyOptionsError {
  readonly errorCode: number;
  readonly cause: string;
}

export type ParsedKeyOptions =
  | { readonly options: KeyOptions; readonly error?: undefined }
  | { readonly error: KeyOptionsError; readonly options?: undefined };

export const DEFAULT_KEY_OPTIONS: KeyOptions = {
  value: '',
  dir: false,
  prevValue: '',
  prevIndex: 0,
  hugePrevIndex: undefined,
  prevExist: undefined,
  expirationNs: 0n,
  refresh: undefined,
  recursive: false,
  sorted: false,
  quorum: false,
  wait: false,
  since: 0,
  stream: false,
  noValueOnSuccess: false,
};

/** The fields as they came, decoded; undefined if absent. Reused, since a request is parsed in one go. */
const texts = {
  value: absent(),
  dir: absent(),
  prevValue: absent(),
  prevIndex: absent(),
  prevExist: absent(),
  ttl: absent(),
  refresh: absent(),
  recursive: absent(),
  sorted: absent(),
  quorum: absent(),
  wait: absent(),
  waitIndex: absent(),
  stream: absent(),
  noValueOnSuccess: absent(),
};

function absent(): string | undefined {
  return undefined;
}

/** The switch and the plain assignments keep this in compiled code; a table of names costs four times as much. */
function keepFirst(key: string, value: string): void {
  switch (key) {
    case 'value':
      texts.value ??= value;
      return;
    case 'dir':
      texts.dir ??= value;
      return;
    case 'prevValue':
      texts.prevValue ??= value;
      return;
    case 'prevIndex':
      texts.prevIndex ??= value;
      return;
    case 'prevExist':
      texts.prevExist ??= value;
      return;
    case 'ttl':
      texts.ttl ??= value;
      return;
    case 'refresh':
      texts.refresh ??= value;
      return;
    case 'recursive':
      texts.recursive ??= value;
      return;
    case 'sorted':
      texts.sorted ??= value;
      return;
    case 'quorum':
      texts.quorum ??= value;
      return;
    case 'wait':
      texts.wait ??= value;
      return;
    case 'waitIndex':
      texts.waitIndex ??= value;
      return;
    case 'stream':
      texts.stream ??= value;
      return;
    case 'noValueOnSuccess':
      texts.noValueOnSuccess ??= value;
      return;
  }
}

function forgetTexts(): void {
  texts.value = undefined;
  texts.dir = undefined;
  texts.prevValue = undefined;
  texts.prevIndex = undefined;
  texts.prevExist = undefined;
  texts.ttl = undefined;
  texts.refresh = undefined;
  texts.recursive = undefined;
  texts.sorted = undefined;
  texts.quorum = undefined;
  texts.wait = undefined;
  texts.waitIndex = undefined;
  texts.stream = undefined;
  texts.noValueOnSuccess = undefined;
}

/**
 * `form` is the body as byte text, '' if it is none that counts; its fields go before those of `query`. `formError` is what was wrong
 * with the body's type and goes before all else.
 */
export function parseKeyOptions(
  method: string,
  form: string,
  formError: string | undefined,
  query: string,
  nowNs: bigint,
): ParsedKeyOptions {
  forgetTexts();
  const bodyError = formError ?? parseForm(form, keepFirst);
  const error = query === '' ? bodyError : (bodyError ?? parseForm(toByteText(query), keepFirst));
  return error === undefined ? checkFields(method, nowNs) : refuse(210, error);
}

function checkFields(method: string, nowNs: bigint): ParsedKeyOptions {
  const prevIndex = parseUint64(texts.prevIndex);
  if (prevIndex === undefined) return refuse(203, 'invalid value for "prevIndex"');
  const since = parseUint64(texts.waitIndex);
  if (since === undefined) return refuse(203, 'invalid value for "waitIndex"');

  const recursive = parseFlag(texts.recursive);
  if (recursive === undefined) return refuseFlag('"recursive"');
  const sorted = parseFlag(texts.sorted);
  if (sorted === undefined) return refuseFlag('"sorted"');
  const wait = parseFlag(texts.wait);
  if (wait === undefined) return refuseFlag('"wait"');
  const dir = parseFlag(texts.dir);
  if (dir === undefined) return refuseFlag('"dir"');
  const quorum = parseFlag(texts.quorum);
  if (quorum === undefined) return refuseFlag('"quorum"');
  const stream = parseFlag(texts.stream);
  if (stream === undefined) return refuseFlag('"stream"');
  if (wait && method !== 'GET') return refuse(209, '"wait" can only be used with GET requests');

  const prevValue = texts.prevValue;
  if (prevValue === '') return refuse(201, '"prevValue" cannot be empty');
  const noValueOnSuccess = parseFlag(texts.noValueOnSuccess);
  if (noValueOnSuccess === undefined) return refuseFlag('"noValueOnSuccess"');

  // An empty TTL is none.
  const ttlText = texts.ttl || undefined;
  const ttl = parseUint64(ttlText);
  if (ttl === undefined) return refuse(202, 'invalid value for "ttl"');

  const prevExist = parseFlag(texts.prevExist);
  if (prevExist === undefined) return refuseFlag('prevExist');
  const refresh = parseFlag(texts.refresh);
  if (refresh === undefined) return refuseFlag('refresh');
  const value = texts.value ?? '';
  if (refresh) {
    if (value !== '') return refuse(211, 'A value was provided on a refresh');
    if (ttlText === undefined) return refuse(212, 'No TTL value set');
  }

  const isHuge = prevIndex > MAX_SAFE;
  return {
    options: {
      value,
      dir,
      prevValue: prevValue ?? '',
      prevIndex: isHuge ? Number.MAX_SAFE_INTEGER : Number(prevIndex),
      hugePrevIndex: isHuge ? prevIndex.toString() : undefined,
      prevExist: texts.prevExist === undefined ? undefined : prevExist,
      expirationNs: ttlText === undefined ? 0n : expirationAfter(ttl, nowNs),
      refresh: texts.refresh === undefined ? undefined : refresh,
      recursive,
      sorted,
      quorum,
      wait,
      since: since > MAX_SAFE ? Number.MAX_SAFE_INTEGER : Number(since),
      stream,
      noValueOnSuccess,
    },
  };
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_UINT64 = 2n ** 64n - 1n;
const NS_PER_SECOND = 1_000_000_000n;

/** Wraps where a 64-bit signed count of nanoseconds does. */
function expirationAfter(ttlSeconds: bigint, nowNs: bigint): bigint {
  return BigInt.asIntN(64, nowNs + BigInt.asIntN(64, ttlSeconds * NS_PER_SECOND));
}

/** Undefined if malformed; an absent field is 0. */
function parseUint64(text: string | undefined): bigint | undefined {
  if (text === undefined) return 0n;
  // Leading zeros go first: a number of a million digits must not be computed to be refused.
  const digits = /^0*([0-9]{1,20})$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  return value <= MAX_UINT64 ? value : undefined;
}

/** Undefined if malformed; an absent field is false. */
function parseFlag(text: string | undefined): boolean | undefined {
  switch (text) {
    case undefined:
    case '0':
    case 'f':
    case 'F':
    case 'false':
    case 'FALSE':
    case 'False':
      return false;
    case '1':
    case 't':
    case 'T':
    case 'true':
    case 'TRUE':
    case 'True':
      return true;
    default:
      return undefined;
  }
}

function refuse(errorCode: number, cause: string): ParsedKeyOptions {
  return { error: { errorCode, cause } };
}

function refuseFlag(name: string): ParsedKeyOptions {
  return refuse(209, `invalid value for ${name}`);
}
