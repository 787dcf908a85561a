/**
 * JSON with the place of everything in it, because the gateway's errors tell line and column. Objects keep repeated names, which the reader of a message
 * refuses. Syntax errors have the texts of Go's encoding/json.
 */
import { toByteText } from '../http/byte-text.ts';
import { goQuote } from '../http/go-quote.ts';
import { readFirstJson } from '../http/json-reader.ts';

interface Place {
  /** Offsets in the text, from its first character to behind its last. */
  readonly start: number;
  readonly end: number;
}

export interface JsonField extends Place {
  readonly name: string;
  readonly value: JsonNode;
}

export type JsonNode = Place &
  (
    | { readonly kind: 'object'; readonly fields: readonly JsonField[] }
    | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
    | { readonly kind: 'string'; readonly value: string }
    | { readonly kind: 'number' }
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'null' }
  );

export class JsonError extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const DEPTH_MAX = 1000;
/** Nothing that begins like a longer number may be taken for a shorter one. */
const NUMBER = /-?(?:0|[1-9]\d*(?!\d))(?:(?![.eE])|\.\d+(?!\d)(?![eE])|(?:\.\d+)?[eE][+-]?\d+)/y;
/** Up to the closing quote, if nothing in it needs a closer look. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what ends a plain string
const PLAIN_STRING = /[^"\\\u0000-\u001f]*"/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** JSON as it came, as text. Throws JsonError. */
export function jsonText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new JsonError('proto: syntax error (line 1:1): invalid UTF-8 in string');
  }
}

/** The first value in the text; what follows is not looked at. undefined: there is none. Throws JsonError. */
export function readJsonNode(text: string): JsonNode | undefined {
  const parser = new Parser(text);
  if (parser.atEnd()) return undefined;
  const node = parser.value(0);
  if (node !== undefined) {
    if (parser.halfPair !== undefined) throw halfPairError(text, node.start, parser.halfPair);
    return node;
  }
  const { error } = readFirstJson(text);
  throw new JsonError(
    error === 'unexpected end of JSON input' ? 'unexpected EOF' : (error ?? 'invalid JSON'),
  );
}

/** Line and character of an offset, both from 1, counted from `start`: '(line 1:8)'. */
export function placeIn(text: string, start: number, at: number): string {
  const lines = text.slice(start, at).split('\n');
  return `(line ${lines.length}:${[...lines.at(-1)!].length + 1})`;
}

/** Go's encoding/json lets half of a surrogate pair pass, protojson does not. It shows the six bytes behind it. */
function halfPairError(text: string, start: number, string: Place): JsonError {
  const escapes =
    /\\(?:u(d[89ab][0-9a-f]{2})(?=(.{0,6}))(?:\\u(d[c-f][0-9a-f]{2}))?|u(d[c-f][0-9a-f]{2})(?=(.{0,6}))|.)/gis;
  for (const found of text.slice(string.start).matchAll(escapes)) {
    const [, high, behindHigh, low, alone, behindAlone] = found;
    if (alone === undefined && (high === undefined || low !== undefined)) continue;
    const shown = goQuote(toByteText(behindHigh ?? behindAlone ?? ''));
    return new JsonError(
      `proto: syntax error ${placeIn(text, start, string.start)}: invalid escape code ${shown} in string`,
    );
  }
  throw new Error('every escape has its other half');
}

/** Gives up with undefined at the first fault: the words for it are json-reader.ts's business. */
class Parser {
  /** The first string with half a surrogate pair in it. */
  halfPair: Place | undefined;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return Number.isNaN(this.#skipSpace());
  }

  value(depth: number): JsonNode | undefined {
    if (depth > DEPTH_MAX) throw new JsonError('exceeded max depth');
    this.#skipSpace();
    const start = this.#at;
    switch (this.#text[start]) {
      case '{':
        return this.#object(start, depth);
      case '[':
        return this.#array(start, depth);
      case '"': {
        const value = this.#string();
        return value === undefined ? undefined : { kind: 'string', start, end: this.#at, value };
      }
      case 't':
        return this.#literal('true') ? { kind: 'bool', value: true, start, end: this.#at } : undefined;
      case 'f':
        return this.#literal('false') ? { kind: 'bool', value: false, start, end: this.#at } : undefined;
      case 'n':
        return this.#literal('null') ? { kind: 'null', start, end: this.#at } : undefined;
      default:
        return this.#match(NUMBER) === undefined ? undefined : { kind: 'number', start, end: this.#at };
    }
  }

  #object(start: number, depth: number): JsonNode | undefined {
    const fields: JsonField[] = [];
    this.#at++;
    if (this.#take('}')) return { kind: 'object', fields, start, end: this.#at };
    for (;;) {
      this.#skipSpace();
      const nameStart = this.#at;
      if (this.#text[nameStart] !== '"') return undefined;
      const name = this.#string();
      const nameEnd = this.#at;
      if (name === undefined || !this.#take(':')) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      fields.push({ name, value, start: nameStart, end: nameEnd });
      if (this.#take(',')) continue;
      return this.#take('}') ? { kind: 'object', fields, start, end: this.#at } : undefined;
    }
  }

  #array(start: number, depth: number): JsonNode | undefined {
    const items: JsonNode[] = [];
    this.#at++;
    if (this.#take(']')) return { kind: 'array', items, start, end: this.#at };
    for (;;) {
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      if (this.#take(',')) continue;
      return this.#take(']') ? { kind: 'array', items, start, end: this.#at } : undefined;
    }
  }

  #string(): string | undefined {
    const quote = this.#at++;
    if (this.#match(PLAIN_STRING) !== undefined) return this.#text.slice(quote + 1, this.#at - 1);
    this.#at = quote + 1;
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit === 0x22) break;
      if (unit === 0x5c) {
        if (this.#match(ESCAPE) === undefined) return undefined;
      } else if (unit >= 0x20) this.#at++;
      // A control character, or the end (NaN).
      else return undefined;
    }
    this.#at++;
    const value = JSON.parse(this.#text.slice(quote, this.#at)) as string;
    if (!value.isWellFormed()) this.halfPair ??= { start: quote, end: this.#at };
    return value;
  }

  #literal(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(unit: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== unit) return false;
    this.#at++;
    return true;
  }

  /** The unit at which it stops; NaN at the end. */
  #skipSpace(): number {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return unit;
      this.#at++;
    }
  }
}
