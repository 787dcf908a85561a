/** The rows of the metrics table that tell of gRPC calls, as the Prometheus middleware of etcd's gRPC names them; calls through the JSON gateway count as well. */
import type { CountedMethods, GrpcTraffic } from '../../net/grpc/grpc-traffic.ts';
import { Histogram } from '../../ports/histogram.ts';
import { counter, gauge, histogramSamples, type Labels, type MetricRow } from './lazy-metric.ts';

/** Prometheus' default buckets, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const TYPES = { unary: 'unary', 'server-stream': 'server_stream', bidirectional: 'bidi_stream' } as const;
/** By number. */
const CODES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange'],
  ...['Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
];
const WATCH = '/etcdserverpb.Watch/Watch';

interface Row {
  readonly labels: Labels;
  readonly traffic: GrpcTraffic;
}

/** Of `--metrics extensive`. */
export function callDurations(): Histogram {
  return new Histogram(BOUNDS);
}

export function grpcRows(methods: CountedMethods): MetricRow[] {
  const rows: readonly Row[] = Array.from(methods, ([path, { kind, traffic }]) => {
    const [, service = '', method = ''] = path.split('/');
    const labels = { grpc_method: method, grpc_service: service, grpc_type: TYPES[kind] };
    return { labels, traffic };
  });
  const each = (name: string, help: string, read: (traffic: GrpcTraffic) => number): MetricRow => ({
    name: `grpc_server_${name}`,
    help,
    type: 'counter',
    samples: () => rows.map(({ labels, traffic }) => ({ labels, value: read(traffic) })),
  });
  const sum = (read: (traffic: GrpcTraffic) => number): number =>
    rows.reduce((total, { traffic }) => total + read(traffic), 0);
  const durations = 'grpc_server_handling_seconds';
  const measured = rows.flatMap(({ labels, traffic }) =>
    traffic.durations === undefined ? [] : [{ labels, spent: traffic.durations }],
  );
  return [
    each('started_total', 'Total number of RPCs started on the server.', ({ started }) => started),
    each(
      'msg_received_total',
      'Total number of RPC stream messages received on the server.',
      ({ messagesReceived }) => messagesReceived,
    ),
    each(
      'msg_sent_total',
      'Total number of gRPC stream messages sent by the server.',
      ({ messagesSent }) => messagesSent,
    ),
    {
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      type: 'counter',
      samples: () =>
        rows.flatMap(({ labels, traffic }) =>
          CODES.map((code, status) => ({
            labels: { grpc_code: code, ...labels },
            value: traffic.handled[status] ?? 0,
          })),
        ),
    },
    ...(measured.length === 0
      ? []
      : [
          {
            name: durations,
            help: 'Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.',
            type: 'histogram' as const,
            samples: () =>
              measured.flatMap(({ labels, spent }) => histogramSamples(durations, spent, labels)),
          },
        ]),
    counter(
      'etcd_network_client_grpc_received_bytes_total',
      'The total number of bytes received from grpc clients.',
      () => sum(({ receivedBytes }) => receivedBytes),
    ),
    counter(
      'etcd_network_client_grpc_sent_bytes_total',
      'The total number of bytes sent to grpc clients.',
      () => sum(({ sentBytes }) => sentBytes),
    ),
    gauge('etcd_debugging_mvcc_watch_stream_total', 'Total number of watch streams.', () => {
      const traffic = methods.get(WATCH)?.traffic;
      return traffic === undefined ? 0 : traffic.started - traffic.handled.reduce((all, one) => all + one, 0);
    }),
  ];
}
