/**
 * Differential fuzzing against Node's own HTTP parser: the same bytes go to `node:http` (strict) and to `src/net`, and both tell which
 * requests they took: method, target, headers and body of each. Whatever one takes and the other does not must be in the table of
 * known differences, with the reason. A request is counted once its body is whole. `OPTIONS *` never reaches our handler and is
 * left out.
 *
 * Seeded: QUORATE_FUZZ_SEED=<number> replays, QUORATE_FUZZ_CASES=<number> makes it long.
 */
import assert from 'node:assert/strict';
import { createServer, METHODS, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import type { Listener } from '../../src/net/listener.ts';
import { generatedNames, randomRequests } from './http1-fuzz-input.ts';
import { serve } from './raw-client.ts';

interface Taken {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where one side took a request and the other did not. */
interface Difference {
  readonly name: string;
  readonly reason: string;
  readonly takenBy: 'node' | 'us';
  /** Is this what sets the request apart? `before` are those both took, `input` is all that was sent. */
  explains(request: Taken, before: readonly Taken[], input: string): boolean;
}

const path = (request: Taken) => request.target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');

const knownDifferences: readonly Difference[] = [
  {
    name: 'unknown method',
    reason:
      "Node knows a fixed list of methods; any token is one to RFC 9110 and to etcd's library, which lets the handler answer 405",
    takenBy: 'us',
    explains: ({ method }) => !METHODS.includes(method),
  },
  {
    name: 'CONNECT',
    reason:
      'Node treats it apart from requests and drops it unless asked to make a tunnel; here it is a method like any other',
    takenBy: 'us',
    explains: ({ method }) => method === 'CONNECT',
  },
  {
    name: 'target beyond ASCII',
    reason: 'etcd takes keys as raw UTF-8 in the target (curl sends them so); Node does not',
    takenBy: 'us',
    explains: ({ target }) => /[\x80-\xff]/.test(target),
  },
  {
    name: 'two Hosts',
    reason: 'RFC 9112, 3.2 demands 400; Node keeps the first',
    takenBy: 'node',
    explains: ({ headers }) => /, /.test(headers['host'] ?? ''),
  },
  {
    name: 'bad Host',
    reason: "etcd's library checks the characters of Host; Node hands it on",
    takenBy: 'node',
    explains: ({ headers }) => !/^[A-Za-z0-9!$%&'()*+,\-.:;=[\]_~]*$/.test(headers['host'] ?? ''),
  },
  {
    name: 'bad escape',
    reason: "etcd's library refuses a path whose escapes can't be decoded",
    takenBy: 'node',
    explains: (request) => /%(?![0-9A-Fa-f]{2})/.test(path(request)),
  },
  {
    name: 'other versions',
    reason: 'Node takes HTTP/0.9 and HTTP/2.0 in a request line; neither is spoken here: 505',
    takenBy: 'node',
    explains: ({ version }) => version !== '1.0' && version !== '1.1',
  },
  {
    name: 'chunks in HTTP/1.0',
    reason: 'RFC 9112, 6.1: the framing of such a message is faulty',
    takenBy: 'node',
    explains: ({ version, headers }) => version === '1.0' && 'transfer-encoding' in headers,
  },
  {
    name: 'odd targets',
    reason: 'only origin form and http(s) absolute form can be served; Node hands all on',
    takenBy: 'node',
    explains: ({ target }) => !/^(\/|https?:\/\/[A-Za-z0-9!$%&'()*+,\-.:;=[\]_~]+([/?]|$))/i.test(target),
  },
  {
    name: 'after an upgrade',
    reason:
      'Node takes what follows a request with Connection: upgrade for another protocol, though it did not agree to one; here it is the next request',
    takenBy: 'us',
    explains: (_, before) =>
      before.some(({ headers }) => 'upgrade' in headers && /upgrade/i.test(headers['connection'] ?? '')),
  },
  {
    name: 'chunk extensions',
    reason:
      'extensions are skipped, bounded in size and free of control characters; Node parses them as well',
    takenBy: 'us',
    explains: (request, _, input) =>
      'transfer-encoding' in request.headers && /\n[0-9A-Fa-f]+;(?!a(=(b|"b c"))?\r\n)/.test(input),
  },
  {
    name: 'trailers',
    reason:
      'trailers are discarded once their characters are checked; Node refuses Content-Length and the like among them',
    takenBy: 'us',
    explains: (request, _, input) =>
      'transfer-encoding' in request.headers &&
      /\n0+\r\n(.*\r\n)*(content-length|transfer-encoding):/i.test(input),
  },
  {
    name: 'empty Transfer-Encoding',
    reason:
      "Node takes a Transfer-Encoding without a value for none at all; which body a proxy would see is anybody's guess: 501",
    takenBy: 'node',
    explains: ({ headers }) => headers['transfer-encoding'] === '',
  },
  {
    name: 'tab after chunked',
    reason:
      'white space around a value is no part of it (RFC 9110, 5.5), in Transfer-Encoding as elsewhere; Node knows spaces only there',
    takenBy: 'us',
    explains: (_, __, input) => /\ntransfer-encoding:[\t ]*chunked *\t[\t ]*\r\n/i.test(input),
  },
  {
    name: 'expectations in HTTP/1.0',
    reason: "etcd's library refuses an unknown expectation in any version; Node looks at it in HTTP/1.1 only",
    takenBy: 'node',
    explains: ({ version, headers }) => version === '1.0' && 'expect' in headers,
  },
  {
    name: 'line ends between requests',
    reason:
      'Node skips any CR and LF before a request; here whole CRLFs are skipped, and a bare one is refused as anywhere else',
    takenBy: 'node',
    explains: ({ method, target }, before, input) => {
      const earlier = input.slice(0, input.indexOf(`${method} ${target} `));
      const previous = before.at(-1);
      return [1, 2, 3, 4].some((length) => {
        const between = earlier.slice(-length);
        const rest = earlier.slice(0, -length);
        if (!/^[\r\n]+$/.test(between) || /^(\r\n)+$/.test(between)) return false;
        if (previous === undefined) return rest === '';
        return rest.endsWith('\r\n\r\n') || (previous.body !== '' && rest.endsWith(previous.body));
      });
    },
  },
  {
    name: 'almost 100-continue',
    reason:
      'Node looks for the word anywhere in the value; here, as in RFC 9110, 10.1.1, it is the only expectation there is',
    takenBy: 'node',
    explains: ({ headers }) => !/^100-continue$/i.test(headers['expect'] ?? '100-continue'),
  },
  {
    name: 'empty Expect',
    reason: "a header without a value expects nothing, to etcd's library too; Node answers 417",
    takenBy: 'us',
    explains: ({ headers }) => headers['expect'] === '',
  },
  {
    name: 'more spaces',
    reason: 'RFC 9112, 3: single spaces divide the request line; Node skips any number of them',
    takenBy: 'node',
    explains: ({ method, target }, _, input) =>
      input.includes(`${method}  ${target}`) || input.includes(`${method} ${target}  HTTP`),
  },
  {
    name: 'other codings',
    reason:
      "a body in another coding can't be read here: 501, as etcd's library answers; Node lets the handler see to it",
    takenBy: 'node',
    explains: ({ headers }) => !/^chunked$/i.test(headers['transfer-encoding'] ?? 'chunked'),
  },
];

const seed = Number(process.env['QUORATE_FUZZ_SEED'] ?? 20_240_607);
const cases = Number(process.env['QUORATE_FUZZ_CASES'] ?? 2500);

test(`Node's parser and ours take the same requests (seed ${seed}, ${cases} cases)`, async (context) => {
  let taken: Taken[] = [];
  // Node answers a request without Host and one with an unknown expectation by itself, but goes on to the next one on the same
  // connection. Refusing means closing here, so the rest of such a connection is not counted.
  const refused = new WeakSet<object>();
  const theirs = createServer(
    { insecureHTTPParser: false, requireHostHeader: false },
    (request, response) => {
      if (request.httpVersion === '1.1' && request.headers.host === undefined) refused.add(request.socket);
      if (refused.has(request.socket)) {
        response.end();
        return;
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const headers: Record<string, string> = {};
        for (let i = 0; i < request.rawHeaders.length; i += 2) {
          const name = request.rawHeaders[i]!.toLowerCase();
          const value = request.rawHeaders[i + 1]!;
          headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
        }
        taken.push({
          method: request.method!,
          target: request.url!,
          version: request.httpVersion,
          headers,
          body: Buffer.concat(chunks).toString('latin1'),
        });
        response.end();
      });
    },
  );
  theirs.on('checkExpectation', (request, response) => {
    refused.add(request.socket);
    response.end();
  });
  await new Promise<void>((resolve) => theirs.listen(0, '127.0.0.1', resolve));
  const ours = await serve((request) => {
    request.readBody(1 << 20, (body) => {
      const headers: Record<string, string> = {};
      for (const name of headerNames) {
        const value = request.header(name);
        if (value !== undefined) headers[name] = value;
      }
      const target = request.query === '' ? request.path : `${request.path}?${request.query}`;
      taken.push({
        method: request.method,
        target,
        version: request.httpVersion,
        headers,
        body: Buffer.from(body).toString('latin1'),
      });
      request.send(200, '', '');
    });
  });
  let headerNames: string[] = [];

  const explained = new Map<string, number>();
  let requests = 0;
  for (let index = 0; index < cases; index++) {
    const input = randomRequests(seed + index);
    taken = [];
    await play((theirs.address() as AddressInfo).port, input);
    const byThem = taken.filter(({ method, target }) => method !== 'OPTIONS' || target !== '*');
    taken = [];
    headerNames = [
      ...new Set([...generatedNames, ...byThem.flatMap((request) => Object.keys(request.headers))]),
    ];
    await play(ours.port, input);
    const byUs = taken;
    requests += byUs.length;
    const at = firstDifference(byThem, byUs);
    if (at === -1) continue;
    const why = explanation(byThem, byUs, at, input);
    if (why === undefined) {
      await close(theirs, ours);
      assert.deepEqual(byUs, byThem, `seed ${seed + index}: ${JSON.stringify(input)}`);
    } else {
      explained.set(why.name, (explained.get(why.name) ?? 0) + 1);
    }
  }
  await close(theirs, ours);
  context.diagnostic(`${requests} requests taken; known differences met: ${JSON.stringify([...explained])}`);
  // Most of what is generated must get through, or nothing is compared.
  assert.ok(requests > cases / 2);
});

/** Two readings of the same request are never explained: that is what smuggling is made of. */
function explanation(
  byThem: readonly Taken[],
  byUs: readonly Taken[],
  at: number,
  input: string,
): Difference | undefined {
  const theirs = byThem[at];
  const ours = byUs[at];
  if (theirs !== undefined && ours !== undefined) return undefined;
  const takenBy = ours === undefined ? 'node' : 'us';
  const request = (theirs ?? ours)!;
  return knownDifferences.find(
    (known) => known.takenBy === takenBy && known.explains(request, byUs.slice(0, at), input),
  );
}

function firstDifference(theirs: readonly Taken[], ours: readonly Taken[]): number {
  for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
    if (JSON.stringify(sorted(theirs[i])) !== JSON.stringify(sorted(ours[i]))) return i;
  }
  return -1;
}

/** Node hands a target on as it is, we take it apart: compared without scheme and authority. */
function sorted(request: Taken | undefined): unknown {
  if (request === undefined) return undefined;
  const target = request.target
    .replace(/^https?:\/\/[^/?]*/i, '')
    .replace(/^(\?|$)/, '/$1')
    .replace(/\?$/, '');
  return { ...request, target, headers: Object.entries(request.headers).sort() };
}

/** Sends the bytes, ends our side, waits for the end. */
function play(port: number, input: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.on('end', () => socket.destroy());
    socket.resume();
    socket.end(input, 'latin1');
  });
}

async function close(theirs: Server, ours: Listener): Promise<void> {
  theirs.closeAllConnections();
  theirs.close();
  await ours.close();
}
