/**
 * JSON of request bodies, read with the error texts of Go's encoding/json, which etcd sends back to the client. Objects keep their
 * fields in order, repeated ones too: Go assigns them one after the other.
 */
import { bytesOfText } from '../../wire/utf8.ts';

export type JsonValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly JsonValue[] }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [name: string, value: JsonValue])[] };

export type JsonOutcome =
  | { readonly value: JsonValue; readonly rest: string; readonly error?: undefined }
  | { readonly error: string; readonly value?: undefined };

/** Nesting that Go accepts, too. */
const DEPTH_MAX = 1000;

/** The whole text must be one value. */
export function readJson(text: string): JsonOutcome {
  const outcome = readFirstJson(text);
  if (outcome.error !== undefined) return outcome;
  const rest = outcome.rest.replace(/^[ \t\r\n]+/, '');
  if (rest === '') return outcome;
  return { error: `invalid character ${quoteUnit(rest)} after top-level value` };
}

/** The first value of the text; what follows is left in `rest`. */
export function readFirstJson(text: string): JsonOutcome {
  const reader = new JsonReader(text);
  try {
    const value = reader.value(0);
    return { value, rest: reader.rest() };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { error: error.message };
    throw error;
  }
}

class JsonSyntaxError extends Error {}

const LITERALS: Readonly<Record<string, { readonly text: string; readonly value: JsonValue }>> = {
  t: { text: 'true', value: { kind: 'bool', value: true } },
  f: { text: 'false', value: { kind: 'bool', value: false } },
  n: { text: 'null', value: { kind: 'null' } },
};

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw new JsonSyntaxError('exceeded max depth');
    const unit = this.#skipSpace();
    if (unit === '{') return this.#object(depth);
    if (unit === '[') return this.#array(depth);
    if (unit === '"') return { kind: 'string', value: this.#string() };
    if (unit === '-' || isDigit(unit)) return this.#number();
    const literal = LITERALS[unit];
    if (literal === undefined) throw this.#unexpected('looking for beginning of value');
    for (const expected of literal.text) {
      if (this.#unit() !== expected) {
        throw this.#unexpected(`in literal ${literal.text} (expecting '${expected}')`, true);
      }
      this.#at++;
    }
    return literal.value;
  }

  #object(depth: number): JsonValue {
    const fields: (readonly [string, JsonValue])[] = [];
    this.#at++;
    if (this.#skipSpace() === '}') {
      this.#at++;
      return { kind: 'object', fields };
    }
    for (;;) {
      if (this.#skipSpace() !== '"') throw this.#unexpected('looking for beginning of object key string');
      const name = this.#string();
      if (this.#skipSpace() !== ':') throw this.#unexpected('after object key');
      this.#at++;
      fields.push([name, this.value(depth + 1)]);
      const unit = this.#skipSpace();
      if (unit !== ',' && unit !== '}') throw this.#unexpected('after object key:value pair');
      this.#at++;
      if (unit === '}') return { kind: 'object', fields };
    }
  }

  #array(depth: number): JsonValue {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#skipSpace() === ']') {
      this.#at++;
      return { kind: 'array', items };
    }
    for (;;) {
      items.push(this.value(depth + 1));
      const unit = this.#skipSpace();
      if (unit !== ',' && unit !== ']') throw this.#unexpected('after array element');
      this.#at++;
      if (unit === ']') return { kind: 'array', items };
    }
  }

  #string(): string {
    let out = '';
    this.#at++;
    for (;;) {
      const unit = this.#unit();
      if (unit === '"') {
        this.#at++;
        // Bytes that are no UTF-8 and escapes of half a pair alike are U+FFFD to Go.
        return out.toWellFormed();
      }
      if (unit === '' || unit < ' ') throw this.#unexpected('in string literal');
      this.#at++;
      out += unit === '\\' ? this.#escape() : unit;
    }
  }

  #escape(): string {
    const unit = this.#unit();
    if (unit !== 'u') {
      const escaped = ESCAPES[unit];
      if (escaped === undefined) throw this.#unexpected('in string escape code');
      this.#at++;
      return escaped;
    }
    this.#at++;
    const start = this.#at;
    for (; this.#at < start + 4; this.#at++) {
      if (!/^[0-9a-fA-F]$/.test(this.#unit())) throw this.#unexpected('in \\u hexadecimal character escape');
    }
    return String.fromCharCode(Number.parseInt(this.#text.slice(start, this.#at), 16));
  }

  #number(): JsonValue {
    const start = this.#at;
    if (this.#unit() === '-') this.#at++;
    if (this.#unit() === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#unit() === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (this.#unit() === 'e' || this.#unit() === 'E') {
      this.#at++;
      if (this.#unit() === '+' || this.#unit() === '-') this.#at++;
      this.#digits('in exponent of numeric literal');
    }
    return { kind: 'number', text: this.#text.slice(start, this.#at) };
  }

  /** At least one. */
  #digits(where: string): void {
    if (!isDigit(this.#unit())) throw this.#unexpected(where);
    while (isDigit(this.#unit())) this.#at++;
  }

  #skipSpace(): string {
    let unit = this.#unit();
    while (unit === ' ' || unit === '\t' || unit === '\r' || unit === '\n') {
      this.#at++;
      unit = this.#unit();
    }
    return unit;
  }

  #unit(): string {
    return this.#text.charAt(this.#at);
  }

  /** `inLiteral`: Go reads the end of the text as a space there. */
  #unexpected(where: string, inLiteral = false): JsonSyntaxError {
    const rest = this.rest();
    if (rest !== '') return new JsonSyntaxError(`invalid character ${quoteUnit(rest)} ${where}`);
    return new JsonSyntaxError(inLiteral ? `invalid character ' ' ${where}` : 'unexpected end of JSON input');
  }
}

function isDigit(unit: string): boolean {
  return unit >= '0' && unit <= '9' && unit.length === 1;
}

/** The first character as Go shows it: in single quotes. `text` is decoded; Go looks at one byte only. */
function quoteUnit(text: string): string {
  const byte = bytesOfText(text.slice(0, 2))[0] ?? 0;
  const unit = String.fromCharCode(byte);
  if (unit === "'") return "'\\''";
  if (unit === '"') return "'\"'";
  const shown = byte >= 0x20 && byte < 0x7f ? unit.replace('\\', '\\\\') : controlOrLatin(byte);
  return `'${shown}'`;
}

const CONTROLS: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
};

function controlOrLatin(byte: number): string {
  if (byte < 0x20 || byte === 0x7f) return CONTROLS[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`;
  // A lead byte is shown as the Latin-1 character of the same number.
  return byte >= 0xa1 && byte !== 0xad ? String.fromCharCode(byte) : `\\u00${byte.toString(16)}`;
}
