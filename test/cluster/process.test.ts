/**
 * A member as a process: exit codes, one process for one data directory, what it refuses to join, how it stops, what becomes of
 * a removed one.
 */

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Cluster } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { type Exit, MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { isStandIn, underTest } from '../support/program.ts';
import { until } from '../support/until.ts';
import { expectStatus, nodeOf } from '../support/v2-client.ts';

const skip = needs('quorate');

function launch(t: TestContext, flags: readonly string[]): MemberProcess {
  const member = new MemberProcess(underTest, flags, { folder: temporaryFolder('process') });
  t.after(() => member.kill());
  member.launch();
  return member;
}

async function exitOf(t: TestContext, flags: readonly string[]): Promise<{ exit: Exit; log: string }> {
  const member = launch(t, flags);
  const exit = await member.waitForExit();
  return { exit, log: member.log };
}

/** After SIGTERM; etcd ends itself with the signal once it has cleaned up. */
function assertEnded(exit: Exit): void {
  assert.deepEqual(exit, isStandIn ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null });
}

const refused: readonly (readonly [
  what: string,
  flags: readonly string[],
  codes: readonly number[],
  says: RegExp,
])[] = [
  ['--help', ['--help'], [0], /--listen-client-urls/],
  ['--version', ['--version'], [0], /version/i],
  ['an unknown flag', ['--no-such-flag'], [1, 2], /no-such-flag/],
  ['a value that is no number', ['--snapshot-count=many'], [1, 2], /snapshot-count/],
  ['a malformed URL', ['--listen-client-urls=nonsense'], [1, 2], /listen-client-urls|nonsense/],
  ['a word that is no flag', ['serve'], [1, 2], /serve|command/],
  [
    'a name that is not in the initial cluster',
    [
      '--name=a',
      '--initial-cluster=b=http://127.0.0.1:21999',
      '--initial-advertise-peer-urls=http://127.0.0.1:21999',
    ],
    [1],
    /initial.cluster|couldn't find local name/i,
  ],
  [
    'advertised URLs that do not match the initial cluster',
    [
      '--name=a',
      '--initial-cluster=a=http://127.0.0.1:21998',
      '--initial-advertise-peer-urls=http://127.0.0.1:21999',
    ],
    [1],
    /21998|21999/,
  ],
  [
    'an election timeout below five heartbeats',
    ['--heartbeat-interval=100', '--election-timeout=400'],
    [1],
    /election-timeout/,
  ],
  [
    'a state that is neither new nor existing',
    ['--initial-cluster-state=old'],
    [1, 2],
    /initial-cluster-state/,
  ],
];

for (const [what, flags, codes, says] of refused) {
  test(`command line: ${what}`, { skip }, async (t) => {
    const { exit, log } = await exitOf(t, flags);
    assert.ok(codes.includes(exit.code ?? -1), `exit code ${exit.code ?? exit.signal}: ${log}`);
    assert.match(log, says);
  });
}

test('a second process on the same data directory is refused', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const { dataFolder, client } = cluster.members[0]!;
  const [port, peerPort] = [await freePort(), await freePort()];
  const second = launch(t, [
    `--data-dir=${dataFolder}/data`,
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--advertise-client-urls=http://127.0.0.1:${port}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
  ]);
  if (isStandIn) {
    // etcd waits for the lock instead; Quorate says so and ends.
    await second.waitForLog(/file.?lock|another etcd process|waiting/i);
    await second.kill();
  } else {
    const exit = await second.waitForExit();
    assert.notEqual(exit.code, 0);
    assert.match(second.log, /lock|in use|another process/i);
  }
  expectStatus(await client.put('/still', { value: 'serving' }), 201);
});

test('SIGTERM: the leader hands over and exits with 0', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, underTest, underTest] });
  const leader = await cluster.leader();
  const others = cluster.members.filter((member) => member !== leader);
  const watching = others[0]!.client.get('/v2/keys/handed?wait=true');
  const exit = await leader.process.stop();
  assertEnded(exit);
  const successor = await cluster.leader(others);
  assert.notEqual(successor, leader);
  expectStatus(await others[1]!.client.put('/handed', { value: 'over' }), 201);
  expectStatus(await watching, 200);
  // And comes back.
  await leader.process.start();
  await cluster.agreedTree();
});

test('a second SIGTERM ends the process at once', {
  skip: skip || (isStandIn && 'etcd does not promise it'),
}, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const { process } = cluster.members[0]!;
  // An open watch gives the first one something to drain.
  const watching = cluster.members[0]!.client.get('/v2/keys/never?wait=true').catch(() => undefined);
  process.signal('SIGTERM');
  process.signal('SIGTERM');
  await process.waitForExit();
  await watching;
});

test('a removed member stops itself and cannot return', { skip }, async (t) => {
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
    flags: ['--strict-reconfig-check=false'],
  });
  const leader = await cluster.leader();
  const removed = cluster.members.find((member) => member !== leader)!;
  const { members } = JSON.parse((await leader.client.get('/v2/members')).text) as {
    members: { id: string; name: string }[];
  };
  const { id } = members.find(({ name }) => name === removed.name)!;
  expectStatus(await leader.client.send('DELETE', `/v2/members/${id}`), 204);
  await removed.process.waitForExit();
  assert.match(removed.process.runLog, /removed/);
  removed.process.launch();
  await removed.process.waitForExit();
  assert.match(removed.process.runLog, /removed/);
  expectStatus(await leader.client.send('DELETE', `/v2/members/${id}`), 410);
  expectStatus(await leader.client.put('/without', { value: 'it' }), 201);
  await cluster.agreedTree();

  // With its data gone it is still the id that counts: a new member takes the place.
  const joined = await cluster.join(underTest);
  expectStatus(await joined.client.put('/with', { value: 'another' }), 201);
  await cluster.agreedTree();
});

test('a cluster that two members know under different tokens', { skip }, async (t) => {
  const cluster = await Cluster.prepare(t, { programs: [underTest, underTest, underTest] });
  const [a, b, stranger] = cluster.members;
  stranger!.process.flags = [...stranger!.process.flags, '--initial-cluster-token=another'];
  stranger!.process.launch();
  await Promise.all([a!.process.start(), b!.process.start()]);
  const said = /request sent was ignored \(cluster ID mismatch|cluster ID mismatch/i;
  await until(
    'either side says that the cluster ids differ',
    () => said.test(a!.process.runLog) || said.test(b!.process.runLog) || said.test(stranger!.process.runLog),
  );
  expectStatus(await a!.client.put('/two', { value: 'agree' }), 201);
});

test('joining with members that the cluster does not have', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const [port, peerPort] = [await freePort(), await freePort()];
  // Nobody has added this one.
  const { exit, log } = await exitOf(t, [
    '--name=uninvited',
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--advertise-client-urls=http://127.0.0.1:${port}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=m0=${cluster.members[0]!.peerUrl},uninvited=http://127.0.0.1:${peerPort}`,
    '--initial-cluster-state=existing',
  ]);
  assert.equal(exit.code, 1);
  assert.match(log, /member count is unequal/);
});

test('a new cluster where one runs already', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, underTest, underTest] });
  const [gone] = cluster.members;
  await gone!.process.kill();
  // The name and URLs of a member, but an empty data directory.
  const flags = gone!.process.flags.map((flag) =>
    flag.startsWith('--data-dir=') ? `--data-dir=${temporaryFolder('empty')}/data` : flag,
  );
  const { exit, log } = await exitOf(t, flags);
  assert.equal(exit.code, 1);
  assert.match(log, /has already been bootstrapped/);
});

test('--force-new-cluster makes a cluster of one from what is on disk', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest, underTest, underTest] });
  for (let i = 0; i < 20; i++)
    expectStatus(await cluster.members[i % 3]!.client.put(`/k/${i}`, { value: `${i}` }), 201);
  await cluster.agreedTree();
  // What follows a follower's last known commit is cut off, for nobody is left to ask; this write tells it of those before.
  expectStatus(await cluster.members[0]!.client.put('/last', { value: 'may be cut off' }), 201);
  await cluster.agreedTree();
  for (const member of cluster.members) await member.process.kill();
  const survivor = cluster.members[1]!;
  const { flags } = survivor.process;
  survivor.process.flags = [...flags, '--force-new-cluster'];
  await survivor.process.start();
  const { members } = JSON.parse((await survivor.client.get('/v2/members')).text) as { members: unknown[] };
  assert.equal(members.length, 1);
  const kept = nodeOf(expectStatus(await survivor.client.get('/v2/keys/k'), 200)).nodes ?? [];
  assert.deepEqual(
    kept.map(({ value }) => Number(value)).sort((x, y) => x - y),
    [...Array(20).keys()],
  );
  expectStatus(await survivor.client.put('/alone', { value: 'writes' }), 201);
  // Once made it stays: the flag is left out from now on.
  await survivor.process.kill();
  survivor.process.flags = flags;
  await survivor.process.start();
  expectStatus(await survivor.client.get('/v2/keys/alone?quorum=true'), 200);
});

test('a backup of the data directory, started elsewhere, is of the same cluster', { skip }, async (t) => {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const member = cluster.members[0]!;
  expectStatus(await member.client.put('/kept', { value: 'yes' }), 201);
  assertEnded(await member.process.stop());
  const copy = temporaryFolder('copy');
  cpSync(`${member.dataFolder}/data`, `${copy}/data`, { recursive: true });
  member.process.flags = member.process.flags.map((flag) =>
    flag.startsWith('--data-dir=') ? `--data-dir=${copy}/data` : flag,
  );
  await member.process.start();
  expectStatus(await member.client.get('/v2/keys/kept?quorum=true'), 200);
});

test('flags from the environment, and a flag that beats them', { skip }, async (t) => {
  const [port, peerPort] = [await freePort(), await freePort()];
  const environment = {
    ETCD_NAME: 'from-the-environment',
    ETCD_DATA_DIR: `${temporaryFolder('environment')}/data`,
    // etcd 3.4 refuses to start when a flag and a variable say the same thing.
    ...(isStandIn ? {} : { ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:1' }),
    ETCD_ADVERTISE_CLIENT_URLS: `http://127.0.0.1:${port}`,
    ETCD_LISTEN_PEER_URLS: `http://127.0.0.1:${peerPort}`,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: `http://127.0.0.1:${peerPort}`,
    ETCD_INITIAL_CLUSTER: `from-the-environment=http://127.0.0.1:${peerPort}`,
  };
  const member = new MemberProcess(underTest, [`-listen-client-urls=http://127.0.0.1:${port}`], {
    environment,
  });
  t.after(() => member.kill());
  await member.start();
  const answer = await fetch(`http://127.0.0.1:${port}/v2/members`);
  assert.match(await answer.text(), /"name":"from-the-environment"/);
});
