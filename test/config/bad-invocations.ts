/**
 * Command lines that no server should start with, each with the exit code and the words real etcd 3.4 ends with.
 */

export interface BadInvocation {
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly exitCode: 1 | 2;
  /** Part of what both print. */
  readonly phrase: string;
  /** etcd 3.4 does not know the flag, or takes what is refused here. */
  readonly notInEtcd?: true;
}

/** A member that could start, on any free ports; nobody calls the advertised ones. */
const sound = [
  '--listen-client-urls=http://127.0.0.1:0',
  '--advertise-client-urls=http://127.0.0.1:21201',
  '--listen-peer-urls=http://127.0.0.1:0',
  '--initial-advertise-peer-urls=http://127.0.0.1:21202',
];

export const badInvocations: readonly BadInvocation[] = [
  { argv: ['--nosuch'], exitCode: 2, phrase: 'flag provided but not defined: -nosuch' },
  { argv: ['-nosuch=1'], exitCode: 2, phrase: 'flag provided but not defined: -nosuch' },
  { argv: ['--name'], exitCode: 2, phrase: 'flag needs an argument: -name' },
  { argv: ['---name', 'x'], exitCode: 2, phrase: 'bad flag syntax: ---name' },
  { argv: ['--=x'], exitCode: 2, phrase: 'bad flag syntax: --=x' },
  { argv: ['stray'], exitCode: 1, phrase: "'stray' is not a valid flag" },
  { argv: ['-'], exitCode: 1, phrase: "'-' is not a valid flag" },
  { argv: ['--', '--name'], exitCode: 1, phrase: "'--name' is not a valid flag" },
  { argv: ['--pre-vote', 'true'], exitCode: 1, phrase: "'true' is not a valid flag" },
  { argv: ['--version', 'extra'], exitCode: 1, phrase: "'extra' is not a valid flag" },
  {
    argv: ['--pre-vote=maybe'],
    exitCode: 2,
    phrase: 'invalid boolean value "maybe" for -pre-vote: parse error',
  },
  {
    argv: ['--snapshot-count', 'abc'],
    exitCode: 2,
    phrase: 'invalid value "abc" for flag -snapshot-count: parse error',
  },
  {
    argv: ['--snapshot-count=-1'],
    exitCode: 2,
    phrase: 'invalid value "-1" for flag -snapshot-count: parse error',
  },
  { argv: ['--max-wals=1.5'], exitCode: 2, phrase: 'invalid value "1.5" for flag -max-wals: parse error' },
  {
    argv: ['--grpc-keepalive-timeout=5'],
    exitCode: 2,
    phrase: 'invalid value "5" for flag -grpc-keepalive-timeout: parse error',
  },
  {
    argv: ['--initial-cluster-state=old'],
    exitCode: 2,
    phrase: 'invalid value "old" for flag -initial-cluster-state: invalid value',
  },
  { argv: ['--proxy=maybe'], exitCode: 2, phrase: 'invalid value "maybe" for flag -proxy: invalid value' },
  {
    argv: ['--listen-client-urls=foo'],
    exitCode: 2,
    phrase: 'invalid value "foo" for flag -listen-client-urls: URL scheme must be http',
  },
  {
    argv: ['--listen-client-urls=ftp://1.2.3.4:1'],
    exitCode: 2,
    phrase: 'for flag -listen-client-urls: URL scheme must be http',
  },
  {
    argv: ['--listen-client-urls=,http://127.0.0.1:1'],
    exitCode: 2,
    phrase: 'for flag -listen-client-urls: URL scheme must be http',
  },
  {
    argv: ['--listen-peer-urls=http://1.2.3.4'],
    exitCode: 2,
    phrase: 'for flag -listen-peer-urls: URL address does not have the form "host:port": http://1.2.3.4',
  },
  {
    argv: ['--listen-peer-urls=http://::1:2380'],
    exitCode: 2,
    phrase: 'for flag -listen-peer-urls: URL address does not have the form "host:port": http://::1:2380',
  },
  {
    argv: ['--advertise-client-urls=http://1.2.3.4:2379/'],
    exitCode: 2,
    phrase: 'for flag -advertise-client-urls: URL must not contain a path: http://1.2.3.4:2379/',
  },
  {
    argv: ['--listen-client-urls=http://127.0.0.1:abc'],
    exitCode: 2,
    phrase: 'invalid port ":abc" after host',
  },
  {
    argv: ['--cors=foo'],
    exitCode: 2,
    phrase: 'invalid value "foo" for flag -cors: URL scheme must be http',
  },
  {
    argv: ['--listen-client-urls=http://example.com:2379', '--advertise-client-urls=http://example.com:2379'],
    exitCode: 1,
    phrase: 'expected IP in URL for binding (http://example.com:2379)',
  },
  {
    argv: ['--listen-peer-urls=http://:2380'],
    exitCode: 1,
    phrase: 'expected IP in URL for binding (http://:2380)',
  },
  {
    argv: ['--listen-client-urls=http://127.0.0.1:21201'],
    exitCode: 1,
    phrase: '--advertise-client-urls is required when --listen-client-urls is set explicitly',
  },
  {
    argv: ['--advertise-client-urls=http://:2379'],
    exitCode: 1,
    phrase:
      '--advertise-client-urls "http://:2379" must be "host:port" (unexpected empty host (http://:2379))',
  },
  {
    argv: ['--initial-advertise-peer-urls=http://:2380'],
    exitCode: 1,
    phrase:
      '--initial-advertise-peer-urls "http://:2380" must be "host:port" (unexpected empty host (http://:2380))',
  },
  {
    argv: ['--election-timeout=400'],
    exitCode: 1,
    phrase: '--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]',
  },
  {
    argv: ['--election-timeout=60000'],
    exitCode: 1,
    phrase: '--election-timeout[60000ms] is too long, and should be set less than 50000ms',
  },
  { argv: ['--heartbeat-interval=0'], exitCode: 1, phrase: '--heartbeat-interval must be >0 (set to 0ms)' },
  { argv: ['--election-timeout=0'], exitCode: 1, phrase: '--election-timeout must be >0 (set to 0ms)' },
  {
    argv: ['--discovery=http://x/y', '--initial-cluster=a=http://b:1'],
    exitCode: 1,
    phrase: 'multiple discovery or bootstrap flags are set',
  },
  { argv: ['--auto-compaction-mode=foo'], exitCode: 1, phrase: 'unknown auto-compaction-mode "foo"' },
  { argv: ['--logger=foo'], exitCode: 1, phrase: 'unknown logger option "foo"' },
  {
    argv: ['--config-file=/nonexistent'],
    exitCode: 1,
    phrase: 'open /nonexistent: no such file or directory',
  },
  {
    argv: [...sound, '--initial-cluster=default=foo'],
    exitCode: 1,
    phrase: 'error setting up initial cluster: URL scheme must be http',
  },
  {
    argv: [
      '--listen-client-urls=https://127.0.0.1:0',
      '--listen-peer-urls=http://127.0.0.1:0',
      '--advertise-client-urls=https://127.0.0.1:21201',
    ],
    exitCode: 1,
    phrase:
      'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:0 with HTTPS scheme',
  },
  {
    argv: [
      '--listen-client-urls=https://127.0.0.1:0',
      '--listen-peer-urls=http://127.0.0.1:0',
      '--advertise-client-urls=https://127.0.0.1:21201',
      '--cert-file=c.pem',
    ],
    exitCode: 1,
    // etcd gives up too, but only after it has said that it is ready.
    phrase: '--key-file and --cert-file must both be present [key: , cert: c.pem]',
    notInEtcd: true,
  },
  {
    argv: [
      '--listen-client-urls=https://127.0.0.1:0',
      '--listen-peer-urls=http://127.0.0.1:0',
      '--advertise-client-urls=https://127.0.0.1:21201',
      '--cert-file=c.pem',
      '--key-file=k.pem',
      '--cipher-suites=FOO',
    ],
    exitCode: 1,
    phrase: 'unexpected TLS cipher suite "FOO"',
  },
  {
    argv: [],
    environment: { ETCD_SNAPSHOT_COUNT: 'abc' },
    exitCode: 1,
    phrase: 'invalid value "abc" for ETCD_SNAPSHOT_COUNT: parse error',
  },
  // A first start that cannot work.
  {
    argv: [...sound, '--name=other', '--initial-cluster=default=http://127.0.0.1:21202'],
    exitCode: 1,
    phrase: `couldn't find local name "other" in the initial cluster configuration`,
  },
  {
    argv: [...sound, '--initial-cluster='],
    exitCode: 1,
    phrase: `couldn't find local name "default" in the initial cluster configuration`,
  },
  {
    argv: [...sound, '--initial-cluster=default=http://127.0.0.1:21299'],
    exitCode: 1,
    phrase:
      '--initial-cluster has default=http://127.0.0.1:21299 but missing from --initial-advertise-peer-urls=http://127.0.0.1:21202 (resolved urls: "http://127.0.0.1:21202" != "http://127.0.0.1:21299")',
  },
  {
    argv: [
      ...sound,
      '--initial-advertise-peer-urls=http://127.0.0.1:21202,http://127.0.0.1:21203',
      '--initial-cluster=default=http://127.0.0.1:21202',
    ],
    exitCode: 1,
    phrase:
      '--initial-advertise-peer-urls has http://127.0.0.1:21203 but missing from --initial-cluster=default=http://127.0.0.1:21202',
  },
  {
    argv: [...sound, '--initial-cluster=default=http://127.0.0.1:21202,b=http://127.0.0.1:21202'],
    exitCode: 1,
    phrase: 'initial cluster b=http://127.0.0.1:21202,default=http://127.0.0.1:21202 has duplicate url',
  },
  // Flags that etcd 3.4.23 does not know, and values it takes.
  {
    argv: ['--tls-min-version=TLS1.1'],
    exitCode: 1,
    phrase: 'unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
    notInEtcd: true,
  },
  {
    argv: ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
    exitCode: 1,
    phrase: 'min version (TLS1.3) is greater than max version (TLS1.2)',
    notInEtcd: true,
  },
  {
    argv: ['--tls-min-version=TLS1.3', '--cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA'],
    exitCode: 1,
    phrase: 'cipher suites cannot be configured when only TLS1.3 is enabled',
    notInEtcd: true,
  },
  {
    argv: ['--listen-client-urls=unix://localhost:1'],
    exitCode: 2,
    phrase: 'unix sockets are not supported',
    notInEtcd: true,
  },
  {
    argv: ['--listen-client-urls=http://127.0.0.1:70000'],
    exitCode: 2,
    phrase: 'invalid port ":70000" after host',
    notInEtcd: true,
  },
  { argv: ['--log-level=loud'], exitCode: 2, phrase: 'for flag -log-level: invalid value', notInEtcd: true },
  { argv: ['--logger=capnslog'], exitCode: 1, phrase: 'use --logger zap', notInEtcd: true },
  { argv: ['--peers=1.2.3.4:7001'], exitCode: 2, phrase: 'use --initial-cluster', notInEtcd: true },
  {
    argv: ['gateway', 'start'],
    exitCode: 1,
    phrase: "the subcommand 'gateway' is not supported yet",
    notInEtcd: true,
  },
  {
    argv: ['--experimental-memory-mlock=true'],
    exitCode: 1,
    phrase:
      '--experimental-memory-mlock="true" is not supported yet: it needs a way to pin memory, which Node.js does not offer',
    notInEtcd: true,
  },
  {
    argv: ['--discovery=http://discovery.example/1'],
    exitCode: 1,
    phrase: '--discovery="http://discovery.example/1" is not supported yet: it needs the discovery service',
    notInEtcd: true,
  },
  {
    argv: ['--proxy=on'],
    exitCode: 1,
    phrase: '--proxy="on" is not supported yet: it needs the v2 proxy',
    notInEtcd: true,
  },
  {
    argv: [],
    environment: { ETCD_ENABLE_PPROF: 'true' },
    exitCode: 1,
    phrase: '--enable-pprof="true" is not supported yet',
    notInEtcd: true,
  },
];
