/**
 * Encoded answers as JSON in one pass over their bytes: names as in the definitions, 64-bit numbers as strings, bytes in base64, enums by name. What is
 * not on the wire (defaults) is not in the JSON. Fields come in the order in which they were encoded, which is that of their numbers.
 */
import { Reader } from '../../wire/protobuf.ts';
import type { FieldShape, MessageShape } from './message-shape.ts';

/** The whole of it. Throws DecodeError on malformed bytes. */
export function messageToJson(shape: MessageShape, bytes: Uint8Array): string {
  return new JsonRenderer(shape, bytes).next(Number.POSITIVE_INFINITY);
}

/** A message that is being rendered: the innermost is the last of its stack. */
interface Frame {
  readonly shape: MessageShape;
  /** What `Reader.leave` wants at its end. */
  readonly outer: number;
  /** The repeated field whose array is not closed yet. */
  list: FieldShape | undefined;
  hasFields: boolean;
}

/** Renders piece by piece, so that a large answer holds nobody up. */
export class JsonRenderer {
  readonly #reader: Reader;
  readonly #frames: Frame[] = [];
  #begun = false;

  constructor(shape: MessageShape, bytes: Uint8Array) {
    this.#reader = new Reader(bytes);
    this.#frames.push({ shape, outer: bytes.length, list: undefined, hasFields: false });
  }

  /** Nothing is left to render. */
  get done(): boolean {
    return this.#frames.length === 0;
  }

  /** At least so many characters more, or the rest. Throws DecodeError on malformed bytes. */
  next(charactersMin: number): string {
    let text = this.#begun ? '' : '{';
    this.#begun = true;
    while (text.length < charactersMin && !this.done) text += this.#step();
    return text;
  }

  /** The next field, or the end of a message. */
  #step(): string {
    const reader = this.#reader;
    const frame = this.#frames.at(-1)!;
    if (reader.done) {
      this.#frames.pop();
      if (!this.done) reader.leave(frame.outer);
      return frame.list === undefined ? '}' : ']}';
    }
    const tag = reader.tag();
    const field = frame.shape.byTag.get(tag);
    if (field === undefined) {
      reader.skip(tag);
      return '';
    }
    const lead = leadOf(frame, field);
    frame.list = field.repeated ? field : undefined;
    frame.hasFields = true;
    if (field.message === undefined) {
      return lead + (isPacked(field) ? packedText(reader, field) : valueText(reader, field));
    }
    const outer = reader.enter();
    this.#frames.push({ shape: field.message, outer, list: undefined, hasFields: false });
    return `${lead}{`;
  }
}

/** What stands before a field's value. */
function leadOf(frame: Frame, field: FieldShape): string {
  if (frame.list === field) return ',';
  const close = frame.list === undefined ? '' : ']';
  const comma = frame.hasFields ? ',' : '';
  return `${close}${comma}"${field.name}":${field.repeated ? '[' : ''}`;
}

function isPacked(field: FieldShape): boolean {
  return field.repeated && field.type !== 'message' && field.type !== 'bytes' && field.type !== 'string';
}

function packedText(reader: Reader, field: FieldShape): string {
  const outer = reader.enter();
  const values: string[] = [];
  while (!reader.done) values.push(valueText(reader, field));
  reader.leave(outer);
  return values.join(',');
}

function valueText(reader: Reader, field: FieldShape): string {
  switch (field.type) {
    case 'bytes':
      return `"${base64(reader.bytes())}"`;
    case 'string':
      return JSON.stringify(reader.string().toWellFormed());
    case 'bool':
      return reader.bool() ? 'true' : 'false';
    case 'int32':
      return String(reader.varint32());
    case 'uint32':
      return String(reader.varint32() >>> 0);
    case 'int64':
      return `"${reader.varintBigSigned()}"`;
    case 'uint64':
      return `"${reader.varintBig()}"`;
    case 'enum': {
      const number = reader.varint32();
      const name = field.enumNames.get(number);
      return name === undefined ? String(number) : `"${name}"`;
    }
    case 'message':
      throw new Error('a message is no value');
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
