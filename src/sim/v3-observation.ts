/**
 * What a run looks like from outside, as far as v3 is concerned: observations of the same stream as those of observation.ts.
 *
 * Keys and values are text, leases and revisions numbers. Values are never written twice in one run, and each lease id is granted by one
 * operation at most.
 */
import type { MemberId } from '../raft/types.ts';

interface OfProcess {
  readonly atMs: number;
  readonly member: string;
  readonly memberId: MemberId;
  readonly life: number;
}

interface OfClient {
  readonly atMs: number;
  readonly client: number;
  readonly member: string;
  readonly life: number;
}

/** A KeyValue. */
export interface V3Row {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  /** 0: none. */
  readonly lease: number;
}

/** `row` is undefined of a deletion. */
export interface V3Event {
  readonly key: string;
  readonly mod: number;
  readonly row: V3Row | undefined;
}

/** `end`: '' for the key alone, else exclusive. */
export interface V3Span {
  readonly key: string;
  readonly end: string;
}

export interface V3Put {
  readonly kind: 'put';
  readonly key: string;
  readonly value: string;
  readonly lease: number;
}

export interface V3Range extends V3Span {
  readonly kind: 'range';
  /** 0: the newest. */
  readonly revision: number;
  /** 0: none. */
  readonly limit: number;
}

export interface V3Delete extends V3Span {
  readonly kind: 'delete';
}

/** Puts and deletes ask for what was there before. */
export type V3Step = V3Put | V3Range | V3Delete;

export interface V3Compare {
  readonly key: string;
  readonly target: 'mod' | 'create' | 'version' | 'value';
  readonly result: '=' | '!=' | '<' | '>';
  readonly operand: number | string;
}

export interface V3Txn {
  readonly kind: 'txn';
  readonly compares: readonly V3Compare[];
  readonly success: readonly V3Step[];
  readonly failure: readonly V3Step[];
}

export type V3KvOperation = V3Put | V3Delete | V3Read | V3Txn;

export interface V3Read extends V3Range {
  /** From the member's own state: may be old. */
  readonly serializable: boolean;
  /** Above 0: in several turns of the member, so long after each other, between which it does other things. */
  readonly sliceMs: number;
}

export type V3Operation =
  | V3KvOperation
  | { readonly kind: 'compact'; readonly revision: number; readonly physical: boolean }
  /** At the member's own state. */
  | { readonly kind: 'hash'; readonly revision: number }
  | { readonly kind: 'lease-grant'; readonly lease: number; readonly ttl: number }
  | { readonly kind: 'lease-renew' | 'lease-revoke' | 'lease-times'; readonly lease: number };

export type V3StepResult =
  | { readonly kind: 'put'; readonly previous: V3Row | undefined }
  | {
      readonly kind: 'range';
      readonly rows: readonly V3Row[];
      readonly count: number;
      readonly more: boolean;
    }
  | { readonly kind: 'delete'; readonly previous: readonly V3Row[] };

export type V3Outcome =
  | {
      readonly kind: 'done';
      /** Of the answer's header; 0 where it has none. */
      readonly revision: number;
      /** Of a transaction: whether all comparisons held; true of all else. */
      readonly succeeded: boolean;
      /** Of a transaction those of its branch, of another operation on keys its one. */
      readonly results: readonly V3StepResult[];
      /** Of leases: seconds granted or left; 0 of all else. */
      readonly ttl: number;
      readonly hash: { readonly hash: number; readonly at: number; readonly compacted: number } | undefined;
    }
  /** Refused by the state machine: 'compacted', 'future-revision', 'lease-not-found', ... */
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** As `operation-invoked`; the ids are numbers of the same row. */
export interface V3Invoked extends OfClient {
  readonly kind: 'v3-invoked';
  readonly operationId: number;
  readonly operation: V3Operation;
}

export interface V3Returned extends OfClient {
  readonly kind: 'v3-returned';
  readonly operationId: number;
  readonly operation: V3Operation;
  readonly outcome: V3Outcome;
}

/** What a process found on its disk; comes behind its `member-started`. */
export interface V3Opened extends OfProcess {
  readonly kind: 'v3-opened';
  readonly appliedIndex: number;
  readonly revision: number;
  /** -1: nothing ever was compacted. */
  readonly compacted: number;
  readonly rows: readonly V3Row[];
  readonly forcedNewCluster: boolean;
}

/** A member made a revision. */
export interface V3Revision extends OfProcess {
  readonly kind: 'v3-revision';
  readonly revision: number;
  readonly events: readonly V3Event[];
}

/** All up to `index` is applied. */
export interface V3Applied extends OfProcess {
  readonly kind: 'v3-applied';
  readonly index: number;
  /** Above `index` while entries are read again whose effect a restart found on disk. */
  readonly appliedIndex: number;
  readonly revision: number;
  readonly compacted: number;
  /** Over HashKV, leases, their keys and alarms; sampled as in Applied. */
  readonly stateHash: string | undefined;
}

/** A commit of the backend, or other content in its place, is durable. */
export interface V3Durable extends OfProcess {
  readonly kind: 'v3-durable';
  readonly appliedIndex: number;
}

/** An entry that begins or ends a lease is committed; told by each member. */
export interface V3LeaseCommitted extends OfProcess {
  readonly kind: 'v3-grant-committed' | 'v3-revoke-committed';
  readonly index: number;
  readonly lease: number;
}

export interface V3WatchBegun extends OfClient, V3Span {
  readonly kind: 'v3-watch-begun';
  readonly watcherId: number;
  /** The first revision asked for; 0: from now on. */
  readonly since: number;
  /** Of the member's store at that moment. */
  readonly revision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

export interface V3WatchDelivered extends OfClient {
  readonly kind: 'v3-watch-delivered';
  readonly watcherId: number;
  readonly events: readonly (V3Event & { readonly previous: V3Row | undefined })[];
  /** All up to this revision that concerns the watch has been told. */
  readonly revision: number;
}

/** The end of a watch: it was cut or left, or what it was to go on from is compacted away. */
export interface V3WatchEnded extends OfClient {
  readonly kind: 'v3-watch-ended';
  readonly watcherId: number;
  /** Undefined where it simply ended. */
  readonly compacted: number | undefined;
}

/** At the end, of each member that runs. */
export interface V3Final extends OfProcess {
  readonly kind: 'v3-final';
  readonly revision: number;
  readonly rows: readonly V3Row[];
  readonly leases: readonly { readonly lease: number; readonly ttl: number }[];
}

export type V3Observation =
  | V3Invoked
  | V3Returned
  | V3Opened
  | V3Revision
  | V3Applied
  | V3Durable
  | V3LeaseCommitted
  | V3WatchBegun
  | V3WatchDelivered
  | V3WatchEnded
  | V3Final;
