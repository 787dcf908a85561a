import type { HttpExchange } from '../net/http-exchange.ts';
import { formatId } from '../wire/id-text.ts';
import { addRemoteFromHeaders, type IncomingPeers } from './incoming-peers.ts';
import { allowMethod, answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { refuseByHeaders } from './peer-headers.ts';

/**
 * What every message posted by a member passes first: the method, the cluster and version it speaks for, and who it says it is.
 * Returns the headers of the answer to come, undefined if the request has been refused and answered.
 */
export function admitPost(
  environment: PeerEnvironment,
  peers: IncomingPeers,
  exchange: HttpExchange,
): string | undefined {
  if (!allowMethod(exchange, 'POST')) return undefined;
  const headers = `X-Etcd-Cluster-Id: ${formatId(environment.clusterId)}\r\n`;
  const refusal = refuseByHeaders(environment, peers.repeatedLog, (name) => exchange.header(name));
  if (refusal !== undefined) {
    answerText(exchange, 412, refusal, headers);
    return undefined;
  }
  addRemoteFromHeaders(peers, exchange);
  return headers;
}
