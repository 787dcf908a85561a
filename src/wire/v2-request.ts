/**
 * etcdserverpb.Request: a v2 write as it stands in the log (proto2; field numbers from etcd 3.4's etcdserver.proto).
 * etcd writes all non-nullable fields always, and PrevExist / Refresh only when set; so do we, byte for byte.
 */
export interface V2Request {
  /** Assigned by the server; matches the answer to its waiter. Upper 16 bits: the member; lower 48: its counter. */
  readonly id: bigint;
  readonly method: 'GET' | 'QGET' | 'PUT' | 'POST' | 'DELETE' | 'SYNC' | '';
  /** Full store path. */
  readonly path: string;
  readonly value: string;
  readonly dir: boolean;
  readonly prevValue: string;
  readonly prevIndex: number;
  readonly prevExist: boolean | undefined;
  /** Nanoseconds since the epoch; 0n = none. */
  readonly expirationNs: bigint;
  readonly wait: boolean;
  readonly since: number;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  /** SYNC: the leader's time in nanoseconds. */
  readonly timeNs: bigint;
  readonly stream: boolean;
  readonly refresh: boolean | undefined;
}
