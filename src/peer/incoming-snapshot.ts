/**
 * POST /raft/snapshot: a snapshot from the leader, framed as snapshot-sender.ts draws it. Taken only without a v3 database;
 * what an etcd member sends is refused before its database is read.
 */
import type { HttpExchange } from '../net/http-exchange.ts';
import { formatId, parseId } from '../wire/id-text.ts';
import { decodeMessage } from '../wire/raftpb.ts';
import { deliver } from './incoming-message.ts';
import type { IncomingPeers } from './incoming-peers.ts';
import { admitPost } from './incoming-post.ts';
import { answerJson, answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { SNAPSHOT_HEADER_LOWER, SNAPSHOT_KIND } from './peer-headers.ts';
import { SNAPSHOT_LENGTH_BYTES } from './snapshot-sender.ts';

export function handleSnapshot(
  environment: PeerEnvironment,
  peers: IncomingPeers,
  exchange: HttpExchange,
): void {
  const headers = admitPost(environment, peers, exchange);
  if (headers === undefined) return;
  const sender = parseId(exchange.header('x-server-from'));
  const counters = sender === undefined ? undefined : peers.peer(sender)?.counters;
  const facts = { 'remote-snapshot-sender-id': sender === undefined ? '' : formatId(sender) };
  if (exchange.header(SNAPSHOT_HEADER_LOWER) !== SNAPSHOT_KIND) {
    if (counters !== undefined) counters.snapshotReceiveFailures++;
    const why =
      'this member needs a snapshot and the leader runs etcd: snapshots to and from etcd members are not supported yet';
    if (peers.repeatedLog.isDue(`snapshot ${sender}`)) environment.log.error(why, facts);
    answerText(exchange, 501, why, headers);
    return;
  }
  const { clock, limits, log } = environment;
  const startMs = clock.monotonicMs();
  if (counters !== undefined) counters.snapshotReceiveInFlight++;
  const settle = (failure: string | undefined): void => {
    if (counters === undefined) return;
    counters.snapshotReceiveInFlight--;
    if (failure !== undefined) counters.snapshotReceiveFailures++;
    else {
      counters.snapshotReceiveSuccess++;
      counters.snapshotReceiveSeconds.observe((clock.monotonicMs() - startMs) / 1000);
    }
  };
  const refuse = (status: number, why: string): void => {
    log.warn('refused a snapshot', { ...facts, error: why });
    settle(why);
    if (!exchange.closed) answerText(exchange, status, why, headers);
  };
  collect(exchange, limits.snapshotBytes, (body) => {
    if (typeof body === 'string') {
      refuse(400, body);
      return;
    }
    if (counters !== undefined) counters.receivedBytes += body.length;
    const decoded = decodeSnapshot(body);
    if (typeof decoded === 'string') {
      refuse(400, decoded);
      return;
    }
    log.info('received snapshot', {
      ...facts,
      'incoming-snapshot-index': decoded.snapshot.metadata.index,
      'incoming-snapshot-message-size-bytes': body.length,
    });
    const rejection = deliver(environment, decoded, body.length);
    settle(rejection);
    if (rejection === undefined) exchange.send(204, headers, '');
    else answerJson(exchange, 403, `{"message":"${rejection}"}`, headers);
  });
}

function decodeSnapshot(body: Uint8Array) {
  try {
    const message = decodeMessage(body);
    return message.type === 'snapshot' ? message : 'wrong raft message type';
  } catch (error) {
    return `failed to decode raft message (${(error as Error).message})`;
  }
}

/**
 * Reads the length and then exactly so many bytes into a buffer of that size: a snapshot is in memory once. Calls back with
 * what is wrong instead when the body is shorter, longer or beyond `limitBytes`; not at all when the client is gone.
 */
function collect(
  exchange: HttpExchange,
  limitBytes: number,
  done: (body: Uint8Array | string) => void,
): void {
  const prefix = new Uint8Array(SNAPSHOT_LENGTH_BYTES);
  let prefixed = 0;
  let body: Uint8Array | undefined;
  let filled = 0;
  let failure: string | undefined;
  const take = (chunk: Uint8Array): void => {
    let rest = chunk;
    if (body === undefined) {
      const part = rest.subarray(0, SNAPSHOT_LENGTH_BYTES - prefixed);
      prefix.set(part, prefixed);
      prefixed += part.length;
      if (prefixed < SNAPSHOT_LENGTH_BYTES) return;
      rest = rest.subarray(part.length);
      const length = new DataView(prefix.buffer).getBigUint64(0);
      if (length > BigInt(limitBytes)) {
        failure = `failed to decode raft message (${length} bytes are more than the limit of ${limitBytes})`;
        return;
      }
      body = new Uint8Array(Number(length));
    }
    if (rest.length > body.length - filled) {
      failure = 'unexpected bytes after the snapshot message';
      return;
    }
    body.set(rest, filled);
    filled += rest.length;
  };
  exchange.streamBody(
    (chunk) => {
      if (failure === undefined) take(chunk);
      return true;
    },
    (complete) => {
      if (!complete) done('the body broke off');
      else if (failure !== undefined) done(failure);
      else if (body === undefined || filled < body.length)
        done('failed to decode raft message (unexpected EOF)');
      else done(body);
    },
  );
}
