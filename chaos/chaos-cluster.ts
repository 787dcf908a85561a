/**
 * The cluster under faults: member processes whose advertised peer addresses are proxies in this process, so that each pair's links can be
 * spoilt; clients reach the members directly.
 *
 * Invariant: at most one fault at a time holds a member (`isTaken`), so that nobody starts what another one has just killed.
 */

import { join } from 'node:path';
import { temporaryFolder } from '../test/support/data-folder.ts';
import { freePort } from '../test/support/free-ports.ts';
import { MemberProcess } from '../test/support/member-process.ts';
import type { Program } from '../test/support/program.ts';
import type { SeededRandom } from '../test/support/seeded-random.ts';
import { SlowDisk } from '../test/support/slow-disk.ts';
import { until } from '../test/support/until.ts';
import { expectStatus, V2Client } from '../test/support/v2-client.ts';
import { ClockHistory } from './clock-history.ts';
import { Links } from './link.ts';
import { MemberClock } from './member-clock.ts';
import { PeerProxy } from './peer-proxy.ts';
import { SmallDisk } from './small-disk.ts';

export interface ChaosMember {
  readonly name: string;
  readonly process: MemberProcess;
  /** For questions to the cluster; histories are recorded by clients of their own. */
  readonly client: V2Client;
  readonly clientUrl: string;
  /** As advertised: the proxy's. */
  readonly peerUrl: string;
  readonly proxy: PeerProxy;
  readonly smallDisk: SmallDisk | undefined;
  readonly slowDisk: SlowDisk | undefined;
  readonly clock: MemberClock | undefined;
  isTaken: boolean;
  /** Nothing if it does not run, or is just ending. */
  signal(signal: NodeJS.Signals): void;
}

export interface ChaosClusterOptions {
  readonly programs: readonly Program[];
  /** Chooses victims. */
  readonly random: SeededRandom;
  /** Draws how late each piece of a slow link arrives, and whatever else hangs on timing. */
  readonly ofLinks: SeededRandom;
  readonly flags: readonly string[];
  /** The first Quorate member, or the first of all if there is none, gets a disk that can be filled. */
  readonly withSmallDisk: boolean;
  /** Those without a small disk get a throttle. */
  readonly withSlowDisk: boolean;
  /** The last Quorate member gets a clock of its own. */
  readonly faketime: string | undefined;
}

const timing = ['--heartbeat-interval=50', '--election-timeout=500'];
const smallDiskMegabytes = 300;
/** For each step of a change of the membership; of a machine that is busy with other things, too. */
const changeBoundMs = 120_000;

interface Place {
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly memberPeerUrl: string;
  readonly proxy: PeerProxy;
}

interface Extras {
  readonly smallDisk: boolean;
  readonly clock: boolean;
}

const plain: Extras = { smallDisk: false, clock: false };

export class ChaosCluster {
  readonly members: ChaosMember[] = [];
  /** Removed from the cluster; their logs are still of interest. */
  readonly removed: ChaosMember[] = [];
  readonly links = new Links();
  readonly clocks = new ClockHistory();
  readonly #options: ChaosClusterOptions;
  readonly #nameByPeerUrl = new Map<string, string>();
  #named = 0;

  private constructor(options: ChaosClusterOptions) {
    this.#options = options;
  }

  static async start(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const cluster = new ChaosCluster(options);
    const { programs } = options;
    const names = programs.map(() => cluster.#nextName());
    const places: Place[] = [];
    for (const name of names) places.push(await cluster.#place(name));
    const initial = places.map((place, at) => `${names[at]}=${place.peerUrl}`).join(',');
    const isOurs = (program: Program): boolean => program.name === 'quorate';
    programs.forEach((program, at) => {
      cluster.#add(names[at]!, program, places[at]!, initial, 'new', {
        smallDisk: options.withSmallDisk && at === Math.max(programs.findIndex(isOurs), 0),
        clock: at === programs.findLastIndex(isOurs),
      });
    });
    await Promise.all(cluster.members.map((member) => member.process.start(changeBoundMs)));
    return cluster;
  }

  names(): string[] {
    return this.members.map((member) => member.name);
  }

  running(): ChaosMember[] {
    return this.members.filter((member) => member.process.isRunning);
  }

  /** Free for a fault that stops, starts or replaces processes. */
  free(): ChaosMember[] {
    return this.members.filter((member) => !member.isTaken);
  }

  /** One of these, the one that leads in some member's view with even chance. */
  async victim(among: readonly ChaosMember[]): Promise<ChaosMember | undefined> {
    if (among.length === 0) return undefined;
    const { random } = this.#options;
    const leader = random.below(2) === 0 ? await this.leaderName() : undefined;
    return among.find((member) => member.name === leader) ?? random.pick(among);
  }

  /** The name of a member that believes it leads. */
  async leaderName(): Promise<string | undefined> {
    const views = await Promise.all(
      this.running().map(async (member) => {
        const client = new V2Client(member.clientUrl, 500);
        try {
          return JSON.parse((await client.get('/v2/stats/self')).text) as { name: string; state: string };
        } catch {
          return undefined;
        } finally {
          client.close();
        }
      }),
    );
    return views.find((view) => view?.state === 'StateLeader')?.name;
  }

  /**
   * Removes a member and adds a new one with an empty disk in its place.
   * @throws when the cluster does not do it in two minutes.
   */
  async replace(old: ChaosMember, program: Program): Promise<ChaosMember> {
    // Anybody who runs: who is asked may just end itself, or be cut off still.
    const voice = (): ChaosMember => {
      const others = this.running().filter((member) => member !== old);
      if (others.length === 0) throw new Error('nobody to ask for a change of the membership');
      return this.#options.ofLinks.pick(others);
    };
    await until(
      `${old.name} removed`,
      async () => {
        const asked = voice();
        const listed = (await this.#listed(asked)).find(({ peerURLs }) => peerURLs.includes(old.peerUrl));
        if (listed === undefined) return true;
        await asked.client.send('DELETE', `/v2/members/${listed.id}`);
        return false;
      },
      changeBoundMs,
    );
    this.members.splice(this.members.indexOf(old), 1);
    this.removed.push(old);
    // It stops by itself when it hears of it; it may never hear.
    await old.process.kill();
    this.#retire(old);

    const name = this.#nextName();
    const place = await this.#place(name);
    await until(
      `${name} added`,
      async () => {
        const asked = voice();
        if ((await this.#listed(asked)).some(({ peerURLs }) => peerURLs.includes(place.peerUrl))) return true;
        const body = JSON.stringify({ peerURLs: [place.peerUrl] });
        await asked.client.send('POST', '/v2/members', body, 'application/json');
        return false;
      },
      changeBoundMs,
    );
    const listed = await until(
      `${name} in the list of members`,
      async () => {
        const all = await this.#listed(voice());
        const urls = all.flatMap(({ peerURLs }) => peerURLs);
        // Who lags lists what was.
        return urls.includes(place.peerUrl) && !urls.includes(old.peerUrl) ? all : undefined;
      },
      changeBoundMs,
    );
    const initial = listed
      .map(({ name: known, peerURLs }) => `${known === '' ? name : known}=${peerURLs[0]}`)
      .join(',');
    const extras = { smallDisk: old.smallDisk !== undefined, clock: old.clock !== undefined };
    const member = this.#add(name, program, place, initial, 'existing', extras);
    await member.process.start(changeBoundMs);
    return member;
  }

  /** Ends every fault: links open, clocks right, disks free, stopped processes go on, ended ones start. */
  heal(): void {
    this.links.heal();
    for (const member of this.members) {
      this.setClock(member, 0);
      member.smallDisk?.free();
      member.slowDisk?.normal();
      member.signal('SIGCONT');
    }
    this.launchStopped();
  }

  /** Starts what a fault has left stopped, or has ended itself. */
  launchStopped(): void {
    for (const member of this.members) if (!member.process.isRunning) member.process.launch();
  }

  /** Sets a member's wall clock off by so many seconds, if it has one of its own. */
  setClock({ name, clock }: ChaosMember, offsetSeconds: number): void {
    if (clock === undefined) return;
    clock.set(offsetSeconds);
    this.clocks.note(name, offsetSeconds, performance.now());
  }

  async end(): Promise<void> {
    for (const member of this.members) {
      await member.process.kill();
      this.#retire(member);
    }
  }

  async #listed(voice: ChaosMember): Promise<{ id: string; name: string; peerURLs: string[] }[]> {
    const answer = expectStatus(await voice.client.get('/v2/members'), 200);
    return (JSON.parse(answer.text) as { members: { id: string; name: string; peerURLs: string[] }[] })
      .members;
  }

  #nextName(): string {
    return `m${this.#named++}`;
  }

  #retire(member: ChaosMember): void {
    member.client.close();
    member.proxy.close();
    member.smallDisk?.unmount();
    member.slowDisk?.remove();
  }

  async #place(name: string): Promise<Place> {
    const listenPort = await freePort();
    const memberPort = await freePort();
    const peerUrl = `http://127.0.0.1:${listenPort}`;
    this.#nameByPeerUrl.set(peerUrl, name);
    const proxy = await PeerProxy.open({
      name,
      listenPort,
      memberPort,
      links: this.links,
      random: this.#options.ofLinks,
      nameOf: (url) => this.#nameByPeerUrl.get(url) ?? '',
    });
    const clientUrl = `http://127.0.0.1:${await freePort()}`;
    return { clientUrl, peerUrl, memberPeerUrl: `http://127.0.0.1:${memberPort}`, proxy };
  }

  #add(
    name: string,
    program: Program,
    place: Place,
    initialCluster: string,
    state: 'new' | 'existing',
    extras: Extras = plain,
  ): ChaosMember {
    const { faketime, flags, withSlowDisk } = this.#options;
    const folder = temporaryFolder(`chaos-${name}`);
    const smallDisk = extras.smallDisk ? new SmallDisk(join(folder, 'disk'), smallDiskMegabytes) : undefined;
    const slowDisk =
      withSlowDisk && smallDisk === undefined
        ? new SlowDisk(`quorate-chaos-${process.pid}-${name}`, folder)
        : undefined;
    const clock =
      extras.clock && faketime !== undefined ? new MemberClock(faketime, join(folder, 'clock')) : undefined;
    const { clientUrl, peerUrl, memberPeerUrl, proxy } = place;
    const member: ChaosMember = {
      name,
      process: new MemberProcess(
        program,
        [
          `--name=${name}`,
          `--data-dir=${smallDisk?.folder ?? folder}/data`,
          `--listen-client-urls=${clientUrl}`,
          `--advertise-client-urls=${clientUrl}`,
          `--listen-peer-urls=${memberPeerUrl}`,
          `--initial-advertise-peer-urls=${peerUrl}`,
          `--initial-cluster=${initialCluster}`,
          `--initial-cluster-state=${state}`,
          '--initial-cluster-token=chaos',
          ...timing,
          ...flags,
        ],
        clock === undefined ? {} : { environment: clock.environment },
      ),
      client: new V2Client(clientUrl, 3_000),
      clientUrl,
      peerUrl,
      proxy,
      smallDisk,
      slowDisk,
      clock,
      isTaken: false,
      signal(signal) {
        if (!this.process.isRunning) return;
        try {
          this.process.signal(signal);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      },
    };
    this.members.push(member);
    return member;
  }
}
