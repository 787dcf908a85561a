/** Plays a script's steps against one server, or one cluster, and gives the script back with the answers that came. */

import {
  RawConnection,
  type RawConnectOptions,
  type RawResponse,
  type ResponseHead,
} from '../support/raw-http.ts';
import { until } from '../support/until.ts';
import { mask, type Names, renderBody, renderHead, renderResponse, renderShape } from './render-answer.ts';
import type { Script, Step } from './script.ts';

interface Watch {
  readonly connection: RawConnection;
  readonly head: ResponseHead;
  readonly method: string;
}

interface Request {
  readonly method: string;
  readonly bytes: Buffer;
  /** What it is answered may have happened before. */
  readonly isWatch: boolean;
}

/** @param ports the client port of each member. */
export async function runScript(script: Script, ports: readonly number[], names: Names): Promise<Script> {
  const player = new Player(ports, names);
  const steps: Step[] = [];
  try {
    for (const step of script.steps) {
      const answer = await player.play(step).catch((error: Error) => [`failed: ${error.message}`]);
      steps.push({ ...step, answer });
      // What @let named stands in the answer before it already.
      const named = steps.at(-2);
      if (step.lines[0]!.startsWith('@let') && named !== undefined) {
        steps[steps.length - 2] = { ...named, answer: named.answer.map((line) => mask(line, names)) };
      }
    }
  } finally {
    player.end();
  }
  return { ...script, steps };
}

class Player {
  readonly #ports: readonly number[];
  readonly #names: Names;
  readonly #watches = new Map<string, Watch>();
  readonly #kept = new Map<string, string>();
  readonly #begunMs = Date.now();
  #target: number;
  #connection: RawConnection | undefined;
  #askedMs = 0;
  #lastText = '';

  constructor(ports: readonly number[], names: Names) {
    this.#ports = ports;
    this.#names = names;
    this.#target = ports[0]!;
  }

  async play(step: Step): Promise<readonly string[]> {
    const lines = step.lines.map((line) => this.#expand(line));
    const [word = '', ...words] = lines[0]!.split(' ');
    const argument = words[0] ?? '';
    switch (word) {
      case '@watch':
        return this.#watch(argument, requestOf([words.slice(1).join(' '), ...lines.slice(1)]));
      case '@next': {
        const chunk = await this.#watched(argument).connection.readChunk();
        return chunk === undefined ? ['(end)'] : renderBody(chunk, this.#names, this.#begunMs);
      }
      case '@rest': {
        const { connection, head, method } = this.#watched(argument);
        const body = await connection.readBody(head, method);
        connection.close();
        return body.length === 0 ? ['(nothing)'] : renderBody(body, this.#names, this.#begunMs);
      }
      case '@close':
        this.#watched(argument).connection.close();
        return [];
      case '@raw':
        return this.#raw(Number(argument), unescaped(lines.slice(1).join('\\r\\n')));
      case '@shape': {
        const request = requestOf([words.join(' '), ...lines.slice(1)]);
        return renderShape(await this.#ask(request), this.#names);
      }
      case '@status': {
        const request = requestOf([words.join(' '), ...lines.slice(1)]);
        const response = await this.#ask(request);
        return renderHead(response, this.#names, response.body);
      }
      case '@until': {
        const request = requestOf([words.slice(1).join(' '), ...lines.slice(1)]);
        const response = await until(`an answer ${argument}`, async () => {
          const answer = await this.#ask(request);
          return answer.status === Number(argument) ? answer : undefined;
        });
        return this.#render(response, request);
      }
      case '@repeat': {
        let last: RawResponse | undefined;
        const request = [words.slice(1).join(' '), ...lines.slice(1)];
        for (let turn = 1; turn <= Number(argument); turn++) {
          last = await this.#ask(requestOf(request.map((line) => line.replaceAll('%d', String(turn)))));
        }
        return renderResponse(last!, this.#names, 'GET', this.#begunMs);
      }
      case '@let': {
        const found = new RegExp(words.slice(1).join(' ')).exec(this.#lastText)?.[1];
        if (found === undefined)
          throw new Error(`nothing in the last answer matches, so there is no ${argument}`);
        this.#kept.set(argument, found);
        this.#names.masks.set(found, `<${argument}>`);
        return [];
      }
      case '@on':
        this.#connection?.close();
        this.#connection = undefined;
        this.#target = this.#ports[Number(argument)]!;
        return [];
      default: {
        const request = requestOf(lines);
        return this.#render(await this.#ask(request), request);
      }
    }
  }

  end(): void {
    this.#connection?.close();
    for (const watch of this.#watches.values()) watch.connection.close();
  }

  #expand(line: string): string {
    return line
      .replace(/\$\{(\w+)\}/g, (_, name: string) => this.#kept.get(name) ?? `(no ${name})`)
      .replace(/@fill\((\d+)\)/g, (_, count: string) => 'x'.repeat(Number(count)));
  }

  #at(): RawConnectOptions {
    return { port: this.#target };
  }

  /** One connection serves all plain requests, for as long as the server keeps it. */
  async #ask(request: Request): Promise<RawResponse> {
    const connection = this.#connection ?? (await RawConnection.connect(this.#at()));
    this.#connection = connection;
    this.#askedMs = Date.now();
    connection.send(request.bytes);
    try {
      const response = await connection.readResponse(request.method);
      this.#lastText = response.body.toString('utf8');
      if (response.headers.some(([name, value]) => name === 'Connection' && value === 'close')) this.#drop();
      return response;
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  #render(response: RawResponse, { method, isWatch }: Request): readonly string[] {
    return renderResponse(response, this.#names, method, isWatch ? this.#begunMs : this.#askedMs);
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #watch(name: string, request: Request): Promise<readonly string[]> {
    const connection = await RawConnection.connect(this.#at());
    connection.send(request.bytes);
    const head = await connection.readHead();
    this.#watches.set(name, { connection, head, method: request.method });
    return renderHead(head, this.#names);
  }

  #watched(name: string): Watch {
    const watch = this.#watches.get(name);
    if (watch === undefined) throw new Error(`no watch is called ${name}`);
    return watch;
  }

  /** After the answers, asks on the same connection whether it is still served. */
  async #raw(count: number, text: string): Promise<readonly string[]> {
    const connection = await RawConnection.connect(this.#at());
    const lines: string[] = [];
    try {
      connection.send(Buffer.from(text, 'latin1'));
      const methods = [...text.matchAll(/(?:^|\r\n)([A-Z]+) \S+ HTTP/g)].map((match) => match[1]!);
      let final = 0;
      while (final < count) {
        const head = await connection.readHead();
        const method = methods[final] ?? 'GET';
        if (head.status < 200) {
          lines.push(...renderHead(head, this.#names));
          continue;
        }
        const body = await connection.readBody(head, method);
        lines.push(...renderResponse({ ...head, body }, this.#names, method, this.#begunMs));
        final++;
      }
      connection.send('GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      const isOpen = await connection.readHead().then(
        () => true,
        () => false,
      );
      lines.push(isOpen ? '(connection open)' : '(connection closed)');
    } finally {
      connection.close();
    }
    return lines;
  }
}

function requestOf(lines: readonly string[]): Request {
  const [method = '', target = ''] = lines[0]!.split(' ');
  const headers = new Map<string, string>([['Host', 'localhost:2379']]);
  let at = 1;
  for (; at < lines.length; at++) {
    const header = /^([A-Z][A-Za-z-]*): ?(.*)$/.exec(lines[at]!);
    if (header === null) break;
    headers.set(header[1]!, header[2]!);
  }
  const body = Buffer.from(lines.slice(at).join('\n'));
  if (body.length > 0 && !headers.has('Content-Type')) {
    headers.set('Content-Type', 'application/x-www-form-urlencoded');
  }
  if (headers.get('Content-Type') === 'none') headers.delete('Content-Type');
  const hasBody = body.length > 0 || method === 'PUT' || method === 'POST';
  if (hasBody && !headers.has('Content-Length')) headers.set('Content-Length', String(body.length));
  const head = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const bytes = Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`), body]);
  return { method, bytes, isWatch: target.includes('wait=true') };
}

/** JavaScript's own escapes: \r \n \t \xNN \\ (the text is latin1, a character a byte). */
function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/g, (_, code: string) => {
    if (code.startsWith('x') && code.length === 3)
      return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { r: '\r', n: '\n', t: '\t', '0': '\0' }[code] ?? code;
  });
}
