/** Requests that are mostly right and sometimes not quite: grammar first, then mutation of single bytes. */

/** mulberry32: small, seeded, good enough to pick with. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const extraNames = [
  'X-A',
  'x-a',
  'Accept',
  'Content-Type',
  'Cookie',
  'X_B',
  'Connection',
  'TE',
  'Upgrade',
  'Trailer',
  'Keep-Alive',
];

/** Lower-case names of the headers that are generated, mutation aside. */
export const generatedNames = [...extraNames, 'Host', 'Expect', 'Content-Length', 'Transfer-Encoding'].map(
  (name) => name.toLowerCase(),
);

/** One connection's input, as latin1 text: one to four requests. */
export function randomRequests(seed: number): string {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
  const often = (share: number) => next() < share;

  const target = (method: string) => {
    const path = pick(['/', '/v2/keys/a', '/v2/keys/a%20b', '/a/../b', '//', '/~x', '/a;b', '/a#b', '/%2f?']);
    const query = often(0.4) ? pick(['?', '?wait=true', '?a=b&c=%20', '?%zz', '??', '?a#b']) : '';
    return often(0.95)
      ? path + query
      : pick([
          '/\xc3\xa9',
          '/?\xff',
          '/%zz',
          '/%4',
          // `OPTIONS *` never reaches our handler, so it can't be compared.
          method === 'OPTIONS' ? 'x' : '*',
          'http://h/a',
          'http://h',
          'HTTP://h:80/?x',
          'https://h?x',
          'a',
          'h:80',
          'ftp://h/',
          'http:///',
        ]);
  };
  const value = () =>
    pick(['', 'a', ' a ', '\ta\t', 'a, b', 'a\tb', '"x"', 'é', 'close', 'keep-alive', 'x'.repeat(300)]);
  const extraHeader = () => {
    const name = pick(extraNames);
    return `${name}:${pick(['', ' ', '  ', '\t'])}${value()}\r\n`;
  };
  const chunked = (body: string) => {
    let text = '';
    for (let at = 0; at < body.length; ) {
      const size = 1 + below(body.length - at);
      const digits = pick([size.toString(16), size.toString(16).toUpperCase(), `0${size.toString(16)}`]);
      text += `${digits}${often(0.15) ? pick([';a', ';a=b', ';a="b c"', ' ', ';', ';a=', '; a']) : ''}\r\n${body.slice(at, at + size)}\r\n`;
      at += size;
    }
    return `${text}0\r\n${often(0.2) ? pick(['X: y\r\n', 'X: y\r\nZ:\r\n', 'X\r\n', ': y\r\n', 'Content-Length: 5\r\n']) : ''}\r\n`;
  };
  const request = () => {
    const method = often(0.97)
      ? pick(['GET', 'GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE'])
      : pick(['get', 'BREW', 'CONNECT', 'M-SEARCH', 'PURGE']);
    const version = often(0.9)
      ? 'HTTP/1.1'
      : pick([
          'HTTP/1.0',
          'HTTP/1.0',
          'HTTP/1.0',
          'HTTP/1.0',
          'HTTP/1.2',
          'HTTP/2.0',
          'HTTP/0.9',
          'http/1.1',
          'HTTP/11',
          'HTTP/1.',
        ]);
    let text = `${often(0.05) ? '\r\n' : ''}${method} ${target(method)} ${version}\r\n`;
    if (often(0.95))
      text += `Host: ${often(0.97) ? pick(['a', 'a:1', '[::1]:2379', '']) : pick(['a b', 'a/b', '"a"'])}\r\n`;
    for (let i = below(4); i > 0; i--) text += extraHeader();
    if (often(0.05))
      text += pick([
        'Host: b\r\n',
        'Expect: 100-continue\r\n',
        'Expect: x\r\n',
        'Upgrade: h2c\r\nConnection: Upgrade\r\n',
      ]);
    const body = 'abcdefghij\r\n0\r\n\r\n'.slice(0, below(19));
    switch (below(6)) {
      case 0:
        text += `Content-Length: ${body.length}\r\n\r\n${body}`;
        break;
      case 1:
        text += `Transfer-Encoding: chunked\r\n\r\n${chunked(body)}`;
        break;
      case 2:
        if (often(0.7)) {
          text += `\r\n`;
        } else {
          const lengths = [
            `${body.length}`,
            `+${body.length}`,
            `0${body.length}`,
            '',
            'x',
            `${body.length},${body.length}`,
            '1e1',
            '99999999999999999999',
          ];
          const encodings = [
            'chunked',
            'Chunked',
            'gzip',
            'gzip, chunked',
            'chunked, gzip',
            'identity',
            'xchunked',
            ' chunked ',
            'chunked,',
            '',
          ];
          if (often(0.6)) text += `Content-Length: ${pick(lengths)}\r\n`;
          if (often(0.4)) text += `Transfer-Encoding:${pick(['', ' '])}${pick(encodings)}\r\n`;
          if (often(0.2)) text += `Content-Length: ${pick(lengths)}\r\n`;
          text += `\r\n${often(0.5) ? body : chunked(body)}`;
        }
        break;
      default:
        text += '\r\n';
    }
    return text;
  };

  let text = '';
  for (let i = 1 + below(4); i > 0; i--) text += request();
  if (often(0.4)) text = mutate(text);
  return text;

  function mutate(whole: string): string {
    let mutated = whole;
    for (let i = 1 + below(2); i > 0; i--) {
      const at = below(mutated.length);
      const odd = pick([
        '\0',
        '\n',
        '\r',
        ' ',
        '\t',
        ':',
        ',',
        ';',
        '0',
        'a',
        '\x7f',
        '\x80',
        '\xff',
        '"',
        '\x0b',
        '?',
        '#',
        '%',
        '\r\n',
        '\r\n ',
      ]);
      switch (below(4)) {
        case 0:
          mutated = mutated.slice(0, at) + odd + mutated.slice(at);
          break;
        case 1:
          mutated = mutated.slice(0, at) + mutated.slice(at + 1);
          break;
        case 2:
          mutated = mutated.slice(0, at) + odd + mutated.slice(at + 1);
          break;
        default:
          mutated = mutated.slice(0, at);
      }
    }
    return mutated;
  }
}
