/**
 * Requests in JSON, turned into the bytes that a gRPC client would have sent. What is accepted, and the words of refusals, are those of Go's protojson as
 * etcd 3.5.30 uses it: names of both kinds, numbers also as strings, bytes in any base64, enums by name or number; unknown fields and unknown names of
 * enums are passed over; null leaves a field unset.
 */
import { BYTES, VARINT, Writer } from '../../wire/protobuf.ts';
import { JsonError, type JsonField, type JsonNode, placeIn, readJsonNode } from './json-node.ts';
import type { FieldShape, MessageShape } from './message-shape.ts';

/** The first value in `text` as an encoded message; without one the empty message. Throws JsonError. */
export function jsonToMessage(shape: MessageShape, text: string): Uint8Array {
  const node = readJsonNode(text);
  if (node === undefined) return new Uint8Array(0);
  // Bytes shrink on the way, nothing grows much.
  const encoder = new Encoder(text, node.start, new Writer(node.end - node.start + 16));
  encoder.message(shape, node);
  return encoder.writer.finish();
}

class Encoder {
  readonly writer: Writer;
  readonly #text: string;
  /** Errors count from here. */
  readonly #start: number;

  constructor(text: string, start: number, writer: Writer) {
    this.#text = text;
    this.#start = start;
    this.writer = writer;
  }

  message(shape: MessageShape, node: JsonNode): void {
    if (node.kind !== 'object') throw this.#unexpected(node);
    const seen = new Set<string>();
    for (const each of node.fields) {
      const field = shape.byName.get(each.name);
      if (field === undefined) continue;
      if (seen.has(field.name))
        throw this.#error(each.start, `duplicate field ${this.#text.slice(each.start, each.end)}`);
      seen.add(field.name);
      if (each.value.kind === 'null') continue;
      if (field.repeated) this.#list(field, each.value);
      else {
        if (field.oneof !== undefined) this.#checkOneof(field.oneof, each, seen);
        this.#single(field, each.value);
      }
    }
  }

  #checkOneof(oneof: string, { start, end }: JsonField, seen: Set<string>): void {
    // A full name has a dot, a field's has none.
    if (seen.has(oneof)) {
      const name = this.#text.slice(start, end);
      throw this.#error(start, `error parsing ${name}, oneof ${oneof} is already set`);
    }
    seen.add(oneof);
  }

  #list(field: FieldShape, node: JsonNode): void {
    if (node.kind !== 'array') throw this.#unexpected(node);
    for (const item of node.items) this.#value(field, item);
  }

  /** Defaults are left out, as in any encoder of version 3, except in a oneof. */
  #single(field: FieldShape, node: JsonNode): void {
    const { writer } = this;
    const before = writer.length;
    const isDefault = this.#value(field, node);
    if (isDefault && field.oneof === undefined) writer.truncate(before);
  }

  /** Writes tag and value; true if it is the default of a scalar. */
  #value(field: FieldShape, node: JsonNode): boolean {
    const { writer } = this;
    switch (field.type) {
      case 'message': {
        writer.tag(field.number, BYTES);
        const mark = writer.begin();
        this.message(field.message!, node);
        writer.end(mark);
        return false;
      }
      case 'bytes': {
        const bytes = node.kind === 'string' ? bytesOfBase64(node.value) : undefined;
        if (bytes === undefined) throw this.#invalid(field, node);
        writer.tag(field.number, BYTES).bytes(bytes);
        return bytes.length === 0;
      }
      case 'string':
        if (node.kind !== 'string') throw this.#invalid(field, node);
        writer.tag(field.number, BYTES).string(node.value);
        return node.value === '';
      case 'bool':
        if (node.kind !== 'bool') throw this.#invalid(field, node);
        writer.tag(field.number, VARINT).bool(node.value);
        return !node.value;
      case 'enum': {
        const number = this.#enumNumber(field, node);
        if (number === undefined) return false;
        writer.tag(field.number, VARINT).varint(number);
        return number === 0;
      }
      default: {
        const number = this.#integer(field, node);
        writer.tag(field.number, VARINT).varintBig(number);
        return number === 0n;
      }
    }
  }

  /** undefined: a name that nobody knows. */
  #enumNumber(field: FieldShape, node: JsonNode): number | undefined {
    if (node.kind === 'string') return field.enumNumbers.get(node.value);
    const number = node.kind === 'number' ? integerOf(this.#text.slice(node.start, node.end)) : undefined;
    if (number === undefined || BigInt.asIntN(32, number) !== number) throw this.#invalid(field, node);
    return Number(number);
  }

  #integer(field: FieldShape, node: JsonNode): bigint {
    const text = node.kind === 'string' ? node.value : this.#text.slice(node.start, node.end);
    // Go reads a number out of a string and overlooks what follows it, blanks aside.
    const isSpaced = text.trim() !== text;
    const number =
      (node.kind === 'string' || node.kind === 'number') && !isSpaced ? integerOf(text) : undefined;
    if (number === undefined) throw this.#invalid(field, node);
    const bits = field.type === 'int32' || field.type === 'uint32' ? 32 : 64;
    const isSigned = field.type === 'int32' || field.type === 'int64';
    const held = isSigned ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number);
    if (held !== number) throw this.#invalid(field, node);
    return number;
  }

  #invalid(field: FieldShape, node: JsonNode): JsonError {
    return this.#error(
      node.start,
      `invalid value for ${field.type} field ${field.jsonName}: ${this.#token(node)}`,
    );
  }

  #unexpected(node: JsonNode): JsonError {
    return new JsonError(
      `proto: syntax error ${this.#place(node.start)}: unexpected token ${this.#token(node)}`,
    );
  }

  #error(at: number, message: string): JsonError {
    return new JsonError(`proto: ${this.#place(at)}: ${message}`);
  }

  #token(node: JsonNode): string {
    const isOpening = node.kind === 'object' || node.kind === 'array';
    return this.#text.slice(node.start, isOpening ? node.start + 1 : node.end);
  }

  #place(at: number): string {
    return placeIn(this.#text, this.#start, at);
  }
}

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?(?![-+.\w])/;
const DIGITS_MAX = 20;

/** The JSON number that the text begins with, if it has no fraction in the end: '10', '1e1', '1.0'. undefined for all else. */
function integerOf(text: string): bigint | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return 0n;
  const zeros = Number(exponent) - fraction.length + significant.length - digits.length;
  if (zeros < 0 || digits.length + zeros > DIGITS_MAX) return undefined;
  const magnitude = BigInt(digits + '0'.repeat(zeros));
  return sign === '-' ? -magnitude : magnitude;
}

/** Of both alphabets, with padding or (then the length tells) without; line breaks are passed over. */
function bytesOfBase64(text: string): Uint8Array | undefined {
  const isPadded = text.length % 4 === 0;
  const letters = text.replace(/[\r\n]+/g, '');
  const alphabet = /[-_]/.test(letters) ? /^[A-Za-z0-9_-]*(={0,2})$/ : /^[A-Za-z0-9+/]*(={0,2})$/;
  const padding = alphabet.exec(letters)?.[1];
  if (padding === undefined) return undefined;
  if (isPadded ? letters.length % 4 !== 0 : padding !== '' || letters.length % 4 === 1) return undefined;
  return Buffer.from(letters, 'base64');
}
