import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileKeyOf, variableOf } from '../../src/config/flag-spec.ts';
import { valueFault } from '../../src/config/flag-value.ts';
import { allFlags, flagsByName } from '../../src/config/flags.ts';
import { helpText } from '../../src/config/help.ts';
import { needs } from '../support/needs.ts';
import { etcd } from '../support/program.ts';
import { configOf, read, refusalOf } from './read.ts';

/** What etcd 2.3's own help names. */
const flagsOf23 = `name data-dir wal-dir snapshot-count heartbeat-interval election-timeout listen-peer-urls
  listen-client-urls max-snapshots max-wals cors initial-advertise-peer-urls initial-cluster initial-cluster-state
  initial-cluster-token advertise-client-urls discovery discovery-fallback discovery-proxy discovery-srv
  strict-reconfig-check proxy proxy-failure-wait proxy-refresh-interval proxy-dial-timeout proxy-write-timeout
  proxy-read-timeout ca-file cert-file key-file client-cert-auth trusted-ca-file peer-ca-file peer-cert-file
  peer-key-file peer-client-cert-auth peer-trusted-ca-file debug log-package-levels force-new-cluster
  experimental-v3demo experimental-auto-compaction-retention experimental-gRPC-addr enable-pprof version addr bind-addr
  peer-addr peer-bind-addr peers peers-file`.split(/\s+/);

/** What etcd 3.5's server knows besides. */
const flagsOf35 =
  `initial-election-tick-advance listen-client-http-urls quota-backend-bytes backend-bbolt-freelist-type
  backend-batch-interval backend-batch-limit max-txn-ops max-request-bytes max-concurrent-streams enable-grpc-gateway
  grpc-keepalive-min-time grpc-keepalive-interval grpc-keepalive-timeout socket-reuse-port socket-reuse-address
  raft-read-timeout raft-write-timeout discovery-srv-name pre-vote auto-compaction-retention auto-compaction-mode
  enable-v2 v2-deprecation client-cert-file client-key-file client-crl-file client-cert-allowed-hostname auto-tls
  peer-cert-allowed-cn peer-cert-allowed-hostname peer-auto-tls peer-client-cert-file peer-client-key-file
  self-signed-cert-validity peer-crl-file cipher-suites host-whitelist tls-min-version tls-max-version auth-token
  bcrypt-cost auth-token-ttl metrics listen-metrics-urls logger log-outputs log-level enable-log-rotation
  log-rotation-config-json experimental-enable-distributed-tracing experimental-distributed-tracing-address
  experimental-distributed-tracing-service-name experimental-distributed-tracing-instance-id
  experimental-distributed-tracing-sampling-rate experimental-initial-corrupt-check experimental-corrupt-check-time
  experimental-compact-hash-check-enabled experimental-compact-hash-check-time experimental-enable-v2v3
  experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist
  experimental-compaction-batch-limit experimental-compaction-sleep-interval
  experimental-peer-skip-client-san-verification experimental-watch-progress-notify-interval
  experimental-downgrade-check-time experimental-memory-mlock experimental-warning-apply-duration
  experimental-txn-mode-write-with-shared-buffer experimental-bootstrap-defrag-threshold-megabytes
  experimental-stop-grpc-service-on-defrag experimental-snapshot-catchup-entries unsafe-no-fsync
  config-file`.split(/\s+/);

test('all flags of etcd 2.3 and 3.5 are known', () => {
  assert.deepEqual(
    [...flagsOf23, ...flagsOf35].filter((name) => !flagsByName.has(name)),
    [],
  );
});

test("all flags that the installed etcd's help names are known", { skip: needs('etcd') }, () => {
  const help = execFileSync(etcd.command, ['--help'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const names = [...help.matchAll(/^ {2}--([a-z0-9-]+)/gm)].map((match) => match[1]!);
  assert.ok(names.length > 60);
  assert.deepEqual(
    names.filter((name) => !flagsByName.has(name)),
    [],
  );
});

test('names, variables and file keys are each used once', () => {
  const keys = allFlags.map(fileKeyOf).filter((key) => key !== undefined);
  for (const names of [
    allFlags.map((flag) => flag.name),
    allFlags.map((flag) => variableOf(flag.name)),
    keys,
  ]) {
    assert.equal(new Set(names).size, names.length);
  }
});

test('every default is a value of its flag, and given explicitly changes nothing', () => {
  const plain = JSON.stringify(configOf({}));
  for (const flag of allFlags) {
    if (flag.obsolete !== undefined || flag.name === 'version') continue;
    assert.equal(valueFault(flag, flag.default), undefined, flag.name);
    if (flag.name === 'log-output') continue;
    // etcd asks for the advertised URLs whenever the listened ones are given, be they the default.
    const also = flag.name === 'listen-client-urls' ? ['--advertise-client-urls=http://localhost:2379'] : [];
    assert.equal(
      JSON.stringify(configOf({ argv: [`--${flag.name}=${flag.default}`, ...also] })),
      plain,
      flag.name,
    );
  }
});

test('a flag whose feature is missing is refused by name, in flag, variable and file alike', () => {
  const other = {
    switch: 'true',
    count: '7',
    integer: '7',
    duration: '7s',
    text: 'x',
    urls: 'http://127.0.0.1:1',
  };
  let refused = 0;
  for (const flag of allFlags) {
    if (flag.needs === undefined) continue;
    const value =
      flag.kind === 'choice'
        ? flag.choices?.find((choice) => choice !== flag.default && flag.harmless?.includes(choice) !== true)
        : flag.default === 'true'
          ? 'false'
          : other[flag.kind as keyof typeof other];
    if (value === undefined || flag.harmless?.includes(value) === true) continue;
    const words = `--${flag.name}="${value}" is not supported yet: it needs ${flag.needs}`;
    assert.equal(refusalOf({ argv: [`-${flag.name}=${value}`] }), words);
    assert.equal(refusalOf({ environment: { [variableOf(flag.name)]: value } }), words);
    const path = fileKeyOf(flag)?.split('.');
    if (path !== undefined) {
      const yaml = JSON.stringify(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value));
      assert.equal(refusalOf({ argv: ['--config-file=f'], files: { f: yaml } }), words);
    }
    refused++;
  }
  assert.ok(refused > 40);
});

test('help names every flag that works, and the ones that do not yet', () => {
  const help = helpText();
  for (const flag of allFlags) {
    if (flag.obsolete !== undefined || flag.deprecated !== undefined) continue;
    assert.ok(help.includes(flag.needs === undefined ? `\n  --${flag.name} '` : ` ${flag.name}`), flag.name);
  }
  for (const argv of [['-h'], ['--help'], ['--name', 'x', '-help']])
    assert.equal(read({ argv }).kind, 'help');
  assert.equal(read({ argv: ['--version'] }).kind, 'version');
});
