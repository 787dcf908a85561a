/** GET /raft/stream/<segment>/<id>: member <id> opens the stream on which we write to it. */
import type { HttpExchange } from '../net/http-exchange.ts';
import { formatId, parseId } from '../wire/id-text.ts';
import { appendStream } from './append-stream.ts';
import type { IncomingPeers } from './incoming-peers.ts';
import { messageStream } from './message-stream.ts';
import { allowMethod, answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { refuseByHeaders, SNAPSHOT_HEADER, SNAPSHOT_HEADER_LOWER, SNAPSHOT_KIND } from './peer-headers.ts';

/** `place` is what follows /raft/stream/. */
export function handleStream(
  environment: PeerEnvironment,
  peers: IncomingPeers,
  exchange: HttpExchange,
  place: string,
): void {
  if (!allowMethod(exchange, 'GET')) return;
  const headers =
    `X-Server-Version: ${environment.serverVersion}\r\nX-Etcd-Cluster-Id: ${formatId(environment.clusterId)}\r\n` +
    `${SNAPSHOT_HEADER}: ${SNAPSHOT_KIND}\r\n`;
  const refusal = refuseByHeaders(environment, peers.repeatedLog, (name) => exchange.header(name));
  if (refusal !== undefined) {
    answerText(exchange, 412, refusal, headers);
    return;
  }
  const [segment, idText, ...more] = place.split('/');
  const known = segment === appendStream.segment || segment === messageStream.segment;
  if (!known || idText === undefined || more.length > 0) {
    answerText(exchange, 404, 'invalid path', headers);
    return;
  }
  const from = parseId(idText);
  if (from === undefined) {
    answerText(exchange, 404, 'invalid from', headers);
    return;
  }
  const facts = { 'remote-peer-id': formatId(from), 'remote-address': exchange.remoteAddress };
  if (environment.handlers().isRemoved(from)) {
    if (peers.repeatedLog.isDue(`removed ${from}`)) {
      environment.log.warn('rejected stream from remote peer because it was removed', facts);
    }
    answerText(exchange, 410, 'removed member', headers);
    return;
  }
  const peer = peers.peer(from);
  if (peer === undefined) {
    const urls = exchange.header('x-peerurls');
    if (urls) peers.addRemote(from, urls.split(','));
    if (peers.repeatedLog.isDue(`unknown ${from}`)) {
      environment.log.warn('failed to find remote peer in cluster', facts);
    }
    answerText(exchange, 404, 'error sender not found', headers);
    return;
  }
  const to = exchange.header('x-raft-to') ?? '';
  if (to !== formatId(environment.memberId)) {
    if (peers.repeatedLog.isDue(`to ${from} ${to}`)) {
      environment.log.warn('ignored streaming request; ID mismatch', {
        ...facts,
        'remote-peer-id-header': to,
      });
    }
    answerText(exchange, 412, 'to field mismatch', headers);
    return;
  }
  if (exchange.closed) return;
  const stream = exchange.begin(200, headers);
  exchange.onClose(() => peer.lost(segment, stream));
  peer.attach(segment, stream, exchange.remoteAddress, exchange.header(SNAPSHOT_HEADER_LOWER));
}
