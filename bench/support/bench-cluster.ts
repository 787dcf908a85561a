/** One or three members of one program, run as an operator would run them: the defaults, on loopback, on the real disk. */

import { freePort } from '../../test/support/free-ports.ts';
import { MemberProcess } from '../../test/support/member-process.ts';
import type { Program } from '../../test/support/program.ts';
import { until } from '../../test/support/until.ts';
import { benchFolder } from './bench-folder.ts';
import { type Usage, usageOf } from './process-usage.ts';

interface BenchMember {
  readonly process: MemberProcess;
  readonly clientPort: number;
}

export class BenchCluster {
  readonly program: Program;
  readonly members: readonly BenchMember[];
  #leader = 0;

  private constructor(program: Program, members: readonly BenchMember[]) {
    this.program = program;
    this.members = members;
  }

  static async start(
    program: Program,
    memberCount: number,
    flags: readonly string[] = [],
  ): Promise<BenchCluster> {
    const ports: { readonly client: number; readonly peer: number }[] = [];
    for (let i = 0; i < memberCount; i++) ports.push({ client: await freePort(), peer: await freePort() });
    const initial = ports.map(({ peer }, at) => `m${at}=http://127.0.0.1:${peer}`).join(',');
    const members = ports.map(({ client, peer }, at) => ({
      clientPort: client,
      process: new MemberProcess(program, [
        `--name=m${at}`,
        `--data-dir=${benchFolder(program.name)}/data`,
        `--listen-client-urls=http://127.0.0.1:${client}`,
        `--advertise-client-urls=http://127.0.0.1:${client}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-cluster=${initial}`,
        ...flags,
      ]),
    }));
    const cluster = new BenchCluster(program, members);
    await Promise.all(members.map(({ process }) => process.start()));
    cluster.#leader = await until('a leader', async () => {
      for (const [at, { clientPort }] of members.entries()) {
        const answer = await fetch(`http://127.0.0.1:${clientPort}/v2/stats/self`);
        if ((await answer.text()).includes('"state":"StateLeader"')) return at + 1;
      }
      return undefined;
    });
    cluster.#leader--;
    return cluster;
  }

  /** Of the leader, as found at the start. */
  get port(): number {
    return this.members[this.#leader]!.clientPort;
  }

  /** Of a member that followed at the start. */
  get followerPort(): number {
    return this.members.find((_, at) => at !== this.#leader)!.clientPort;
  }

  /** Of all members together. */
  usage(): Usage {
    const usages = this.members.map(({ process }) => usageOf(process.pid));
    return {
      cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      residentBytes: usages.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
      anonymousBytes: usages.reduce((sum, { anonymousBytes }) => sum + anonymousBytes, 0),
    };
  }

  /** A figure from /metrics of the leader, undefined if it has none of that name. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ')[1]);
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.kill()));
  }
}
