/**
 * What the gateway needs to know of a message to turn it into JSON and back: one record per field, found by name or by tag. Made once per
 * message from the descriptors of the generated code.
 */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BYTES, tagOf, VARINT } from '../../wire/protobuf.ts';

export type FieldType =
  | 'bytes'
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'enum'
  | 'message';

export interface FieldShape {
  readonly number: number;
  readonly tag: number;
  /** As in the definition, which is what answers use; requests may also use `jsonName`. */
  readonly name: string;
  readonly jsonName: string;
  readonly repeated: boolean;
  /** Full name of the oneof it belongs to. */
  readonly oneof: string | undefined;
  readonly type: FieldType;
  readonly enumNames: ReadonlyMap<number, string>;
  readonly enumNumbers: ReadonlyMap<string, number>;
  /** Of a field of type 'message'. */
  readonly message: MessageShape | undefined;
}

export interface MessageShape {
  readonly typeName: string;
  readonly byName: ReadonlyMap<string, FieldShape>;
  readonly byTag: ReadonlyMap<number, FieldShape>;
}

const shapes = new Map<DescMessage, MessageShape>();

export function messageShape(desc: DescMessage): MessageShape {
  const known = shapes.get(desc);
  if (known !== undefined) return known;
  const byName = new Map<string, FieldShape>();
  const byTag = new Map<number, FieldShape>();
  const shape = { typeName: desc.typeName, byName, byTag };
  // Known before its fields: messages contain themselves.
  shapes.set(desc, shape);
  for (const each of desc.fields) {
    const field = fieldShape(each);
    byName.set(field.jsonName, field);
    byName.set(field.name, field);
    byTag.set(field.tag, field);
  }
  return shape;
}

function fieldShape(desc: DescField): FieldShape {
  const repeated = desc.fieldKind === 'list';
  const type = fieldType(desc);
  const values = desc.enum?.values ?? [];
  const wireType = type === 'bytes' || type === 'string' || type === 'message' ? BYTES : VARINT;
  return {
    number: desc.number,
    // Lists of numbers come packed.
    tag: tagOf(desc.number, repeated ? BYTES : wireType),
    name: desc.name,
    jsonName: desc.jsonName,
    repeated,
    oneof: desc.oneof === undefined ? undefined : `${desc.parent.typeName}.${desc.oneof.name}`,
    type,
    enumNames: new Map(values.map((value) => [value.number, value.name])),
    enumNumbers: new Map(values.map((value) => [value.name, value.number])),
    message: desc.message === undefined ? undefined : messageShape(desc.message),
  };
}

const SCALARS: ReadonlyMap<ScalarType, FieldType> = new Map([
  [ScalarType.BYTES, 'bytes'],
  [ScalarType.STRING, 'string'],
  [ScalarType.BOOL, 'bool'],
  [ScalarType.INT32, 'int32'],
  [ScalarType.INT64, 'int64'],
  [ScalarType.UINT32, 'uint32'],
  [ScalarType.UINT64, 'uint64'],
]);

function fieldType(desc: DescField): FieldType {
  if (desc.message !== undefined) return 'message';
  if (desc.enum !== undefined) return 'enum';
  const type = desc.scalar === undefined ? undefined : SCALARS.get(desc.scalar);
  if (type === undefined) throw new Error(`no JSON for the type of ${desc.parent.typeName}.${desc.name}`);
  return type;
}
