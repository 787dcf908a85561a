import type { FlagSpec } from '../flag-spec.ts';

const v3Auth = 'v3 authentication';

export const authFlags = [
  {
    name: 'auth-token',
    kind: 'text',
    default: 'simple',
    doc: "Kind of v3 tokens: 'simple', or 'jwt' with its options.",
    needs: v3Auth,
  },
  {
    name: 'bcrypt-cost',
    kind: 'count',
    default: '10',
    doc: "Cost of hashing users' passwords, 4 to 31.",
    needs: v3Auth,
  },
  {
    name: 'auth-token-ttl',
    kind: 'count',
    default: '300',
    doc: 'Seconds for which a simple token lives.',
    needs: v3Auth,
  },
] as const satisfies readonly FlagSpec[];

export const monitoringFlags = [
  {
    name: 'enable-pprof',
    kind: 'switch',
    default: 'false',
    doc: "Serve Go's runtime profiles at /debug/pprof/.",
    needs: 'a profiler with a web address; run Node.js with --cpu-prof instead',
  },
  {
    name: 'metrics',
    kind: 'choice',
    choices: ['basic', 'extensive'],
    default: 'basic',
    doc: "Detail of /metrics: 'basic', or 'extensive' with a histogram of each gRPC method.",
  },
  {
    name: 'listen-metrics-urls',
    kind: 'urls',
    default: '',
    doc: 'Where to serve /metrics and /health besides the client URLs.',
  },
] as const satisfies readonly FlagSpec[];

const rotation = 'rotation of log files; let logrotate (copytruncate) or journald do it';

export const loggingFlags = [
  {
    name: 'logger',
    kind: 'text',
    default: 'zap',
    doc: "Only 'zap': one JSON object a line, as etcd's zap logger writes.",
  },
  {
    name: 'log-outputs',
    kind: 'list',
    default: 'default',
    doc: "Where log lines go: 'stderr' ('default'), 'stdout', paths of files.",
  },
  {
    name: 'log-output',
    kind: 'list',
    default: 'default',
    doc: 'The old name of --log-outputs.',
    deprecated: 'use --log-outputs',
  },
  {
    name: 'log-level',
    kind: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'],
    default: 'info',
    doc: 'Least severe lines to write: debug, info, warn, error, panic or fatal.',
  },
  {
    name: 'debug',
    kind: 'switch',
    default: 'false',
    doc: 'The same as --log-level debug.',
    deprecated: 'use --log-level debug',
  },
  {
    name: 'log-package-levels',
    kind: 'text',
    default: '',
    doc: "A level for each of etcd's Go packages.",
    needs: 'Go packages; use --log-level',
  },
  {
    name: 'enable-log-rotation',
    kind: 'switch',
    default: 'false',
    doc: 'Rotate the log file.',
    needs: rotation,
  },
  {
    name: 'log-rotation-config-json',
    kind: 'text',
    default: '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    doc: 'When and how to rotate the log file.',
    needs: rotation,
  },
] as const satisfies readonly FlagSpec[];

export const unsafeFlags = [
  {
    name: 'force-new-cluster',
    kind: 'switch',
    default: 'false',
    doc: "Restart from this member's data as a cluster of one: for when the majority is lost for good.",
  },
  {
    name: 'unsafe-no-fsync',
    kind: 'switch',
    default: 'false',
    doc: 'Do not wait for the disk. An outage loses data; for tests.',
  },
] as const satisfies readonly FlagSpec[];

export const programFlags = [
  {
    name: 'config-file',
    kind: 'text',
    default: '',
    doc: 'Read everything from this YAML file; all other flags and variables are ignored.',
    fileKey: 'none',
  },
  {
    name: 'version',
    kind: 'switch',
    default: 'false',
    doc: 'Print the version and exit.',
    fileKey: 'none',
  },
] as const satisfies readonly FlagSpec[];
