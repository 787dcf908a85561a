/**
 * The walk-through this project starts from, on three hosts with its own addresses: both of its ways to form a cluster, with its
 * flags and its curl commands as they stand there, and the answers it prints. Only elections are not held for so little as a busy machine does: the time for
 * that comes in a variable.
 */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { patientElections } from '../support/cluster.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { type Host, makeHosts } from '../support/hosts.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { underTest } from '../support/program.ts';
import { until } from '../support/until.ts';

const addresses = ['192.168.7.168', '192.168.7.170', '192.168.7.172'];

const oneByOne = [
  '-name qf2200-client0 -advertise-client-urls http://192.168.7.168:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.168:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380" -initial-cluster-state new',
  '-name qf2200-client1 -advertise-client-urls http://192.168.7.170:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.170:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380" -initial-cluster-state existing',
  '-name qf2200-client2 -advertise-client-urls http://192.168.7.172:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.172:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state existing',
];

const together = [
  '-name qf2200-client0 -advertise-client-urls http://192.168.7.168:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.168:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
  '-name qf2200-client1 -advertise-client-urls http://192.168.7.170:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.170:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
  '-name qf2200-client2 -advertise-client-urls http://192.168.7.172:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.172:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
];

const addB = `curl -s http://127.0.0.1:2379/v2/members -XPOST -H "Content-Type: application/json" -d '{"peerURLs": ["http://192.168.7.170:2380"]}'`;
const addC = `curl -s http://127.0.0.1:2379/v2/members -XPOST -H "Content-Type: application/json" -d '{"peerURLs": ["http://192.168.7.172:2380"]}'`;
const listMembers = 'curl -s -L http://127.0.0.1:2379/v2/members';
const writeMessage =
  'curl -s -L http://127.0.0.1:2379/v2/keys/message -XPUT -d value="Hello zhenyuyaodidiao"';
const readMessage = 'curl -s -L http://127.0.0.1:2379/v2/keys/message';

const printedMembers =
  '{"members":[{"id":"1a661f2b9997ba39","name":"qf2200-client0","peerURLs":["http://192.168.7.168:2380"],"clientURLs":["http://192.168.7.168:2379"]},{"id":"4932c8ea462e079c","name":"qf2200-client2","peerURLs":["http://192.168.7.172:2380"],"clientURLs":["http://192.168.7.172:2379"]},{"id":"c1dbdde07e61741e","name":"qf2200-client1","peerURLs":["http://192.168.7.170:2380"],"clientURLs":["http://192.168.7.170:2379"]}]}\n';

const skip = needs('quorate', 'root', 'ip', 'curl');

/** The arguments of a line as a shell would part them; the lines above quote only whole arguments. */
function argumentsOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

/** Without a data directory in the flags, each member makes `<name>.etcd` in the folder it is started in. */
function memberOn(t: TestContext, host: Host, line: string): MemberProcess {
  const folder = temporaryFolder('seed');
  mkdirSync(folder, { recursive: true });
  const member = new MemberProcess(underTest, argumentsOf(line), {
    prefix: host.prefix,
    folder,
    environment: patientElections,
  });
  t.after(() => member.kill());
  return member;
}

/** The list once every member has told its name and client URLs; all three hosts must print the same. */
async function agreedMembers(hosts: readonly Host[]): Promise<string> {
  return until('the same three named members on all hosts', async () => {
    const printed = await Promise.all(hosts.map((host) => host.shell(listMembers)));
    const isComplete = printed[0]!.split('"clientURLs":["').length === 4;
    return isComplete && printed.every((each) => each === printed[0]) ? printed[0] : undefined;
  });
}

/** The message written on A, as all hosts print it. */
async function writeAndReadEverywhere([a, b, c]: readonly Host[]): Promise<void> {
  const written = JSON.parse(await a!.shell(writeMessage)) as { action: string; node: object };
  assert.equal(written.action, 'set');
  const expected = `${JSON.stringify({ action: 'get', node: written.node })}\n`;
  for (const host of [a!, b!, c!]) {
    const read = await until('the message has come to each host', async () => {
      const printed = await host.shell(readMessage);
      return printed.includes('errorCode') ? undefined : printed;
    });
    assert.equal(read, expected);
  }
  assert.match(expected, /"key":"\/message","value":"Hello zhenyuyaodidiao"/);
}

test('three hosts, all members static', { skip }, async (t) => {
  const hosts = makeHosts(t, addresses);
  await Promise.all(hosts.map((host, at) => memberOn(t, host, together[at]!).start()));
  assert.equal(await agreedMembers(hosts), printedMembers);
  await writeAndReadEverywhere(hosts);
  const overwritten = JSON.parse(await hosts[0]!.shell(writeMessage)) as { prevNode: { value: string } };
  assert.equal(overwritten.prevNode.value, 'Hello zhenyuyaodidiao');
});

test('three hosts, members added one by one', { skip }, async (t) => {
  const hosts = makeHosts(t, addresses);
  const [a, b, c] = hosts;
  await memberOn(t, a!, oneByOne[0]!).start();

  const added = JSON.parse(await a!.shell(addB)) as { id: string; name: string; peerURLs: string[] };
  assert.deepEqual(added.peerURLs, ['http://192.168.7.170:2380']);
  assert.equal(added.name, '');
  await memberOn(t, b!, oneByOne[1]!).start();

  // A reader of the walk-through types slower than the five seconds a new connection must have held.
  await until('the third member is accepted', async () => (await a!.shell(addC)).includes('"id"'));
  await memberOn(t, c!, oneByOne[2]!).start();

  const { members } = JSON.parse(await agreedMembers(hosts)) as {
    members: { id: string; name: string; peerURLs: string[]; clientURLs: string[] }[];
  };
  assert.deepEqual(
    members.map(({ name, peerURLs, clientURLs }) => `${name} ${peerURLs} ${clientURLs}`).sort(),
    addresses.map((address, at) => `qf2200-client${at} http://${address}:2380 http://${address}:2379`),
  );
  // A's id comes from its URL and the token alone; the others' also from the time of adding.
  assert.equal(members.find(({ name }) => name === 'qf2200-client0')?.id, '1a661f2b9997ba39');
  assert.equal(members.find(({ name }) => name === 'qf2200-client1')?.id, added.id);
  await writeAndReadEverywhere(hosts);
});
