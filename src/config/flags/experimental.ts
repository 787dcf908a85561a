import type { FlagSpec } from '../flag-spec.ts';

const v3Store = 'a v2 API on the v3 store';
const hashes = 'hashes that are kept of compactions';
const tracing = 'distributed tracing';

export const tracingFlags = [
  {
    name: 'experimental-enable-distributed-tracing',
    kind: 'switch',
    default: 'false',
    doc: 'Send OpenTelemetry traces.',
    needs: tracing,
  },
  {
    name: 'experimental-distributed-tracing-address',
    kind: 'text',
    default: 'localhost:4317',
    doc: 'Where the collector of traces listens.',
    needs: tracing,
  },
  {
    name: 'experimental-distributed-tracing-service-name',
    kind: 'text',
    default: 'etcd',
    doc: "The service's name in traces.",
    needs: tracing,
  },
  {
    name: 'experimental-distributed-tracing-instance-id',
    kind: 'text',
    default: '',
    doc: "This member's id in traces.",
    needs: tracing,
  },
  {
    name: 'experimental-distributed-tracing-sampling-rate',
    kind: 'integer',
    default: '0',
    doc: 'Traces to take of a million.',
    needs: tracing,
  },
] as const satisfies readonly FlagSpec[];

export const experimentalFlags = [
  {
    name: 'experimental-initial-corrupt-check',
    kind: 'switch',
    default: 'true',
    doc: 'Compare hashes with the other members before serving. On unless switched off, unlike in etcd.',
  },
  {
    name: 'experimental-corrupt-check-time',
    kind: 'duration',
    default: '10m0s',
    doc: "Time between the leader's comparisons of all members' hashes; 0 for never. etcd makes none unless told.",
  },
  {
    name: 'experimental-compact-hash-check-enabled',
    kind: 'switch',
    default: 'false',
    doc: "Compare the hashes of the members' compactions.",
    needs: hashes,
  },
  {
    name: 'experimental-compact-hash-check-time',
    kind: 'duration',
    default: '1m0s',
    doc: "Time between comparisons of compactions' hashes.",
    needs: hashes,
  },
  {
    name: 'experimental-enable-v2v3',
    kind: 'text',
    default: '',
    doc: 'Keep v2 keys in the v3 store below this prefix.',
    needs: v3Store,
  },
  {
    name: 'experimental-enable-lease-checkpoint',
    kind: 'switch',
    default: 'true',
    doc: "Tell the other members the leases' remaining time, which is always done here.",
    needs: 'a way to do without checkpoints, which are always made',
  },
  {
    name: 'experimental-enable-lease-checkpoint-persist',
    kind: 'switch',
    default: 'true',
    doc: "Keep the leases' remaining time on disk, which is always done here.",
    needs: 'a way to do without checkpoints, which are always made',
  },
  {
    name: 'experimental-compaction-batch-limit',
    kind: 'integer',
    default: '1000',
    doc: 'Most revisions deleted in one slice of a compaction.',
    needs: 'slices by number; here they are cut by time',
    harmless: ['0'],
  },
  {
    name: 'experimental-compaction-sleep-interval',
    kind: 'duration',
    default: '10ms',
    doc: 'Pause between two slices of a compaction.',
    needs: 'slices by number; here requests go first anyway',
    harmless: ['0s'],
  },
  {
    name: 'experimental-watch-progress-notify-interval',
    kind: 'duration',
    default: '10m0s',
    doc: "Time between a v3 watch's notes of progress; 100 ms at least.",
  },
  {
    name: 'experimental-downgrade-check-time',
    kind: 'duration',
    default: '5s',
    doc: 'Time between two looks of the leader whether a downgrade of the cluster is done.',
  },
  {
    name: 'experimental-memory-mlock',
    kind: 'switch',
    default: 'false',
    doc: 'Pin the memory of the process.',
    needs: 'a way to pin memory, which Node.js does not offer',
  },
  {
    name: 'experimental-warning-apply-duration',
    kind: 'duration',
    default: '100ms',
    doc: 'Warn of requests that take longer to apply.',
    needs: 'measuring each applied request',
  },
  {
    name: 'experimental-txn-mode-write-with-shared-buffer',
    kind: 'switch',
    default: 'true',
    doc: "Share a buffer between a v3 transaction's reads and writes.",
    needs: "etcd's way of storing",
  },
  {
    name: 'experimental-bootstrap-defrag-threshold-megabytes',
    kind: 'count',
    default: '0',
    doc: "Defragment bbolt's file on start when that frees this much.",
    needs: 'a bbolt file, which is not used here',
  },
  {
    name: 'experimental-stop-grpc-service-on-defrag',
    kind: 'switch',
    default: 'false',
    doc: 'Stop serving gRPC while defragmenting.',
    needs: 'a defragmentation that disturbs requests; here it does not',
  },
  {
    name: 'experimental-snapshot-catchup-entries',
    kind: 'count',
    default: '5000',
    doc: 'Log entries kept behind a snapshot for slow followers.',
    fileKey: 'experimental-snapshot-catch-up-entries',
    needs: 'a log whose tail behind a snapshot can be set',
  },
  {
    name: 'experimental-backend-bbolt-freelist-type',
    kind: 'text',
    default: 'array',
    doc: 'The 3.4 name of --backend-bbolt-freelist-type.',
    needs: 'a bbolt file, which is not used here',
    harmless: ['', 'map'],
  },
] as const satisfies readonly FlagSpec[];
