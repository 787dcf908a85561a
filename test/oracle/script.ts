/**
 * A transcript: requests and, below each, the answer a real etcd 3.4 gave. The file is both the script and the expectation.
 *
 *     # flags: --cors=http://a.example        (before the first step; members: 3 asks for three members)
 *
 *     # a remark
 *     > PUT /v2/keys/a?prevExist=false         the request line; header lines (Name: value) may follow,
 *     > value=1                                then the body, sent as a form unless a Content-Type is given
 *     201 Created; json; raft; index 4         the answer, rendered by render-answer.ts
 *     | {"action":"create",...}
 *
 * Steps other than a plain request start with `@`:
 *
 *     @watch NAME METHOD TARGET    sends on a connection of its own and waits for the response's head only
 *     @next NAME                   the next chunk of that response's body
 *     @rest NAME                   the rest of that response's body
 *     @close NAME                  closes that connection from the client's side
 *     @raw COUNT                   the lines below, as they are (with JavaScript's escapes), then COUNT answers
 *     @shape METHOD TARGET         the answer with figures and times replaced by their types
 *     @status METHOD TARGET        the answer without its body
 *     @until STATUS METHOD TARGET  the request again and again until that status comes (two minutes at most), and that answer
 *     @repeat COUNT METHOD TARGET  the request COUNT times, `%d` being the turn, and the last answer
 *     @let NAME PATTERN            keeps the pattern's first group of the last answer: ${NAME} in requests, <NAME> in answers
 *     @on INDEX                    asks member INDEX from here on
 *
 * `@fill(N)` anywhere in a request stands for N letters x.
 */

export interface Step {
  /** The remark lines above, as written. */
  readonly remarks: readonly string[];
  /** The lines after '> ', as written. */
  readonly lines: readonly string[];
  readonly answer: readonly string[];
}

export interface Script {
  readonly flags: readonly string[];
  readonly memberCount: number;
  readonly steps: readonly Step[];
  /** Remarks after the last step. */
  readonly tail: readonly string[];
}

export function parseScript(text: string): Script {
  const steps: { remarks: string[]; lines: string[]; answer: string[] }[] = [];
  let remarks: string[] = [];
  let isAnswering = true;
  for (const line of text.split('\n')) {
    const step = steps.at(-1);
    if (line.startsWith('> ') || line === '>') {
      if (isAnswering || step === undefined) steps.push({ remarks, lines: [], answer: [] });
      if (isAnswering) remarks = [];
      isAnswering = false;
      steps.at(-1)!.lines.push(line.slice(2));
      continue;
    }
    isAnswering = true;
    if (line.startsWith('#') || line === '') {
      if (line !== '' || (remarks.length > 0 && remarks.at(-1) !== '')) remarks.push(line);
    } else {
      if (step === undefined) throw new Error(`an answer before any request: ${line}`);
      step.answer.push(line);
    }
  }
  const head = steps[0]?.remarks ?? [];
  const option = (name: string): string | undefined =>
    head.find((line) => line.startsWith(`# ${name}: `))?.slice(name.length + 4);
  while (remarks.at(-1) === '') remarks.pop();
  return {
    flags: option('flags')?.split(' ') ?? [],
    memberCount: Number(option('members') ?? '1'),
    steps,
    tail: remarks,
  };
}

export function printScript(script: Script): string {
  const lines: string[] = [];
  for (const step of script.steps) {
    lines.push(...step.remarks, ...printStep(step), '');
  }
  return `${[...lines, ...script.tail].join('\n').trimEnd()}\n`;
}

export function printStep(step: Step): readonly string[] {
  return [...step.lines.map((line) => `> ${line}`.trimEnd()), ...step.answer];
}

const sending = new Set(['@watch', '@shape', '@status', '@until', '@repeat']);

/** How many HTTP requests a script compares (a repeated one counts once). */
export function requestCount(script: Script): number {
  let count = 0;
  for (const { lines } of script.steps) {
    const [word, argument] = lines[0]!.split(' ');
    if (word === '@raw') count += Number(argument);
    else if (sending.has(word!) || !word!.startsWith('@')) count += 1;
  }
  return count;
}
