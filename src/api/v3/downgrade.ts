/** Maintenance.Downgrade: a request's action becomes one of the server's. */
import { GrpcStatus } from '../../net/grpc-call.ts';
import type { DowngradeControl } from '../../server/v3-contract.ts';
import { type RpcError, rpcError } from './errors.ts';

const VALIDATE = 0;
const ENABLE = 1;
const CANCEL = 2;
const UNKNOWN_ACTION: RpcError = { status: GrpcStatus.unknown, message: 'etcdserver: unknown method' };

export type DowngradeAnswer =
  | { readonly ok: true; readonly clusterVersion: string }
  | { readonly ok: false; readonly error: RpcError };

/**
 * `action`: as numbered by etcd, or a number that it does not know. etcd 3.5's answers, but for one: it answers an action that was done with "request timed out", since its members never report the entry as
 * applied. Here the version comes, as for VALIDATE.
 */
export function downgrade(
  { action, version }: { readonly action: number; readonly version: string },
  control: DowngradeControl,
  done: (answer: DowngradeAnswer) => void,
): void {
  const answer: Parameters<DowngradeControl['cancel']>[0] = (outcome) => {
    if (outcome.ok) done({ ok: true, clusterVersion: outcome.value.version });
    else done({ ok: false, error: rpcError(outcome.error) });
  };
  if (action === VALIDATE) control.validate(version, answer);
  else if (action === ENABLE) control.enable(version, answer);
  else if (action === CANCEL) control.cancel(answer);
  else done({ ok: false, error: UNKNOWN_ACTION });
}
