/**
 * What a client asks of the v3 store, in one form: a transaction. A put, a range and a deletion are transactions of one operation without
 * conditions; `via` says as which request it is sent.
 */

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** As the gateway prints it, '0' for none. */
  readonly lease: string;
}

/** Equality of one of a key's properties; a missing key has the value '' and zeros. */
export type Condition =
  | { readonly key: string; readonly target: 'VALUE'; readonly value: string }
  | { readonly key: string; readonly target: 'MOD' | 'VERSION' | 'CREATE'; readonly number: number };

export type KvOperation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  /** With an end: all keys in [key, end). */
  | { readonly kind: 'delete'; readonly key: string; readonly end?: string }
  /** With a revision: as it was then. Only alone, not in a transaction. */
  | { readonly kind: 'range'; readonly key: string; readonly end?: string; readonly revision?: number };

export interface KvRequest {
  readonly via: 'put' | 'range' | 'delete' | 'txn';
  /** Answered by the member alone, as far as it has come. */
  readonly isSerializable: boolean;
  readonly conditions: readonly Condition[];
  readonly success: readonly KvOperation[];
  readonly failure: readonly KvOperation[];
}

/** Of one operation: what a range or deletion found (a deletion's are those it removed), what a put replaced. */
export type KvResult = readonly KeyValue[];

export interface KvAnswer {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly results: readonly KvResult[];
}

export interface RecordedRequest {
  readonly client: number;
  readonly member: string;
  readonly request: KvRequest;
  /** Undefined: not known whether it was done. */
  readonly answer: KvAnswer | undefined;
  /** Milliseconds of `performance.now()`; infinite without an answer. */
  readonly calledAt: number;
  readonly answeredAt: number;
}

/** A request of a single operation. */
export function single(operation: KvOperation, isSerializable = false): KvRequest {
  return { via: operation.kind, isSerializable, conditions: [], success: [operation], failure: [] };
}

/** The revision of the past that it asks about, if it does. */
export function pastRevision({ success: [operation] }: KvRequest): number | undefined {
  return operation?.kind === 'range' ? operation.revision : undefined;
}

export function isWriting({ success, failure }: KvRequest): boolean {
  return [...success, ...failure].some(({ kind }) => kind !== 'range');
}
