/** /version: the line of etcd this program is compatible with, and the version the cluster agreed on. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { JSON_HEADERS } from '../http/answers.ts';

/** The etcd release whose behaviour this server has. */
export const ETCD_VERSION = '3.4.23';

export function serveVersion(exchange: HttpExchange, server: QuorateServer): void {
  exchange.send(
    200,
    JSON_HEADERS,
    `{"etcdserver":"${ETCD_VERSION}","etcdcluster":"${server.clusterVersion}"}`,
  );
}
