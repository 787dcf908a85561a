import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initialClusterOf } from '../../src/config/initial-cluster.ts';
import { configOf, configOfFile, notesOf, read, refusalOf, textsOf } from './read.ts';

describe('the command line', () => {
  test('takes one or two dashes, a value after = or as the next word, bare switches', () => {
    const config = configOf({
      argv: ['-name', 'a', '--data-dir=d=e', '-pre-vote=F', '--force-new-cluster', '-max-wals', '0x10'],
    });
    assert.equal(config.name, 'a');
    assert.equal(config.dataDir, 'd=e');
    assert.equal(config.preVote, false);
    assert.equal(config.forceNewCluster, true);
    assert.equal(config.maxWals, 16);
  });

  test('lets the last value of a flag win', () => {
    assert.equal(configOf({ argv: ['--name=a', '--name', 'b'] }).name, 'b');
  });

  test('takes the next word as a value even if it looks like a flag, as Go does', () => {
    assert.equal(configOf({ argv: ['--name', '--force-new-cluster'] }).name, '--force-new-cluster');
  });
});

describe('defaults', () => {
  test('are those of etcd, with the v2 API and pre-vote on', () => {
    const config = configOf({});
    assert.equal(config.name, 'default');
    assert.equal(config.dataDir, 'default.etcd');
    assert.equal(config.walDir, undefined);
    assert.equal(config.initialClusterText, 'default=http://localhost:2380');
    assert.equal(config.electionTicks, 10);
    assert.equal(config.enableV2, true);
    assert.equal(config.preVote, true);
    assert.deepEqual(config.log, { level: 'info', outputs: ['stderr'] });
    assert.equal(Object.isFrozen(config), true);
  });

  test('follow the name and the advertised peer URLs', () => {
    const config = configOf({
      argv: ['--name=a', '--initial-advertise-peer-urls=http://h:7001,http://h:2380'],
    });
    assert.equal(config.dataDir, 'a.etcd');
    assert.equal(config.initialClusterText, 'a=http://h:2380,a=http://h:7001');
    assert.equal(config.initialCluster[0]?.name, 'a');
  });

  test("put the machine's own address in place of localhost when all interfaces are listened on", () => {
    const argv = ['--listen-peer-urls=http://0.0.0.0:7001'];
    const config = configOf({ argv, defaultHost: '10.0.0.9' });
    assert.equal(textsOf(config.initialAdvertisePeerUrls), 'http://10.0.0.9:7001');
    assert.equal(config.initialClusterText, 'default=http://10.0.0.9:7001');
    assert.equal(textsOf(configOf({ argv }).initialAdvertisePeerUrls), 'http://localhost:2380');
    assert.match(notesOf({ argv }).join('\n'), /failed to detect default host/);
  });

  test("gRPC's bounds are etcd's, and a bound of 0 streams is none", () => {
    const { maxConcurrentStreams, grpcKeepalive } = configOf({});
    assert.equal(maxConcurrentStreams, 4294967295);
    assert.deepEqual(grpcKeepalive, { minTimeMs: 5_000, intervalMs: 7_200_000, timeoutMs: 20_000 });
    const argv = [
      '--max-concurrent-streams=100',
      '--grpc-keepalive-min-time=1s',
      '--grpc-keepalive-interval=0',
    ];
    const given = configOf({ argv: [...argv, '--grpc-keepalive-timeout=1m'] });
    assert.equal(given.maxConcurrentStreams, 100);
    assert.deepEqual(given.grpcKeepalive, { minTimeMs: 1_000, intervalMs: 0, timeoutMs: 60_000 });
    assert.equal(configOf({ argv: ['--max-concurrent-streams=0'] }).maxConcurrentStreams, 4294967295);
  });

  test('a snapshot count of 0 is the default, as in etcd', () => {
    assert.equal(configOf({ argv: ['--snapshot-count=0'] }).snapshotCount, 100000);
  });

  test('short peer timeouts are raised to 5s', () => {
    const given = { argv: ['--raft-read-timeout=1s', '--raft-write-timeout=1m0.5s'] };
    assert.equal(configOf(given).raftReadTimeoutMs, 5000);
    assert.equal(configOf(given).raftWriteTimeoutMs, 60500);
    assert.ok(notesOf(given).includes('info raft-read-timeout increased to minimum value: 5s'));
  });
});

describe('variables', () => {
  test('are taken, and a flag wins over its variable with a warning', () => {
    const given = {
      argv: ['--name=flag'],
      environment: { ETCD_NAME: 'variable', ETCD_DATA_DIR: 'd', ETCD_WAL_DIR: '' },
    };
    const config = configOf(given);
    assert.equal(config.name, 'flag');
    assert.equal(config.dataDir, 'd');
    assert.deepEqual(notesOf(given), [
      'info recognized and used environment variable variable=ETCD_DATA_DIR value=d',
      'warn environment variable is shadowed by the command-line flag variable=ETCD_NAME value=variable flag=--name',
    ]);
  });

  test('unknown ones with the prefix are warned of, those of etcdctl are not', () => {
    const environment = { ETCD_NOSUCH: 'x', ETCDCTL_API: '3', ETCD_VERSION: '3.4' };
    assert.deepEqual(notesOf({ environment }).slice(0, 2), [
      'warn unrecognized environment variable variable=ETCD_NOSUCH value=x',
      'warn cannot set special environment variable variable=ETCD_VERSION value=3.4',
    ]);
  });

  test('set the listened URLs as flags do: the advertised ones must follow', () => {
    const environment = { ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:1' };
    assert.match(refusalOf({ environment }), /--advertise-client-urls is required/);
  });
});

describe('the configuration file', () => {
  test('takes all kinds of values, TLS in sections, lists, numbers of nanoseconds', () => {
    const config = configOfFile(`
name: 007
data-dir:
heartbeat-interval: 200
election-timeout: 2000
pre-vote: no
strict-reconfig-check: 'false'
raft-read-timeout: 6000000000
raft-write-timeout: 7s
proxy: off
log-outputs: [stdout, q.log]
listen-client-urls: https://127.0.0.1:2379
client-transport-security:
  cert-file: c.pem
  key-file: k.pem
  client-cert-auth: true
  trusted-ca-file: ca.pem
peer-transport-security:
  allowed-cn: [a, b]
  auto-tls: true
initial-cluster:
`);
    assert.equal(config.name, '007');
    assert.equal(config.dataDir, '007.etcd');
    assert.equal(config.heartbeatIntervalMs, 200);
    assert.equal(config.preVote, false);
    assert.equal(config.strictReconfigCheck, false);
    assert.equal(config.raftReadTimeoutMs, 6000);
    assert.equal(config.raftWriteTimeoutMs, 7000);
    assert.deepEqual(config.log.outputs, ['stdout', 'q.log']);
    assert.equal(config.clientTls.certFile, 'c.pem');
    assert.equal(config.clientTls.clientCertAuth, true);
    assert.deepEqual(config.peerTls.allowedCommonNames, ['a', 'b']);
    assert.equal(config.peerTls.auto, true);
    assert.equal(config.initialClusterText, '007=http://localhost:2380');
    // Upstream keeps the default to advertise here, unlike on the command line.
    assert.equal(textsOf(config.advertiseClientUrls), 'http://localhost:2379');
  });

  test('shuts out flags and variables, each named in a warning', () => {
    const given = {
      argv: ['--config-file=f', '--name=flag'],
      environment: { ETCD_DATA_DIR: 'variable', ETCD_CONFIG_FILE: 'other' },
      files: { f: 'name: file\n' },
    };
    assert.equal(configOf(given).name, 'file');
    assert.equal(configOf(given).dataDir, 'file.etcd');
    const ignored = notesOf(given).filter((note) => note.startsWith('warn'));
    assert.deepEqual(ignored, [
      'warn ignored because a configuration file is given ignored=--name path=f',
      'warn ignored because a configuration file is given ignored=ETCD_DATA_DIR path=f',
    ]);
  });

  test('can be named by its variable', () => {
    assert.equal(
      configOf({ environment: { ETCD_CONFIG_FILE: 'f' }, files: { f: '{"name": "json"}' } }).name,
      'json',
    );
  });

  const faults: readonly (readonly [yaml: string, sentence: RegExp])[] = [
    ['nosuch: 1', /^q.yml: unknown key "nosuch"$/],
    ['nosuch:', /^q.yml: unknown key "nosuch"$/],
    ['client-transport-security: {ca: x}', /^q.yml: unknown key "client-transport-security.ca"$/],
    ['cert-file: x', /^q.yml: unknown key "cert-file"$/],
    ['config-file: x', /^q.yml: unknown key "config-file"$/],
    ['- a', /^q.yml: the file must be a mapping of keys to values$/],
    ['peer-transport-security: x', /^q.yml: peer-transport-security must be a mapping/],
    ['name: [a]', /^q.yml: name must be a single value$/],
    ['snapshot-count: many', /^q.yml: invalid value "many" for snapshot-count: parse error$/],
    ['listen-peer-urls: x', /^q.yml: invalid value "x" for listen-peer-urls: URL scheme must be http/],
    ['name: "a', /^q.yml: Missing closing/],
    ['name: a\nname: b', /^q.yml: Map keys must be unique/],
  ];
  for (const [yaml, sentence] of faults) {
    test(`is refused: ${JSON.stringify(yaml)}`, () => {
      assert.match(refusalOf({ argv: ['--config-file=q.yml'], files: { 'q.yml': yaml } }), sentence);
    });
  }
});

describe('old flags', () => {
  test('--ca-file is --trusted-ca-file with client certificates required, as in 2.3', () => {
    const given = { argv: ['--ca-file=ca.pem', '--peer-ca-file=pca.pem'] };
    const config = configOf(given);
    assert.deepEqual([config.clientTls.trustedCaFile, config.clientTls.clientCertAuth], ['ca.pem', true]);
    assert.deepEqual([config.peerTls.trustedCaFile, config.peerTls.clientCertAuth], ['pca.pem', true]);
    assert.match(notesOf(given).join('\n'), /--ca-file is deprecated: use --trusted-ca-file/);
    assert.match(refusalOf({ argv: ['--ca-file=a', '--trusted-ca-file=b'] }), /set only one of/);
  });

  test('--addr and its family stand for URLs', () => {
    const config = configOf({
      argv: ['--addr=10.0.0.1:4001', '--peer-addr=10.0.0.1:7001', '--peer-bind-addr=127.0.0.1:7002'],
    });
    assert.equal(textsOf(config.advertiseClientUrls), 'http://10.0.0.1:4001');
    assert.equal(textsOf(config.listenClientUrls), 'http://[::]:4001');
    assert.equal(textsOf(config.initialAdvertisePeerUrls), 'http://10.0.0.1:7001');
    assert.equal(textsOf(config.listenPeerUrls), 'http://127.0.0.1:7002');
    assert.equal(config.initialClusterText, 'default=http://10.0.0.1:7001');
    assert.match(refusalOf({ argv: ['--addr=nowhere'] }), /bad address specification/);
  });

  test('what etcd ignores is ignored with a warning', () => {
    assert.match(
      notesOf({ argv: ['-v', '-snapshot=weird'] }).join('\n'),
      /flag "-v" is no longer supported - ignoring/,
    );
  });

  test('the legacy ports 4001 and 7001 are as good as any', () => {
    const config = configOf({
      argv: [
        '--listen-client-urls=http://0.0.0.0:2379,http://0.0.0.0:4001',
        '--advertise-client-urls=http://h:2379,http://h:4001',
      ],
    });
    assert.equal(config.listenClientUrls.length, 2);
  });
});

describe('TLS', () => {
  test('both schemes stand side by side; the plain one is warned of', () => {
    const argv = [
      '--listen-client-urls=https://127.0.0.1:2379,http://127.0.0.1:2381',
      '--advertise-client-urls=https://127.0.0.1:2379',
      '--cert-file=c',
      '--key-file=k',
      '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305',
    ];
    const config = configOf({ argv });
    assert.deepEqual(config.clientTls.cipherSuites, [
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-RSA-CHACHA20-POLY1305',
    ]);
    assert.match(notesOf({ argv }).join('\n'), /scheme is HTTP while client TLS is configured.*2381/);
  });

  test('--auto-tls gives way to files', () => {
    const argv = ['--auto-tls', '--cert-file=c', '--key-file=k'];
    assert.equal(configOf({ argv }).clientTls.auto, false);
    assert.match(notesOf({ argv }).join('\n'), /ignoring client auto TLS since certs given/);
    assert.equal(configOf({ argv: ['--auto-tls'] }).clientTls.auto, true);
  });

  test('contradictions are refused', () => {
    const secure = ['--listen-peer-urls=https://127.0.0.1:2380', '--peer-auto-tls'];
    assert.match(refusalOf({ argv: [...secure, '--peer-client-cert-auth'] }), /needs --peer-trusted-ca-file/);
    assert.match(
      refusalOf({ argv: [...secure, '--peer-cert-allowed-cn=a', '--peer-cert-allowed-hostname=b'] }),
      /mutually exclusive/,
    );
    assert.match(refusalOf({ argv: [...secure, '--peer-client-cert-file=a'] }), /must be given together/);
    assert.match(refusalOf({ argv: ['--self-signed-cert-validity=0'] }), /must be >0/);
    assert.match(refusalOf({ argv: ['--cipher-suites=TLS_RSA_WITH_RC4_128_SHA'] }), /broken/);
  });
});

test('--initial-cluster keeps its order and gathers repeated names', () => {
  const text = 'c=http://c:1,a=http://a:2,a=http://a:1,b=http://b:1';
  const { initialCluster } = configOf({ argv: [`--initial-cluster=${text}`] });
  assert.deepEqual(
    initialCluster.map((member) => initialClusterOf(member.name, member.peerUrls)),
    ['c=http://c:1', 'a=http://a:1,a=http://a:2', 'b=http://b:1'],
  );
});

test('advertising all interfaces is warned of', () => {
  const argv = ['--advertise-client-urls=http://0.0.0.0:2379'];
  assert.match(notesOf({ argv }).join('\n'), /advertised URL names no machine.*http:\/\/0.0.0.0:2379/);
});

test('log flags', () => {
  assert.equal(configOf({ argv: ['--debug'] }).log.level, 'debug');
  assert.equal(configOf({ argv: ['--log-level=panic'] }).log.level, 'fatal');
  assert.deepEqual(configOf({ argv: ['--log-outputs=default,stderr,stdout,/x'] }).log.outputs, [
    'stderr',
    'stdout',
    '/x',
  ]);
  assert.match(refusalOf({ argv: ['--log-outputs=systemd/journal'] }), /write to stderr/);
  assert.match(refusalOf({ argv: ['--log-outputs=stdout', '--log-output=stderr'] }), /set only one/);
});

test("the seed's own words", () => {
  const argv =
    '-name qf2200-client1 -advertise-client-urls http://192.168.7.170:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.170:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380 -initial-cluster-state existing'.split(
      ' ',
    );
  const config = configOf({ argv });
  assert.equal(config.initialClusterState, 'existing');
  assert.equal(config.initialCluster.length, 2);
  assert.equal(textsOf(config.listenClientUrls), 'http://0.0.0.0:2379');
  assert.equal(read({ argv }).kind, 'run');
});
