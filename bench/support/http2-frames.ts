/**
 * What the benchmark's own clients of HTTP/2 share: frames as bytes, and frames found in what arrives. Node's own client costs several times what a server
 * spends on a small request and would measure itself.
 *
 *     frame            length:24  type:8  flags:8  stream:32   payload
 *     payload of DATA  compressed:8  length:32  message        (gRPC)
 */

export const FrameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;
export const frameHeadBytes = 9;
export const messageHeadBytes = 5;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Of the connection and of each stream, before anybody has changed it. */
export const windowBytesFirst = 65_535;
export const windowBytesMax = 2 ** 31 - 1;

export function frameOf(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeadBytes + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, frameHeadBytes);
  return frame;
}

/** Stream 0: the connection's window. */
export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frameOf(FrameType.windowUpdate, 0, stream, payload);
}

/** Settings that give each stream a window of so many bytes. */
export function settingsWithWindow(bytes: number): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(4);
  settings.writeUInt32BE(bytes, 2);
  return frameOf(FrameType.settings, 0, 0, settings);
}

/** The block of headers of a gRPC call: indexed fields, and literals that enter no table. */
export function requestHead(path: string, authority: string): Buffer {
  const literal = (name: readonly number[], value: string): Buffer =>
    Buffer.from([...name, value.length, ...Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    literal([0x04], path),
    literal([0x01], authority),
    literal([0x0f, 0x10], 'application/grpc'),
    literal([0x00, 2, ...Buffer.from('te')], 'trailers'),
  ]);
}

/** A frame's payload is `bytes[start, end)`, valid during the call. */
export type OnFrame = (
  type: number,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

export class FrameFinder {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** The chunk may be overwritten afterwards. */
  take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const start = at + frameHeadBytes;
      const end = start + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes, start, end);
      at = end;
    }
    this.#rest = at === bytes.length ? this.#rest.subarray(0, 0) : Buffer.from(bytes.subarray(at));
  }
}
