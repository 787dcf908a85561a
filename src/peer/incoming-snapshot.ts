/**
 * POST /raft/snapshot: a snapshot from the leader, framed as snapshot-sender.ts draws it, in either of the two forms. The v3 state behind the message is
 * never in memory as a whole.
 */
import type { HttpExchange } from '../net/http-exchange.ts';
import type { SnapshotForm, SnapshotMessage } from '../ports/peer-network.ts';
import { formatId, parseId } from '../wire/id-text.ts';
import { decodeMessage } from '../wire/raftpb.ts';
import { BodyChunks } from './body-chunks.ts';
import { whyNot } from './incoming-message.ts';
import type { IncomingPeers } from './incoming-peers.ts';
import { admitPost } from './incoming-post.ts';
import { answerJson, answerText } from './peer-answers.ts';
import type { PeerCounters } from './peer-counters.ts';
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
  const form: SnapshotForm = exchange.header(SNAPSHOT_HEADER_LOWER) === SNAPSHOT_KIND ? 'quorate' : 'etcd';
  const facts = { 'remote-snapshot-sender-id': sender === undefined ? '' : formatId(sender), form };
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
  const receive = async (): Promise<void> => {
    const body = new BodyChunks(exchange);
    const message = await readMessage(body, limits.snapshotBytes);
    if (typeof message === 'string') {
      refuse(400, message);
      return;
    }
    log.info('receiving snapshot', { ...facts, 'incoming-snapshot-index': message.snapshot.metadata.index });
    const rejection = whyNot(environment, message);
    if (rejection !== undefined) {
      settle(rejection);
      answerJson(exchange, 403, `{"message":"${rejection}"}`, headers);
      return;
    }
    await environment.handlers().onSnapshot(message, counted(body.rest(), counters), form);
    log.info('received snapshot', { ...facts, 'incoming-snapshot-index': message.snapshot.metadata.index });
    settle(undefined);
    if (!exchange.closed) exchange.send(204, headers, '');
  };
  receive().catch((error: Error) => refuse(500, error.message));
}

/** The message, or what is wrong with it. */
async function readMessage(body: BodyChunks, limitBytes: number): Promise<SnapshotMessage | string> {
  const prefix = await body.take(SNAPSHOT_LENGTH_BYTES);
  if (prefix === undefined) return UNEXPECTED_END;
  const length = new DataView(prefix.buffer).getBigUint64(0);
  if (length > BigInt(limitBytes)) {
    return `failed to decode raft message (${length} bytes are more than the limit of ${limitBytes})`;
  }
  const bytes = await body.take(Number(length));
  if (bytes === undefined) return UNEXPECTED_END;
  try {
    const message = decodeMessage(bytes);
    return message.type === 'snapshot' ? message : 'wrong raft message type';
  } catch (error) {
    return `failed to decode raft message (${(error as Error).message})`;
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  counters: PeerCounters | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (counters !== undefined) counters.receivedBytes += chunk.length;
    yield chunk;
  }
}

const UNEXPECTED_END = 'failed to decode raft message (unexpected EOF)';
