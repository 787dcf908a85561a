/** Text in double quotes as Go's %q writes it, which etcd's error texts contain. */
import { characterLength } from '../../wire/utf8.ts';

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/** Letters, marks, numbers, punctuation, symbols and the plain space: what is shown as it is. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** `text` is byte text; bytes that are no UTF-8 appear as \xNN. */
export function goQuote(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  let out = '"';
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    out +=
      length === 0 ? hex('x', bytes[at] ?? 0, 2) : quoteCharacter(bytes.toString('utf8', at, at + length));
    at += length === 0 ? 1 : length;
  }
  return `${out}"`;
}

function quoteCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return hex('x', code, 2);
  return code < 0x10000 ? hex('u', code, 4) : hex('U', code, 8);
}

function hex(kind: string, code: number, digits: number): string {
  return `\\${kind}${code.toString(16).padStart(digits, '0')}`;
}
