/** The definitions that the generated code carries: files by name and by the names of all that is declared in them. */
import { type DescEnum, type DescFile, type DescMessage, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

export class DescriptorIndex {
  readonly #files = new Map<string, DescFile>();
  readonly #fileOfSymbol = new Map<string, DescFile>();
  readonly #messages = new Set<string>();
  readonly #encoded = new Map<DescFile, Uint8Array>();

  /** Of these files and all that they import. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
  }

  file(name: string): DescFile | undefined {
    return this.#files.get(name);
  }

  /** The file that declares a service, method, message, field, oneof or enum of that full name. */
  fileOf(symbol: string): DescFile | undefined {
    return this.#fileOfSymbol.get(symbol);
  }

  isMessage(name: string): boolean {
    return this.#messages.has(name);
  }

  /** google.protobuf.FileDescriptorProto. */
  encoded(file: DescFile): Uint8Array {
    let bytes = this.#encoded.get(file);
    if (bytes === undefined) {
      bytes = toBinary(FileDescriptorProtoSchema, file.proto);
      this.#encoded.set(file, bytes);
    }
    return bytes;
  }

  #add(file: DescFile): void {
    const name = fileName(file);
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const service of file.services) {
      this.#fileOfSymbol.set(service.typeName, file);
      for (const method of service.methods) {
        this.#fileOfSymbol.set(`${service.typeName}.${method.name}`, file);
      }
    }
    for (const message of file.messages) this.#addMessage(file, message);
    for (const each of file.enums) this.#addEnum(file, each);
    for (const imported of file.dependencies) this.#add(imported);
  }

  #addMessage(file: DescFile, message: DescMessage): void {
    this.#messages.add(message.typeName);
    this.#fileOfSymbol.set(message.typeName, file);
    for (const field of message.fields) this.#fileOfSymbol.set(`${message.typeName}.${field.name}`, file);
    for (const oneof of message.oneofs) this.#fileOfSymbol.set(`${message.typeName}.${oneof.name}`, file);
    for (const nested of message.nestedMessages) this.#addMessage(file, nested);
    for (const nested of message.nestedEnums) this.#addEnum(file, nested);
  }

  #addEnum(file: DescFile, { typeName, values }: DescEnum): void {
    this.#fileOfSymbol.set(typeName, file);
    // Values are named beside their enum, as in C++.
    const scope = typeName.slice(0, typeName.lastIndexOf('.'));
    for (const value of values) this.#fileOfSymbol.set(`${scope}.${value.name}`, file);
  }
}

/** As imports have it. */
export function fileName(file: DescFile): string {
  return file.proto.name;
}
