/**
 * The requests of etcd's v3 line that go through the log, as the rest of the program sees them. Codecs stand beside this file.
 *
 * Revisions, versions and limits are safe integers; lease, member and request ids are 64-bit and therefore bigint. Keys and values are
 * bytes that nobody changes. An absent field has protobuf's default: empty bytes, 0, 0n, false.
 */

export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

/**
 * The keys of a request. `rangeEnd` empty: `key` alone. A single zero byte: all keys from `key` on. Otherwise [key, rangeEnd).
 */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** As numbered by etcd. */
export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const;
export type SortOrder = number;
export const SortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
export type SortTarget = number;

export interface RangeRequest extends KeyRange {
  readonly limit: number;
  /** 0 (or less): the newest. */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** 0: no bound. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface DeleteRangeRequest extends KeyRange {
  readonly prevKv: boolean;
}

/** As numbered by etcd: the result asked for, and what is compared. */
export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

export interface Compare extends KeyRange {
  readonly result: number;
  readonly target: number;
  /** Which member of the oneof `target_union` is set; undefined: none, and the compared number is 0, the value empty. */
  readonly operand:
    | { readonly kind: 'version' | 'create' | 'mod'; readonly value: number }
    | { readonly kind: 'value'; readonly value: Uint8Array }
    | { readonly kind: 'lease'; readonly value: bigint }
    | undefined;
}

export type RequestOp =
  | { readonly kind: 'range'; readonly request: RangeRequest }
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'delete-range'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  /** A RequestOp with nothing in it: etcd lets it pass and answers an empty ResponseOp's place by failing later; see the codecs. */
  | { readonly kind: 'none' };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface CompactionRequest {
  readonly revision: number;
  readonly physical: boolean;
}

export interface LeaseGrantRequest {
  /** Seconds asked for. */
  readonly ttl: number;
  /** 0n: the server chooses (before the request goes to the log). */
  readonly id: bigint;
}

export interface LeaseRevokeRequest {
  readonly id: bigint;
}

export interface LeaseCheckpoint {
  readonly id: bigint;
  /** Seconds. */
  readonly remainingTtl: number;
}

export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;
export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;

export interface AlarmRequest {
  readonly action: number;
  readonly memberId: bigint;
  readonly alarm: number;
}

/** What one v3 entry of the log asks for. Field numbers of InternalRaftRequest are the codec's business. */
export type V3Request =
  | { readonly kind: 'range'; readonly request: RangeRequest }
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'delete-range'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compaction'; readonly request: CompactionRequest }
  | { readonly kind: 'lease-grant'; readonly request: LeaseGrantRequest }
  | { readonly kind: 'lease-revoke'; readonly request: LeaseRevokeRequest }
  | { readonly kind: 'lease-checkpoint'; readonly checkpoints: readonly LeaseCheckpoint[] }
  | { readonly kind: 'alarm'; readonly request: AlarmRequest }
  | { readonly kind: 'cluster-version-set'; readonly version: string }
  | {
      readonly kind: 'member-attributes-set';
      readonly memberId: bigint;
      readonly name: string;
      readonly clientURLs: readonly string[];
    }
  | { readonly kind: 'downgrade-info-set'; readonly enabled: boolean; readonly version: string }
  /** Requests of etcd's auth, which belong to a later version: `field` is their number in InternalRaftRequest. */
  | { readonly kind: 'auth'; readonly field: number };
