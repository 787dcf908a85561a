/**
 * A running hash over plain data: numbers, texts, booleans, bigints, arrays and objects in the order of their properties. 64 bits in
 * two lanes; equal runs have equal digests, on any machine. No cryptographic strength.
 */
export class Digest {
  #a = 0x811c9dc5 | 0;
  #b = 0x9e3779b9 | 0;

  add(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.#addNumber(value);
        return;
      case 'string':
        this.#addText(value);
        return;
      case 'boolean':
        this.#word(value ? 3 : 5);
        return;
      case 'bigint':
        this.#addText(value.toString(36));
        return;
      case 'object':
        this.#addObject(value);
        return;
      default:
        this.#word(7);
    }
  }

  addBytes(bytes: Uint8Array): void {
    this.#word(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#word(bytes[i]!);
  }

  /** 16 hexadecimal digits. */
  get text(): string {
    return hex(this.#a ^ (this.#a >>> 16)) + hex(this.#b ^ (this.#b >>> 16));
  }

  #addObject(value: object | null): void {
    if (value === null) this.#word(11);
    else if (Array.isArray(value)) {
      this.#word(value.length);
      for (const each of value) this.add(each);
    } else {
      for (const name in value) {
        this.#addText(name);
        this.add((value as Readonly<Record<string, unknown>>)[name]);
      }
    }
  }

  /** The same on every machine: doubles are. */
  #addNumber(value: number): void {
    if (Number.isInteger(value)) {
      this.#word(value | 0);
      this.#word(Math.floor(value / 0x1_0000_0000) | 0);
      return;
    }
    DOUBLE[0] = value;
    this.#word(WORDS[0]!);
    this.#word(WORDS[1]!);
  }

  #addText(text: string): void {
    this.#word(text.length);
    for (let at = 0; at < text.length; at++) this.#word(text.charCodeAt(at));
  }

  #word(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul((this.#b ^ word) + 0x7f4a7c15, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }
}

const DOUBLE = new Float64Array(1);
const WORDS = new Int32Array(DOUBLE.buffer);

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
