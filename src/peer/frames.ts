/**
 * Writing and reading what both streams have in common: numbers of 8 bytes big endian, some of which are the length of
 * what follows and are filled in once it is written.
 */
import { Writer } from '../wire/protobuf.ts';

const NUMBER_BYTES = 8;
const NUMBER_PLACE = new Uint8Array(NUMBER_BYTES);

/** Puts the frames of one write to a stream together. Used by one encoder at a time, from start to `finish`. */
export class FrameWriter {
  /** For the contents of a frame. */
  readonly out = new Writer();
  /** Offset and value, by turns, of the numbers to fill in. */
  #numbers: number[] = [];

  /** A small number in one byte. */
  byte(value: number): void {
    this.out.varint32(value);
  }

  number64(value: number): void {
    this.#numbers.push(this.out.length, value);
    this.out.raw(NUMBER_PLACE);
  }

  /** Opens a content that its length precedes; `end` with the returned mark closes it. */
  begin(): number {
    this.out.raw(NUMBER_PLACE);
    return this.out.length;
  }

  end(mark: number): void {
    this.#numbers.push(mark - NUMBER_BYTES, this.out.length - mark);
  }

  /** What was written since the last `finish`; it stays valid and is not written again. */
  finish(): Uint8Array {
    const bytes = this.out.finish();
    const numbers = this.#numbers;
    for (let i = 0; i < numbers.length; i += 2) fill(bytes, numbers[i]!, numbers[i + 1]!);
    numbers.length = 0;
    return bytes;
  }

  /** Forgets what an encoding that threw has left behind. */
  discard(): void {
    this.out.discard();
    this.#numbers.length = 0;
  }
}

function fill(bytes: Uint8Array, start: number, value: number): void {
  let rest = value;
  for (let i = start + NUMBER_BYTES - 1; rest > 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** The 8 bytes big endian at `start` as a number; throws a FrameError when they exceed `limit`. */
export function readNumber64(bytes: Uint8Array, start: number, limit = Number.MAX_SAFE_INTEGER): number {
  let value = 0;
  for (let i = start; i < start + NUMBER_BYTES; i++) value = value * 256 + bytes[i]!;
  if (value > limit) throw new FrameError(`${value} exceeds the limit of ${limit}`);
  return value;
}

/** The peer sent what is no frame of this stream. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}
