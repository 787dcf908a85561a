/**
 * A cluster of member processes on loopback ports: started statically or grown one by one, each member of its own program.
 */

import type { TestContext } from 'node:test';
import { temporaryFolder } from './data-folder.ts';
import { freePort } from './free-ports.ts';
import { MemberProcess } from './member-process.ts';
import type { Program } from './program.ts';
import { until } from './until.ts';
import { etcdIndexOf, expectStatus, V2Client } from './v2-client.ts';

export interface ClusterMember {
  readonly name: string;
  readonly process: MemberProcess;
  readonly client: V2Client;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataFolder: string;
}

export interface ClusterOptions {
  readonly programs: readonly Program[];
  /** Given to every member. */
  readonly flags?: readonly string[];
  /** 'https' gives peer URLs that scheme; the TLS flags come with `flags`. */
  readonly peerScheme?: 'http' | 'https';
  readonly clientScheme?: 'http' | 'https';
  readonly token?: string;
}

/** No elections but those that are meant, on a machine that is busy with other things, too: a request under way through one may be done or not. */
const timing = ['--heartbeat-interval=100', '--election-timeout=5000'];
/** The same for members whose flags are given. */
export const patientElections: Readonly<Record<string, string>> = { ETCD_ELECTION_TIMEOUT: '5000' };
/** For tests that kill leaders. */
export const shorterElections: readonly string[] = ['--heartbeat-interval=100', '--election-timeout=2000'];

interface Place {
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataFolder: string;
}

export class Cluster {
  readonly members: ClusterMember[] = [];
  readonly #options: ClusterOptions;
  #named = 0;

  private constructor(t: TestContext, options: ClusterOptions) {
    this.#options = options;
    t.after(() => this.#end());
  }

  /** A static cluster with one member for each program, all serving. */
  static async start(t: TestContext, options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.prepare(t, options);
    await Promise.all(cluster.members.map((member) => member.process.start()));
    return cluster;
  }

  /** The same, with no process started yet. */
  static async prepare(t: TestContext, options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(t, options);
    const places: Place[] = [];
    for (const _ of options.programs) places.push(await cluster.#place());
    const initial = places.map((place, at) => `m${at}=${place.peerUrl}`).join(',');
    options.programs.forEach((program, at) => {
      cluster.#add(program, places[at]!, initial, 'new');
    });
    return cluster;
  }

  /** Announces a member through POST /v2/members, starts it with `existing` and waits until it serves. */
  async join(program: Program): Promise<ClusterMember> {
    const place = await this.#place();
    const voice = this.members.find((member) => member.process.isRunning)!;
    expectStatus(
      await voice.client.send(
        'POST',
        '/v2/members',
        JSON.stringify({ peerURLs: [place.peerUrl] }),
        'application/json',
      ),
      201,
    );
    const name = `m${this.#named}`;
    const { members } = JSON.parse((await voice.client.get('/v2/members')).text) as {
      members: { name: string; peerURLs: string[] }[];
    };
    const initial = members
      .map(({ name: known, peerURLs }) =>
        known === '' ? `${name}=${place.peerUrl}` : `${known}=${peerURLs[0]}`,
      )
      .join(',');
    const member = this.#add(program, place, initial, 'existing');
    await member.process.start();
    return member;
  }

  running(): readonly ClusterMember[] {
    return this.members.filter((member) => member.process.isRunning);
  }

  /** The member that the members asked (default: all that run) agree leads. */
  leader(asked: readonly ClusterMember[] = this.running()): Promise<ClusterMember> {
    return until('a leader all members agree on', async () => {
      const answers = await Promise.all(asked.map((member) => member.client.get('/v2/stats/self')));
      const views = answers.map(
        (answer) =>
          JSON.parse(answer.text) as {
            id: string;
            name: string;
            state: string;
            leaderInfo: { leader: string };
          },
      );
      const leader = views.find((view) => view.state === 'StateLeader');
      if (leader === undefined || views.some((view) => view.leaderInfo.leader !== leader.id))
        return undefined;
      return this.members.find((member) => member.name === leader.name);
    });
  }

  /** Stops leaders with SIGTERM and starts them again until `wanted` leads; each turn is an election. */
  async makeLead(wanted: (member: ClusterMember) => boolean): Promise<ClusterMember> {
    for (let turn = 0; turn < 30; turn++) {
      const leader = await this.leader();
      if (wanted(leader)) return leader;
      await leader.process.stop();
      await this.leader();
      await leader.process.start();
    }
    throw new Error('the wanted member did not get to lead in 30 elections');
  }

  /**
   * Waits until all running members have applied the same X-Etcd-Index, and returns the tree they print.
   * Expirations are part of it; the seconds left, which depend on the time of asking, are not.
   * @throws when they print different trees.
   */
  async agreedTree(): Promise<{ readonly index: number; readonly tree: string }> {
    const members = this.running();
    const agreed = await until('all members at one X-Etcd-Index', async () => {
      const answers = await Promise.all(
        members.map((member) => member.client.get('/v2/keys/?recursive=true&sorted=true')),
      );
      const indexes = answers.map((answer) => etcdIndexOf(expectStatus(answer, 200)));
      if (indexes.some((index) => index !== indexes[0])) return undefined;
      const trees = answers.map((answer) => answer.text.replace(/,"ttl":-?\d+/g, ''));
      return { index: indexes[0]!, trees };
    });
    const { index, trees } = agreed;
    const other = trees.findIndex((tree) => tree !== trees[0]);
    if (other > 0) {
      throw new Error(
        `at index ${index} ${members[0]!.name} and ${members[other]!.name} print different trees:\n` +
          `${trees[0]!.slice(0, 4000)}\n${trees[other]!.slice(0, 4000)}`,
      );
    }
    return { index, tree: trees[0]! };
  }

  async #end(): Promise<void> {
    for (const member of this.members) {
      member.client.close();
      await member.process.kill();
    }
  }

  async #place(): Promise<Place> {
    const { clientScheme = 'http', peerScheme = 'http' } = this.#options;
    return {
      clientUrl: `${clientScheme}://127.0.0.1:${await freePort()}`,
      peerUrl: `${peerScheme}://127.0.0.1:${await freePort()}`,
      dataFolder: temporaryFolder('member'),
    };
  }

  #add(program: Program, place: Place, initialCluster: string, state: 'new' | 'existing'): ClusterMember {
    const name = `m${this.#named++}`;
    const process = new MemberProcess(program, [
      `--name=${name}`,
      `--data-dir=${place.dataFolder}/data`,
      `--listen-client-urls=${place.clientUrl}`,
      `--advertise-client-urls=${place.clientUrl}`,
      `--listen-peer-urls=${place.peerUrl}`,
      `--initial-advertise-peer-urls=${place.peerUrl}`,
      `--initial-cluster=${initialCluster}`,
      `--initial-cluster-state=${state}`,
      `--initial-cluster-token=${this.#options.token ?? 'test'}`,
      ...timing,
      ...(this.#options.flags ?? []),
    ]);
    const member = { name, process, client: new V2Client(place.clientUrl), ...place };
    this.members.push(member);
    return member;
  }
}
