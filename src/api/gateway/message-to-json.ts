/**
 * Encoded answers as JSON in one pass over their bytes: names as in the definitions, 64-bit numbers as strings, bytes in base64, enums by name. What is
 * not on the wire (defaults) is not in the JSON. Fields come in the order in which they were encoded, which is that of their numbers.
 */
import { Reader } from '../../wire/protobuf.ts';
import type { FieldShape, MessageShape } from './message-shape.ts';

/** Throws DecodeError on malformed bytes. */
export function messageToJson(shape: MessageShape, bytes: Uint8Array): string {
  return messageText(new Reader(bytes), shape);
}

function messageText(reader: Reader, shape: MessageShape): string {
  let text = '{';
  /** The repeated field whose array is not closed yet. */
  let list: FieldShape | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    const field = shape.byTag.get(tag);
    if (field === undefined) {
      reader.skip(tag);
      continue;
    }
    if (list !== undefined && list !== field) {
      text += ']';
      list = undefined;
    }
    if (list === field) text += ',';
    else text += `${text.length === 1 ? '' : ','}"${field.name}":${field.repeated ? '[' : ''}`;
    if (field.repeated) list = field;
    text += isPacked(field) ? packedText(reader, field) : valueText(reader, field);
  }
  return list === undefined ? `${text}}` : `${text}]}`;
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
    case 'message': {
      const outer = reader.enter();
      const text = messageText(reader, field.message!);
      reader.leave(outer);
      return text;
    }
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
