/**
 * What the peer port answers:
 *
 *   POST /raft                        one raftpb.Message                        incoming-message.ts
 *   GET  /raft/stream/msgapp/<id>     appends to member <id>, without end       incoming-stream.ts
 *   GET  /raft/stream/message/<id>    everything else to it
 *   POST /raft/snapshot               a snapshot message                        incoming-snapshot.ts
 *   GET  /raft/probing                health and clock
 *   GET  /members                     the cluster's members
 *   POST /members/promote/<id>        makes a learner a voter
 *   GET  /version                     server and cluster version
 *   other paths                       questions to the server above         incoming-question.ts
 *
 * Statuses, texts and headers are etcd's: members of either kind read them.
 */
import type { HttpExchange, HttpHandler } from '../net/http-exchange.ts';
import type { PeerCertificate } from '../net/peer-certificate.ts';
import type { PeerMember } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';
import { quoteGo } from '../wire/go-json.ts';
import { formatId } from '../wire/id-text.ts';
import { handleMessage } from './incoming-message.ts';
import type { IncomingPeers } from './incoming-peers.ts';
import { handleQuestion } from './incoming-question.ts';
import { handleSnapshot } from './incoming-snapshot.ts';
import { handleStream } from './incoming-stream.ts';
import { encodeMembers } from './member-json.ts';
import { allowMethod, answerJson, answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { SNAPSHOT_HEADER, SNAPSHOT_KIND } from './peer-headers.ts';

export type PromoteOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

/** What the peer port asks the server above. */
export interface PeerHandlerSource {
  members(): readonly PeerMember[];
  /** Cluster: 'not_decided' before it is. */
  versionInfo(): { readonly server: string; readonly cluster: string };
  /** Makes a learner a voter and calls back once; codes as in the server's errors. */
  promoteMember(id: MemberId, done: (outcome: PromoteOutcome) => void): void;
  /** Why a client with this certificate may not speak here, undefined if it may. Every request is asked about. */
  refuse?(certificate: PeerCertificate | undefined): string | undefined;
}

const MEMBER_PROMOTE_PREFIX = '/members/promote/';
const STREAM_PREFIX = '/raft/stream/';

export function peerHandler(
  environment: PeerEnvironment,
  peers: IncomingPeers,
  source: PeerHandlerSource,
): HttpHandler {
  return (exchange) => {
    const refusal = source.refuse?.(exchange.clientCertificate);
    if (refusal !== undefined) {
      answerText(exchange, 403, refusal);
      return;
    }
    const { path } = exchange;
    switch (path) {
      case '/raft':
        handleMessage(environment, peers, exchange);
        return;
      case '/raft/snapshot':
        handleSnapshot(environment, peers, exchange);
        return;
      case '/raft/probing':
        answerProbe(environment, exchange);
        return;
      case '/members':
        answerMembers(environment, source, exchange);
        return;
      case '/version':
        answerVersion(source, exchange);
        return;
    }
    if (path.startsWith(STREAM_PREFIX))
      handleStream(environment, peers, exchange, path.slice(STREAM_PREFIX.length));
    else if (path.startsWith(MEMBER_PROMOTE_PREFIX)) {
      promote(environment, source, exchange, path.slice(MEMBER_PROMOTE_PREFIX.length));
    } else handleQuestion(environment, exchange);
  };
}

function answerProbe(environment: PeerEnvironment, exchange: HttpExchange): void {
  const now = new Date(environment.clock.wallTimeMs()).toISOString();
  const headers = `${SNAPSHOT_HEADER}: ${SNAPSHOT_KIND}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  exchange.send(200, headers, `{"OK":true,"Now":"${now}"}\n`);
}

function answerMembers(
  environment: PeerEnvironment,
  source: PeerHandlerSource,
  exchange: HttpExchange,
): void {
  if (!allowMethod(exchange, 'GET')) return;
  answerJson(exchange, 200, `${encodeMembers(source.members())}\n`, clusterIdHeader(environment));
}

function answerVersion(source: PeerHandlerSource, exchange: HttpExchange): void {
  if (!allowMethod(exchange, 'GET')) return;
  const { server, cluster } = source.versionInfo();
  answerJson(exchange, 200, `{"etcdserver":${quoteGo(server)},"etcdcluster":${quoteGo(cluster)}}`);
}

function promote(
  environment: PeerEnvironment,
  source: PeerHandlerSource,
  exchange: HttpExchange,
  idText: string,
): void {
  if (!allowMethod(exchange, 'POST')) return;
  const headers = clusterIdHeader(environment);
  const id = /^\d{1,20}$/.test(idText) ? BigInt(idText) : undefined;
  if (id === undefined || id >= 1n << 64n) {
    answerText(exchange, 404, `member ${idText} not found in cluster`, headers);
    return;
  }
  source.promoteMember(id, (outcome) => {
    if (exchange.closed) return;
    if (outcome.ok) {
      answerJson(exchange, 200, `${encodeMembers(source.members())}\n`, headers);
      return;
    }
    const { code, message } = outcome.error;
    environment.log.warn('failed to promote a member', { 'member-id': formatId(id), error: message });
    if (code === 'member-id-not-found') answerText(exchange, 404, message, headers);
    else if (code === 'not-learner' || code === 'learner-not-ready')
      answerText(exchange, 412, message, headers);
    else answerJson(exchange, 500, '{"message":"Internal Server Error"}', headers);
  });
}

function clusterIdHeader(environment: PeerEnvironment): string {
  return `X-Etcd-Cluster-Id: ${formatId(environment.clusterId)}\r\n`;
}
