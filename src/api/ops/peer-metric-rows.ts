/** The rows of the metrics table that tell of the traffic with other members: etcd_network_*. */

import type { PeerCounters } from '../../peer/peer-counters.ts';
import type { Histogram } from '../../ports/histogram.ts';
import type { MemberId } from '../../raft/types.ts';
import { histogramSamples, type Labels, type MetricRow } from './lazy-metric.ts';

/** Of each peer as it is now. */
export type PeerCountersSource = () => ReadonlyMap<MemberId, PeerCounters>;

type Figure = readonly [name: string, help: string, read: (peer: PeerCounters) => number];
type Durations = readonly [name: string, help: string, read: (peer: PeerCounters) => Histogram];

const CONNECTIONS: readonly Figure[] = [
  ['active_peers', 'The current number of active peer connections.', (peer) => peer.active],
  ['disconnected_peers_total', 'The total number of disconnected peers.', (peer) => peer.disconnects],
];
const SENT: readonly Figure[] = [
  ['peer_sent_bytes_total', 'The total number of bytes sent to peers.', (peer) => peer.sentBytes],
  ['peer_sent_failures_total', 'The total number of send failures from peers.', (peer) => peer.sentFailures],
  ['snapshot_send_success', 'Total number of successful snapshot sends', (peer) => peer.snapshotSendSuccess],
  ['snapshot_send_failures', 'Total number of snapshot send failures', (peer) => peer.snapshotSendFailures],
  [
    'snapshot_send_inflights_total',
    'Total number of inflight snapshot sends',
    (peer) => peer.snapshotSendInFlight,
  ],
];
const RECEIVED: readonly Figure[] = [
  [
    'peer_received_bytes_total',
    'The total number of bytes received from peers.',
    (peer) => peer.receivedBytes,
  ],
  [
    'peer_received_failures_total',
    'The total number of receive failures from peers.',
    (peer) => peer.receivedFailures,
  ],
  [
    'snapshot_receive_success',
    'Total number of successful snapshot receives',
    (peer) => peer.snapshotReceiveSuccess,
  ],
  [
    'snapshot_receive_failures',
    'Total number of snapshot receive failures',
    (peer) => peer.snapshotReceiveFailures,
  ],
  [
    'snapshot_receive_inflights_total',
    'Total number of inflight snapshot receives',
    (peer) => peer.snapshotReceiveInFlight,
  ],
];
const SENT_DURATIONS: readonly Durations[] = [
  [
    'peer_round_trip_time_seconds',
    'Round-Trip-Time histogram between peers',
    (peer) => peer.roundTripSeconds,
  ],
  [
    'snapshot_send_total_duration_seconds',
    'Total latency distributions of v3 snapshot sends',
    (peer) => peer.snapshotSendSeconds,
  ],
];
const RECEIVED_DURATIONS: readonly Durations[] = [
  [
    'snapshot_receive_total_duration_seconds',
    'Total latency distributions of v3 snapshot receives',
    (peer) => peer.snapshotReceiveSeconds,
  ],
];

export function peerRows(self: MemberId, peers: PeerCountersSource): MetricRow[] {
  const local = self.toString(16);
  const connection = (remote: string): Labels => ({ Local: local, Remote: remote });
  const to = (id: string): Labels => ({ To: id });
  const from = (id: string): Labels => ({ From: id });
  const each = <T>(tell: (peer: PeerCounters, id: string) => T): T[] =>
    Array.from(peers(), ([id, peer]) => tell(peer, id.toString(16)));

  const figures = (rows: readonly Figure[], labels: (id: string) => Labels): MetricRow[] =>
    rows.map(([name, help, read]) => ({
      name: `etcd_network_${name}`,
      help,
      type: GAUGES.has(name) ? 'gauge' : 'counter',
      samples: () => each((peer, id) => ({ labels: labels(id), value: read(peer) })),
    }));
  const durations = (rows: readonly Durations[], labels: (id: string) => Labels): MetricRow[] =>
    rows.map(([rest, help, read]) => {
      const name = `etcd_network_${rest}`;
      const samples = () => each((peer, id) => histogramSamples(name, read(peer), labels(id))).flat();
      return { name, help, type: 'histogram', samples };
    });

  return [
    ...figures(CONNECTIONS, connection),
    ...figures(SENT, to),
    ...figures(RECEIVED, from),
    ...durations(SENT_DURATIONS, to),
    ...durations(RECEIVED_DURATIONS, from),
  ];
}

const GAUGES: ReadonlySet<string> = new Set([
  'active_peers',
  'snapshot_send_inflights_total',
  'snapshot_receive_inflights_total',
]);
