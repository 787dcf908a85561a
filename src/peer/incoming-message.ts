/** POST /raft: one message from a member that has no stream to us. 204 once raft has it. */
import type { HttpExchange } from '../net/http-exchange.ts';
import type { Message } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { decodeMessage } from '../wire/raftpb.ts';
import type { IncomingPeers } from './incoming-peers.ts';
import { admitPost } from './incoming-post.ts';
import { answerJson, answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';

export function handleMessage(
  environment: PeerEnvironment,
  peers: IncomingPeers,
  exchange: HttpExchange,
): void {
  const headers = admitPost(environment, peers, exchange);
  if (headers === undefined) return;
  exchange.readBody(environment.limits.messageBytes, (body) => {
    const message = decode(environment, body);
    if (message === undefined) {
      answerText(exchange, 400, 'error unmarshalling raft message', headers);
      return;
    }
    const counters = peers.peer(message.from)?.counters;
    if (counters !== undefined) counters.receivedBytes += body.length;
    if (message.type === 'snapshot') {
      environment.log.error('refused a snapshot without a v3 database from a member that may be etcd', {
        'remote-peer-id': formatId(message.from),
      });
      answerText(exchange, 501, 'snapshots are taken at /raft/snapshot only', headers);
      return;
    }
    const rejection = deliver(environment, message, body.length);
    if (rejection === undefined) exchange.send(204, headers, '');
    else answerJson(exchange, 403, `{"message":"${rejection}"}`, headers);
  });
}

function decode(environment: PeerEnvironment, body: Uint8Array): Message | undefined {
  try {
    return decodeMessage(body);
  } catch (error) {
    environment.log.warn('failed to unmarshal raft message', { error: (error as Error).message });
    return undefined;
  }
}

/** Hands the message to raft, or says why not in etcd's words. */
function deliver(environment: PeerEnvironment, message: Message, bytes: number): string | undefined {
  const rejection = whyNot(environment, message);
  if (rejection !== undefined) return rejection;
  if (message.type === 'append') environment.receivedAppends.record(environment.clock.monotonicMs(), bytes);
  environment.handlers().onMessage(message);
  return undefined;
}

/** Why the message is not taken, in etcd's words; undefined if it is. */
export function whyNot(environment: PeerEnvironment, message: Message): string | undefined {
  const { handlers, memberId, log } = environment;
  const facts = { 'remote-peer-id': formatId(message.from), 'message-type': message.type };
  if (handlers().isRemoved(message.from)) {
    log.warn('rejected raft message from removed member', facts);
    return 'cannot process message from removed member';
  }
  if (message.to !== memberId) {
    log.warn('rejected raft message to mismatch member', {
      ...facts,
      'mismatch-member-id': formatId(message.to),
    });
    return 'cannot process message to mismatch member';
  }
  return undefined;
}
