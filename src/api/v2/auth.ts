/** /v2/auth while authentication is not part of this program: it is off, and what would change that is refused in a sentence. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { JSON_HEADERS, sendMessage, sendMethodNotAllowed } from '../http/answers.ts';

/**
 * etcd asks its store at each request whether authentication is on, and finds nothing while it is off: reads that fail. Clients see them
 * in /v2/stats/store, so they are counted here, without being made.
 */
export interface AuthLookups {
  count: number;
}

const NOT_BUILT = 'v2 authentication is not available in this version: it is disabled and cannot be changed';

export function serveAuthEnable(exchange: HttpExchange, server: QuorateServer, lookups: AuthLookups): void {
  if (exchange.method !== 'GET') {
    serveAuthAccounts(exchange, server, lookups, 'GET,PUT,DELETE');
    return;
  }
  lookups.count++;
  exchange.send(200, JSON_HEADERS + clusterLine(server), '{"enabled":false}\n');
}

/** Users and roles: there are none, and none can be made. */
export function serveAuthAccounts(
  exchange: HttpExchange,
  server: QuorateServer,
  lookups: AuthLookups,
  allow: string,
): void {
  if (!allow.split(',').includes(exchange.method)) {
    sendMethodNotAllowed(exchange, allow);
    return;
  }
  lookups.count++;
  sendMessage(exchange, 501, NOT_BUILT, clusterLine(server));
}

function clusterLine(server: QuorateServer): string {
  return `X-Etcd-Cluster-Id: ${server.clusterId.toString(16)}\r\n`;
}
