/** The v3 API as one table: all services that a member offers over gRPC, which the JSON gateway serves, too. */
import type { GrpcMethods } from '../../net/grpc-call.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HealthService } from '../grpc-health/health-service.ts';
import { withReflection } from '../reflection/reflection-service.ts';
import { authMethods } from './auth-service.ts';
import { ClusterService } from './cluster-service.ts';
import { electionMethods } from './concurrency/election-service.ts';
import { lockMethods } from './concurrency/lock-service.ts';
import { KvService, type KvServiceOptions } from './kv-service.ts';
import { LeaseService } from './lease-service.ts';
import { MaintenanceService } from './maintenance-service.ts';
import { RpcContext, type V3Backed } from './rpc-context.ts';
import { WatchService } from './watch-service.ts';

export interface V3MethodsOptions extends KvServiceOptions {
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** Largest gRPC message, in bytes. */
  readonly messageBytesMax: number;
  /** Between two notes of progress of a quiet watch. */
  readonly watchProgressIntervalMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export function v3Methods(server: V3Backed, health: HealthService, options: V3MethodsOptions): GrpcMethods {
  const { clock, electionTimeoutMs, messageBytesMax, watchProgressIntervalMs, random } = options;
  const context = new RpcContext(server, clock, electionTimeoutMs);
  const watches = new WatchService(context, {
    progressIntervalMs: watchProgressIntervalMs,
    fragmentBytes: messageBytesMax,
    clock,
    random,
  });
  return withReflection(
    new Map([
      ...new KvService(context, options).methods(),
      ...watches.methods(),
      ...new LeaseService(context).methods(),
      ...new ClusterService(context).methods(),
      ...new MaintenanceService(context).methods(),
      ...authMethods(context),
      ...lockMethods(context),
      ...electionMethods(context),
      ...health.methods(),
    ]),
  );
}
