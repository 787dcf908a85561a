/**
 * Plays a script of etcdctl commands. Its form is that of test/oracle/script.ts; steps are
 *
 *     > put a 1                     etcdctl with these words (quoted as in a shell); lines that follow are its input
 *     > @start NAME watch a         the same, in the background; its input stays open
 *     > @send NAME TEXT             a line more of its input
 *     > @end NAME                   the end of its input
 *     > @next NAME COUNT            the next lines that it prints, 1 unless told
 *     > @stop NAME                  SIGINT, and what it has printed besides; not how it took it, which is chance
 *     > @drop NAME                  SIGINT, for what goes on printing
 *     > @rest NAME                  what it has printed besides, once it ends by itself
 *     > @until PATTERN put a 1      again and again until what it prints matches (two minutes at most), and that
 *     > @sorted endpoint health     its lines in order, where their order is chance
 *     > @quiet member list          only how it ended
 *     > @let NAME PATTERN           keeps the pattern's first group of the last answer: ${NAME} in commands
 *     > @on 0,2                     asks these members from here on
 *
 * The answer is what came on standard output (|), on standard error (!), and the exit code unless it is 0. ${endpoint} is the
 * address asked, ${member0}... are the members' ids, @fill(N) N letters x.
 */

import type { Script, Step } from '../../oracle/script.ts';
import { PATIENCE } from '../../support/patient-etcdctl.ts';
import { until } from '../../support/until.ts';
import { Ctl, type Ended } from './background-ctl.ts';
import type { OutputMask } from './mask-output.ts';

export interface Played {
  /** Path of the etcdctl. */
  readonly program: string;
  /** Where it runs: files that it writes. */
  readonly folder: string;
  /** 'host:port' of each member. */
  readonly endpoints: readonly string[];
  readonly mask: OutputMask;
  /** Further texts that ${NAME} stands for. */
  readonly names: Readonly<Record<string, string>>;
}

export async function playCtlScript(script: Script, played: Played): Promise<Script> {
  const player = new Player(played);
  const steps: Step[] = [];
  try {
    for (const step of script.steps) {
      const answer = await player.play(step).catch((error: Error) => [`failed: ${error.message}`]);
      steps.push({ ...step, answer });
    }
  } finally {
    player.end();
  }
  return { ...script, steps };
}

class Player {
  readonly #played: Played;
  readonly #open = new Map<string, Ctl>();
  readonly #kept = new Map<string, string>();
  #on: readonly number[] = [0];
  #last = '';

  constructor(played: Played) {
    this.#played = played;
    for (const [name, text] of Object.entries(played.names)) this.#kept.set(name, text);
  }

  async play(step: Step): Promise<readonly string[]> {
    const lines = step.lines.map((line) => this.#expand(line));
    const input = lines.slice(1).join('\n');
    const [word = '', name = '', ...rest] = lines[0]!.split(' ');
    switch (word) {
      case '@start': {
        const started = this.#start(rest.join(' '));
        if (lines.length > 1) started.send(`${input}\n`);
        this.#open.set(name, started);
        return [];
      }
      case '@send':
        this.#opened(name).send(`${rest.join(' ')}\n`);
        return [];
      case '@end':
        this.#opened(name).endInput();
        return [];
      case '@next':
        return this.#print('|', await this.#opened(name).lines(Number(rest[0] ?? 1)));
      case '@stop': {
        this.#opened(name).interrupt();
        const { stdout } = await this.#opened(name).rest();
        return this.#print('|', stdout);
      }
      case '@drop':
        this.#opened(name).interrupt();
        await this.#opened(name).rest();
        return [];
      case '@rest':
        return this.#render(await this.#opened(name).rest());
      case '@until': {
        const ended = await until(`${rest.join(' ')} printing ${name}`, async () => {
          const answer = await this.#run(rest.join(' '), input);
          return new RegExp(name).test(answer.stdout + answer.stderr) && answer;
        });
        return this.#render(ended);
      }
      case '@sorted': {
        const ended = await this.#run([name, ...rest].join(' '), input);
        return [...this.#render(ended)].sort();
      }
      case '@quiet': {
        const { code, stdout } = await this.#run([name, ...rest].join(' '), input);
        this.#last = stdout;
        return [`exit ${code}`];
      }
      case '@let': {
        const found = new RegExp(rest.join(' ')).exec(this.#last)?.[1];
        if (found === undefined) throw new Error(`nothing in the last answer matches ${rest.join(' ')}`);
        this.#kept.set(name, found);
        return [];
      }
      case '@on':
        this.#on = name.split(',').map(Number);
        return [];
      default:
        return this.#render(await this.#run(lines[0]!, input), lines[0]!);
    }
  }

  end(): void {
    for (const each of this.#open.values()) each.kill();
  }

  #start(command: string): Ctl {
    const { program, folder, endpoints } = this.#played;
    const asked = this.#on.map((at) => endpoints[at]!).join(',');
    const words = wordsOf(command);
    if (!command.includes('--endpoints=')) words.unshift(`--endpoints=${asked}`);
    return new Ctl(program, [...PATIENCE, ...words], folder);
  }

  async #run(command: string, input: string): Promise<Ended> {
    const started = this.#start(command);
    if (input !== '') started.send(`${input}\n`);
    started.endInput();
    return started.rest();
  }

  #render({ code, stdout, stderr }: Ended, command = ''): readonly string[] {
    const printed = [...this.#print('|', stdout, command), ...this.#print('!', stderr)];
    return code === 0 ? printed : [...printed, `exit ${code}`];
  }

  #print(mark: string, text: string, command = ''): readonly string[] {
    if (mark === '|') this.#last = text;
    return this.#played.mask.lines(text, command).map((line) => `${mark} ${line}`.trimEnd());
  }

  #opened(name: string): Ctl {
    const open = this.#open.get(name);
    if (open === undefined) throw new Error(`nothing is called ${name}`);
    return open;
  }

  #expand(line: string): string {
    const [first = 0] = this.#on;
    const filled = line.replace(/@fill\((\d+)\)/g, (_, count: string) => 'x'.repeat(Number(count)));
    return filled.replace(/\$\{(\w+)\}/g, (_, name: string) =>
      name === 'endpoint' ? this.#played.endpoints[first]! : (this.#kept.get(name) ?? `(no ${name})`),
    );
  }
}

/** Words between blanks; quotes of both kinds keep blanks, and '' is an empty word. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  );
}
