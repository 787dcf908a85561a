/** The rows of the metrics table that tell of connections: what the listeners took, and what they refused. */
import type { ListenerMetrics } from '../../net/listener-metrics.ts';
import type { MetricRow } from './lazy-metric.ts';

export interface ListenerFigures {
  /** The URL listened on. */
  readonly url: string;
  readonly metrics: Readonly<ListenerMetrics>;
}

type Figure = readonly [name: string, help: string, field: keyof ListenerMetrics];

const FIGURES: readonly Figure[] = [
  ['connections_accepted_total', 'Connections accepted.', 'accepted'],
  ['connections_refused_total', 'Connections refused because too many were open.', 'refusedConnections'],
  ['tls_handshake_failures_total', 'Connections ended in their TLS handshake.', 'tlsHandshakeFailures'],
  ['requests_total', 'Requests taken, gRPC calls among them.', 'requests'],
  ['requests_refused_total', 'Requests refused before anything heard of them.', 'refusedRequests'],
  ['timeouts_total', 'Connections and calls ended because a client was too slow.', 'timeouts'],
  ['received_bytes_total', 'Bytes received.', 'receivedBytes'],
  ['http2_connections_total', 'Connections that spoke HTTP/2.', 'http2Connections'],
  [
    'http2_protocol_errors_total',
    'HTTP/2 connections and streams ended for breaking the protocol, floods among them.',
    'protocolErrors',
  ],
  [
    'http2_floods_total',
    'HTTP/2 connections ended for frames, pings, resets or headers without end.',
    'floods',
  ],
];

export function listenerRows(listeners: () => readonly ListenerFigures[]): MetricRow[] {
  return FIGURES.map(([name, help, field]) => ({
    name: `quorate_listener_${name}`,
    help,
    type: 'counter',
    samples: () => listeners().map(({ url, metrics }) => ({ labels: { url }, value: metrics[field] })),
  }));
}
