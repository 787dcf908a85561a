/** A member reduced to its network: a PeerNetwork behind a listener, which keeps what raft would be told. */
import type { TestContext } from 'node:test';
import { type Listener, listen } from '../../src/net/listener.ts';
import type { ServerTls } from '../../src/net/tls/server-tls.ts';
import {
  createPeerNetwork,
  type HttpPeerNetwork,
  type PeerNetworkOptions,
  peerListenerLimits,
} from '../../src/peer/peer-network.ts';
import { nodeClock } from '../../src/platform/node-clock.ts';
import type { SnapshotForm } from '../../src/ports/peer-network.ts';
import type { MemberId, Message } from '../../src/raft/types.ts';
import { RecordingLog } from './recording-log.ts';

export const CLUSTER_ID = 0xcdf818194e3a8c32n;

export interface TestMember {
  readonly id: MemberId;
  readonly network: HttpPeerNetwork;
  readonly url: string;
  readonly listener: Listener;
  readonly log: RecordingLog;
  readonly received: Message[];
  /** What came behind each snapshot message. */
  readonly states: Buffer[];
  /** What form each of those was said to have. */
  readonly forms: SnapshotForm[];
  readonly removed: Set<MemberId>;
  readonly events: string[];
  /** Resolves once `condition` holds; looked at whenever something happens to this member. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export interface TestMemberOptions extends Partial<PeerNetworkOptions> {
  readonly port?: number;
  readonly tls?: ServerTls;
  /** Runs for each message before it is kept; may throw nothing. */
  readonly onMessage?: (message: Message) => void;
}

export async function startMember(
  t: TestContext,
  id: MemberId,
  { port = 0, tls, onMessage, ...options }: TestMemberOptions = {},
): Promise<TestMember> {
  const log = new RecordingLog();
  const received: Message[] = [];
  const states: Buffer[] = [];
  const forms: SnapshotForm[] = [];
  const events: string[] = [];
  const removed = new Set<MemberId>();
  const waiting = new Set<() => void>();
  const happened = (): void => {
    for (const look of waiting) look();
  };
  const ownPeerURLs: string[] = [];
  const network = createPeerNetwork({
    memberId: id,
    clusterId: CLUSTER_ID,
    serverVersion: '3.4.23',
    minClusterVersion: '3.0.0',
    ownPeerURLs,
    clock: nodeClock,
    log,
    members: () => [
      { id, name: `m${id}`, peerURLs: ownPeerURLs, clientURLs: ['http://127.0.0.1:1'], isLearner: false },
    ],
    versionInfo: () => ({ server: '3.4.23', cluster: '3.4.0' }),
    promoteMember: (_id, done) => done({ ok: true }),
    ...options,
  });
  const listener = await listen({
    host: '127.0.0.1',
    port,
    handler: network.handler,
    limits: peerListenerLimits(),
    log,
    clock: nodeClock,
    ...(tls !== undefined && { tls }),
  });
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${listener.port}`;
  ownPeerURLs.push(url);
  network.start({
    onMessage(message) {
      onMessage?.(message);
      received.push(message);
      happened();
    },
    async onSnapshot(message, state, form) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of state) chunks.push(chunk);
      received.push(message);
      states.push(Buffer.concat(chunks));
      forms.push(form);
      happened();
    },
    onQuestion(method, path, body, reply) {
      if (path !== '/leases') reply(undefined);
      else
        reply({
          status: 200,
          contentType: 'text/plain',
          body: Buffer.concat([Buffer.from(`${method} ${path} `), body]),
        });
    },
    onUnreachable(peer) {
      events.push(`unreachable ${peer}`);
      happened();
    },
    onSnapshotSent(peer, ok) {
      events.push(`snapshot ${peer} ${ok ? 'sent' : 'failed'}`);
      happened();
    },
    isRemoved: (peer) => removed.has(peer),
    onGone() {
      events.push('gone');
      happened();
    },
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= network.stop().then(() => listener.close());
    return closing;
  };
  t.after(close);
  return {
    id,
    network,
    url,
    listener,
    log,
    received,
    states,
    forms,
    removed,
    events,
    close,
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Makes each know the other, and waits until all four streams are up. */
export async function connect(a: TestMember, b: TestMember): Promise<void> {
  a.network.addPeer(b.id, [b.url]);
  b.network.addPeer(a.id, [a.url]);
  await Promise.all([streamsUp(a, b.id), streamsUp(b, a.id)]);
}

/** Both writers of `member` towards `peer` are attached. */
export async function streamsUp(member: TestMember, peer: MemberId): Promise<void> {
  for (const type of ['stream MsgApp v2', 'stream Message']) {
    await member.log.line(
      (line) =>
        line.message === 'established TCP streaming connection with remote peer' &&
        line['stream-writer-type'] === type &&
        line['remote-peer-id'] === peer.toString(16),
    );
  }
}
