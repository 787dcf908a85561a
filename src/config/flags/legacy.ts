import type { FlagSpec } from '../flag-spec.ts';

const proxy = 'the v2 proxy';

export const proxyFlags = [
  {
    name: 'proxy',
    kind: 'choice',
    choices: ['off', 'readonly', 'on'],
    default: 'off',
    doc: "Serve v2 requests by passing them on to the cluster: 'off', 'readonly' or 'on'.",
    needs: proxy,
  },
  {
    name: 'proxy-failure-wait',
    kind: 'count',
    default: '5000',
    doc: 'Milliseconds for which a failed endpoint is left alone.',
    needs: proxy,
  },
  {
    name: 'proxy-refresh-interval',
    kind: 'count',
    default: '30000',
    doc: 'Milliseconds between two looks at the list of members.',
    needs: proxy,
  },
  {
    name: 'proxy-dial-timeout',
    kind: 'count',
    default: '1000',
    doc: 'Milliseconds to connect to a member; 0 for ever.',
    needs: proxy,
  },
  {
    name: 'proxy-write-timeout',
    kind: 'count',
    default: '5000',
    doc: 'Milliseconds to write to a member; 0 for ever.',
    needs: proxy,
  },
  {
    name: 'proxy-read-timeout',
    kind: 'count',
    default: '0',
    doc: 'Milliseconds to wait for a member; 0 for ever.',
    needs: proxy,
  },
] as const satisfies readonly FlagSpec[];

const ignored = <const Name extends string>(name: Name) =>
  ({
    name,
    kind: 'switch',
    default: 'false',
    doc: 'No longer means anything; a warning says so.',
    fileKey: 'none',
    obsolete: 'ignored',
  }) as const;

const givenUp = <const Name extends string>(name: Name, advice: string) =>
  ({
    name,
    kind: 'text',
    default: '',
    doc: `Given up by etcd 2: ${advice}.`,
    fileKey: 'none',
    obsolete: { advice },
  }) as const;

export const legacyFlags = [
  {
    name: 'ca-file',
    kind: 'text',
    default: '',
    doc: 'The same as --trusted-ca-file with --client-cert-auth.',
    fileKey: 'none',
    deprecated: 'use --trusted-ca-file and --client-cert-auth',
  },
  {
    name: 'peer-ca-file',
    kind: 'text',
    default: '',
    doc: 'The same as --peer-trusted-ca-file with --peer-client-cert-auth.',
    fileKey: 'none',
    deprecated: 'use --peer-trusted-ca-file and --peer-client-cert-auth',
  },
  {
    name: 'addr',
    kind: 'address',
    default: '',
    doc: 'Address to advertise to clients.',
    fileKey: 'none',
    deprecated: 'use --advertise-client-urls',
  },
  {
    name: 'bind-addr',
    kind: 'address',
    default: '',
    doc: 'Address to listen on for clients. Empty: the port of --addr on all interfaces.',
    fileKey: 'none',
    deprecated: 'use --listen-client-urls',
  },
  {
    name: 'peer-addr',
    kind: 'address',
    default: '',
    doc: 'Address to advertise to other members.',
    fileKey: 'none',
    deprecated: 'use --initial-advertise-peer-urls',
  },
  {
    name: 'peer-bind-addr',
    kind: 'address',
    default: '',
    doc: 'Address to listen on for other members. Empty: the port of --peer-addr on all interfaces.',
    fileKey: 'none',
    deprecated: 'use --listen-peer-urls',
  },
  {
    name: 'experimental-v3demo',
    kind: 'switch',
    default: 'false',
    doc: "Serve etcd 2.3's preview of the v3 API.",
    fileKey: 'none',
    needs: 'the v3 API',
  },
  {
    name: 'experimental-gRPC-addr',
    kind: 'text',
    default: '127.0.0.1:2378',
    doc: 'Where the preview of the v3 API listens.',
    fileKey: 'none',
    needs: 'the v3 API',
  },
  {
    name: 'experimental-auto-compaction-retention',
    kind: 'integer',
    default: '0',
    doc: 'Hours of history the preview of the v3 API keeps.',
    fileKey: 'none',
    needs: 'the v3 API',
  },
  givenUp('peers', 'use --initial-cluster'),
  givenUp('peers-file', 'use --initial-cluster'),
  ignored('cluster-active-size'),
  ignored('cluster-remove-delay'),
  ignored('cluster-sync-interval'),
  ignored('config'),
  ignored('force'),
  ignored('max-result-buffer'),
  ignored('max-retry-attempts'),
  ignored('peer-heartbeat-interval'),
  ignored('peer-election-timeout'),
  ignored('retry-interval'),
  ignored('snapshot'),
  ignored('v'),
  ignored('vv'),
  ignored('test.coverprofile'),
  ignored('test.outputdir'),
] as const satisfies readonly FlagSpec[];
