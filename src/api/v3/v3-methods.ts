/** The v3 API as one table: all services that a member offers over gRPC, which the JSON gateway serves, too. */
import type { GrpcMethods } from '../../net/grpc-call.ts';
import type { QuorateServer } from '../../server/contract.ts';
import type { V3Maintenance, V3Server } from '../../server/v3-contract.ts';
import type { HealthService } from '../grpc-health/health-service.ts';
import { withReflection } from '../reflection/reflection-service.ts';
import { KvService, type KvServiceOptions } from './kv-service.ts';
import { RpcContext } from './rpc-context.ts';

export function v3Methods(
  server: QuorateServer & { readonly v3: V3Server; readonly maintenance: V3Maintenance },
  health: HealthService,
  options: KvServiceOptions,
): GrpcMethods {
  const context = new RpcContext(server);
  return withReflection(new Map([...new KvService(context, options).methods(), ...health.methods()]));
}
