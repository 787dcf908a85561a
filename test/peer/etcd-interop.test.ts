/**
 * The peer network against real etcd: a cluster of one etcd member and one follower that knows no more of raft than to
 * acknowledge what it is sent. Without its acknowledgements the leader can commit nothing, so every write that succeeds has
 * been through both streams.
 *
 * ETCD_REFERENCE names the etcd to take (default: the one on PATH); ETCD_REFERENCE_35 one of the 3.5 line besides.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createClusterProbe } from '../../src/peer/cluster-probe.ts';
import { nodeClock } from '../../src/platform/node-clock.ts';
import type { ClusterProbe } from '../../src/ports/peer-network.ts';
import type { Entry, MemberId, Message } from '../../src/raft/types.ts';
import { Writer } from '../../src/wire/protobuf.ts';
import { encodeV2Request, v2Request } from '../../src/wire/v2-request.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { freePort } from '../support/free-ports.ts';
import { MemberProcess } from '../support/member-process.ts';
import { needs } from '../support/needs.ts';
import { etcd, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';
import { expectStatus, nodeOf, V2Client } from '../support/v2-client.ts';
import { autoTls, type PeerTls } from './auto-tls.ts';
import { startMember, streamsUp, type TestMember } from './test-member.ts';

const etcd35 = process.env['ETCD_REFERENCE_35'];
const skipEtcd = needs(etcd.command);

interface RealMember {
  readonly id: MemberId;
  readonly clusterId: bigint;
  readonly process: MemberProcess;
  readonly client: V2Client;
  readonly peerUrl: string;
}

async function startEtcd(
  t: TestContext,
  program: Program,
  probe: ClusterProbe,
  tls: PeerTls | undefined,
): Promise<RealMember> {
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${await freePort()}`;
  const process = new MemberProcess(program, [
    '--name=real',
    `--data-dir=${temporaryFolder('etcd')}/data`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=real=${peerUrl}`,
    // No elections but those that are meant: this process, which is the other voter, may stand still for a moment.
    '--heartbeat-interval=100',
    '--election-timeout=3000',
    // The follower never publishes a name, so for the check it would count as not started.
    '--strict-reconfig-check=false',
    ...(tls === undefined ? [] : ['--peer-auto-tls']),
  ]);
  const client = new V2Client(clientUrl);
  t.after(async () => {
    client.close();
    await process.kill();
  });
  await process.start();
  const { clusterId, members } = await probe.members([peerUrl], 60_000);
  return { id: members[0]!.id, clusterId, process, client, peerUrl };
}

/** Acknowledges whatever `leader` sends, and keeps the entries; its vote goes to whoever asks. */
class Follower {
  readonly entries: Entry[] = [];
  member: TestMember | undefined;

  answer(message: Message): void {
    const { from, to } = message;
    const envelope = { from: to, to: from, term: message.term };
    switch (message.type) {
      case 'append': {
        const { previousIndex } = message;
        const reject = previousIndex > this.entries.length;
        if (!reject) this.entries.splice(previousIndex, this.entries.length, ...message.entries);
        const rejectHint = reject ? this.entries.length : 0;
        const index = reject ? previousIndex : this.entries.length;
        this.#send({ ...envelope, type: 'append-response', index, reject, rejectHint, hintTerm: 0 });
        return;
      }
      case 'heartbeat':
        this.#send({ ...envelope, type: 'heartbeat-response', context: message.context });
        return;
      case 'vote':
        this.#send({ ...envelope, type: 'vote-response', reject: false });
        return;
      case 'pre-vote':
        this.#send({ ...envelope, type: 'pre-vote-response', reject: false });
        return;
    }
  }

  #send(message: Message): void {
    this.member!.network.send([message]);
  }
}

/** A listening port that is free; the follower's URL must be known before its id and so before it starts. */
async function unusedPort(): Promise<number> {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  return port;
}

async function joinFollower(
  t: TestContext,
  real: RealMember,
  tls: PeerTls | undefined,
): Promise<{ member: TestMember; follower: Follower }> {
  const port = await unusedPort();
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const added = expectStatus(
    await real.client.send('POST', '/v2/members', JSON.stringify({ peerURLs: [url] }), 'application/json'),
    201,
  );
  const id = BigInt(`0x${(JSON.parse(added.text) as { id: string }).id}`);
  const follower = new Follower();
  const member = await startMember(t, id, {
    port,
    clusterId: real.clusterId,
    ...tls,
    onMessage: (message) => follower.answer(message),
  });
  follower.member = member;
  return { member, follower };
}

function interop(
  program: Program,
  version: RegExp,
  openTls: (t: TestContext) => Promise<PeerTls | undefined> = async () => undefined,
): (t: TestContext) => Promise<void> {
  return async (t) => {
    const tls = await openTls(t);
    const probe = createClusterProbe({ clock: nodeClock, ...(tls && { tlsOptions: tls.tlsOptions }) });
    const real = await startEtcd(t, program, probe, tls);
    assert.match((await probe.version([real.peerUrl], 60_000)).server, version);

    // Joining: first through the pipeline, as one that knows nobody; then through the streams.
    const { member, follower } = await joinFollower(t, real, tls);
    await member.until(() => member.received.some(({ type }) => type === 'append'));
    member.network.addPeer(real.id, [real.peerUrl]);
    await streamsUp(member, real.id);
    await until('our side of the streams', () => member.network.activeSinceMs(real.id) !== undefined);

    // Writes need our acknowledgement, large ones too.
    expectStatus(await real.client.put('/small', { value: 'one' }), 201);
    const large = 'x'.repeat(1_000_000);
    expectStatus(await real.client.put('/large', { value: large }), 201);
    const burst = Array.from({ length: 50 }, (_, i) => real.client.put(`/burst/${i}`, { value: `v${i}` }));
    for (const answer of await Promise.all(burst)) expectStatus(answer, 201);
    const texts = follower.entries.map(({ data }) => Buffer.from(data).toString('latin1'));
    assert.ok(texts.some((text) => text.includes(large)));
    for (let i = 0; i < 50; i++)
      assert.ok(
        texts.some((text) => text.includes(`/1/burst/${i}`)),
        `burst ${i}`,
      );
    follower.entries.forEach((entry, i) => {
      assert.equal(entry.index, i + 1);
    });

    // A proposal that we forward is applied there.
    const request = v2Request({ method: 'PUT', path: '/1/forwarded', value: 'by us' });
    const data = encodeV2Request(new Writer(), 12345n, request);
    const term = follower.entries.at(-1)!.term;
    member.network.send([
      { type: 'propose', from: member.id, to: real.id, term: 0, entries: [{ type: 'normal', data }] },
    ]);
    await until('the forwarded write', () =>
      follower.entries.some((entry) => Buffer.from(entry.data).equals(data)),
    );
    const forwarded = await until('the forwarded write applied', async () => {
      const answer = await real.client.get('/v2/keys/forwarded');
      return answer.status === 200 && answer;
    });
    assert.equal(nodeOf(forwarded).value, 'by us');
    assert.equal(follower.entries.at(-1)!.term, term);

    // What etcd knows of us, and what it learnt from our own peer port.
    const stats = expectStatus(await real.client.get('/v2/stats/leader'), 200);
    const { followers } = JSON.parse(stats.text) as {
      followers: Record<string, { counts: { success: number } }>;
    };
    assert.ok(followers[member.id.toString(16)]!.counts.success > 0);
    assert.ok(member.network.stats.counters().get(real.id)!.receivedBytes > large.length);

    // It dies and comes back: streams too, and it needs our vote.
    await real.process.kill();
    await until('the loss noticed', () => member.network.activeSinceMs(real.id) === undefined);
    await real.process.start();
    await until('its streams again', () => member.network.activeSinceMs(real.id) !== undefined);
    expectStatus(await real.client.put('/after', { value: 'restart' }), 201);
    assert.ok(follower.entries.at(-1)!.term > term);

    // A member of another cluster is refused by either side.
    const stranger = await startMember(t, 0xbadn, { clusterId: real.clusterId + 1n, ...tls });
    stranger.network.addPeer(real.id, [real.peerUrl]);
    const line = await stranger.log.line((each) => /cluster ID mismatch: peer/.test(String(each['error'])));
    assert.ok(String(line['error']).includes(`=${real.clusterId.toString(16)}, local=`));

    // Removed, we are told that we are gone.
    expectStatus(await real.client.send('DELETE', `/v2/members/${member.id.toString(16)}`), 204);
    await member.until(() => member.events.includes('gone'));
  };
}

test('a cluster with a member of etcd 3.4', { skip: skipEtcd }, interop(etcd, /^3\.[45]\./));

test('a cluster with a member of etcd, over TLS', { skip: skipEtcd }, interop(etcd, /^3\.[45]\./, autoTls));

test(
  'a cluster with a member of etcd 3.5',
  { skip: etcd35 === undefined && 'needs ETCD_REFERENCE_35, the path of an etcd 3.5' },
  interop({ name: 'etcd 3.5', command: etcd35 ?? '', extraFlags: ['--enable-v2'] }, /^3\.5\./),
);
