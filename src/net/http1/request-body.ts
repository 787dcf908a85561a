/**
 * Finds the body's bytes in the input, for bodies with a length and chunked ones:
 *
 *   *( SIZE-HEX [";" EXTENSION] CRLF DATA CRLF )  "0" [";" EXTENSION] CRLF  *( NAME ":" VALUE CRLF )  CRLF
 *
 * Pull-style, so that no closure or buffer is needed: each `pull` steps over framing to the next run of data in the given bytes.
 * Framing is bounded: extensions and tiny chunks by `framingBudget`, trailers (which are discarded) by `trailerBytes`.
 */
import { hexValues, tokenBytes, valueBytes } from './character-classes.ts';

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

const Step = {
  length: 0,
  size: 1,
  extension: 2,
  sizeLf: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  trailerStart: 7,
  trailerName: 8,
  trailerValue: 9,
  trailerLf: 10,
  endLf: 11,
} as const;
type Step = (typeof Step)[keyof typeof Step];

/** Framing bytes a body may have beyond what its data excuses; the allowance of etcd's HTTP library. */
const framingBudget = 16 * 1024;

export class RequestBody {
  /** The data found by the last `pull`, within the bytes handed to it; may be empty. */
  dataStart = 0;
  dataEnd = 0;
  done = false;
  /** The framing is broken: nothing after it can be trusted. */
  malformed = false;
  /** Content-Length, or undefined for a chunked body. */
  readonly declaredLength: number | undefined;

  private step: Step;
  private remaining = 0;
  private digits = 0;
  private framing = 0;
  private trailers = 0;
  private readonly trailerBytes: number;

  constructor(declaredLength: number | undefined, trailerBytes: number) {
    this.declaredLength = declaredLength;
    this.trailerBytes = trailerBytes;
    this.remaining = declaredLength ?? 0;
    this.step = declaredLength === undefined ? Step.size : Step.length;
    this.done = declaredLength === 0;
  }

  /** Bytes of body still to come at least; exact for a body with a length. */
  get remainingBytes(): number {
    return this.remaining;
  }

  /** Steps over `bytes[at, end)` up to the end of the next run of data; returns the position reached. */
  pull(bytes: Buffer, at: number, end: number): number {
    this.dataStart = at;
    this.dataEnd = at;
    if (this.done || at === end) return at;
    if (this.step === Step.length) {
      const reached = this.takeData(at, end);
      this.done = this.remaining === 0;
      return reached;
    }
    return this.pullChunked(bytes, at, end);
  }

  private takeData(at: number, end: number): number {
    const reached = end - at < this.remaining ? end : at + this.remaining;
    this.dataStart = at;
    this.dataEnd = reached;
    this.remaining -= reached - at;
    return reached;
  }

  private pullChunked(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end) {
      if (this.step === Step.data) {
        at = this.takeData(at, end);
        if (this.remaining === 0) this.step = Step.dataCr;
        return at;
      }
      const ok = this.step >= Step.trailerStart ? this.trailerByte(bytes[at]!) : this.framingByte(bytes[at]!);
      if (!ok) {
        this.malformed = true;
        return at;
      }
      at++;
      if (this.done) return at;
    }
    return at;
  }

  private framingByte(byte: number): boolean {
    if (++this.framing > framingBudget) return false;
    switch (this.step) {
      case Step.size: {
        const digit = hexValues[byte]!;
        if (digit !== 255) {
          // 13 digits stay exact below 2^53.
          this.remaining = this.remaining * 16 + digit;
          return this.remaining === 0 ? ++this.digits <= 64 : ++this.digits <= 64 && this.remaining < 2 ** 52;
        }
        if (this.digits === 0) return false;
        // No white space: it is allowed before an extension only, and nobody sends it there.
        this.step = byte === CR ? Step.sizeLf : Step.extension;
        return byte === CR || byte === SEMICOLON;
      }
      case Step.extension:
        if (byte === CR) this.step = Step.sizeLf;
        return byte === CR || valueBytes[byte] === 1;
      case Step.sizeLf:
        if (byte !== LF) return false;
        this.digits = 0;
        if (this.remaining === 0) {
          this.step = Step.trailerStart;
        } else {
          // A chunk of n bytes excuses 16 + 2n bytes of framing.
          this.framing = Math.max(0, this.framing - 16 - 2 * this.remaining);
          this.step = Step.data;
        }
        return true;
      case Step.dataCr:
        this.step = Step.dataLf;
        return byte === CR;
      case Step.dataLf:
        this.step = Step.size;
        return byte === LF;
      default:
        throw new Error(`no framing byte is due at step ${this.step}`);
    }
  }

  private trailerByte(byte: number): boolean {
    if (++this.trailers > this.trailerBytes) return false;
    switch (this.step) {
      case Step.trailerStart:
        if (byte === CR) this.step = Step.endLf;
        else this.step = Step.trailerName;
        return byte === CR || tokenBytes[byte] === 1;
      case Step.trailerName:
        if (byte === 0x3a) this.step = Step.trailerValue;
        return byte === 0x3a || tokenBytes[byte] === 1;
      case Step.trailerValue:
        if (byte === CR) this.step = Step.trailerLf;
        return byte === CR || valueBytes[byte] === 1;
      case Step.trailerLf:
        this.step = Step.trailerStart;
        return byte === LF;
      case Step.endLf:
        this.done = byte === LF;
        return this.done;
      default:
        throw new Error(`no trailer byte is due at step ${this.step}`);
    }
  }
}
