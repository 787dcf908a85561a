/**
 * The v3 state as a stream of bytes between members, taken from a consistent view while writers go on.
 *
 *   stream  =  frame*  end              end  = 8 zero bytes
 *   frame   =  | payload length, 4 bytes LE | CRC-32C of the payload, 4 bytes LE | payload |
 *   payload =  | table name: varint length, bytes | row* |
 *   row     =  | key: varint length, bytes | value: varint length, bytes |
 *
 * A stream without its end, or with bytes after it, is refused.
 */
import type { BackendEntry, BackendView } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import { crc32c } from '../../wire/crc32c.ts';
import { Reader, Writer } from '../../wire/protobuf.ts';

const FRAME_HEAD_BYTES = 8;
/** A frame ends with the row that reaches this; also about a millisecond's worth of reading. */
const PAYLOAD_BYTES = 128 * 1024;
/** Beyond what one row can be, so that a broken length asks for no absurd buffer. */
const PAYLOAD_BYTES_MAX = 1024 * 1024 * 1024;

/** Releases the view at its end, also when it is left early. */
export async function* encodeState(view: BackendView, clock: Clock): AsyncGenerator<Uint8Array> {
  try {
    for (const table of view.tables()) {
      let start: Uint8Array | undefined = new Uint8Array(0);
      while (start !== undefined) {
        const slice = encodeSlice(view, table, start);
        if (slice.frame !== undefined) yield slice.frame;
        start = slice.next;
        await new Promise<void>((resolve) => clock.defer(resolve));
      }
    }
    yield new Uint8Array(FRAME_HEAD_BYTES);
  } finally {
    view.release();
  }
}

function encodeSlice(
  view: BackendView,
  table: string,
  start: Uint8Array,
): { readonly frame: Uint8Array | undefined; readonly next: Uint8Array | undefined } {
  const writer = new Writer(PAYLOAD_BYTES + 4096);
  writer.string(table);
  let rows = 0;
  let last: Uint8Array | undefined;
  view.table(table).scan({ start }, (key, value) => {
    writer.bytes(key).bytes(value);
    rows++;
    if (writer.length < PAYLOAD_BYTES) return true;
    last = key.slice();
    return false;
  });
  if (rows === 0) return { frame: undefined, next: undefined };
  const payload = writer.finish();
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  const head = new DataView(frame.buffer);
  head.setUint32(0, payload.length, true);
  head.setUint32(4, crc32c(0, payload), true);
  frame.set(payload, FRAME_HEAD_BYTES);
  return { frame, next: last === undefined ? undefined : successor(last) };
}

/** The smallest key above. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The rows of a stream, a frame at a time. Rejects with an Error that says what is wrong with it. */
export async function* decodeState(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly BackendEntry[]> {
  const input = new Input(chunks);
  for (;;) {
    const head = await input.take(FRAME_HEAD_BYTES);
    const fields = new DataView(head.buffer, head.byteOffset, FRAME_HEAD_BYTES);
    const length = fields.getUint32(0, true);
    if (length === 0) break;
    if (length > PAYLOAD_BYTES_MAX)
      throw new Error(`the v3 state of a snapshot is broken: a frame of ${length} bytes`);
    const payload = await input.take(length);
    if (crc32c(0, payload) !== fields.getUint32(4, true)) {
      throw new Error('the v3 state of a snapshot is broken: wrong checksum');
    }
    yield decodePayload(payload);
  }
  if (!(await input.atEnd())) throw new Error('the v3 state of a snapshot is broken: bytes behind its end');
}

function decodePayload(payload: Uint8Array): BackendEntry[] {
  const reader = new Reader(payload);
  const table = reader.string();
  const entries: BackendEntry[] = [];
  while (!reader.done) entries.push({ table, key: reader.bytes(), value: reader.bytes() });
  return entries;
}

/** Exactly so many bytes at a time out of chunks of any size. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#chunk.length === 0 && !(await this.#next())) {
        throw new Error('the v3 state of a snapshot is broken: it ends too soon');
      }
      const part = this.#chunk.subarray(0, count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return bytes;
  }

  async atEnd(): Promise<boolean> {
    while (this.#chunk.length === 0) if (!(await this.#next())) return true;
    return false;
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return false;
    this.#chunk = value;
    return true;
  }
}
