/**
 * Frames of WebSocket (RFC 6455, 5.2), without extensions.
 *
 *   fin:1 rsv:3 opcode:4   masked:1 length:7   [length:16 | length:64]   [mask:32]   payload
 *
 * A client's frames are masked, a server's are not. A length of 126 or 127 says that 2 or 8 bytes of length follow.
 */

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** RFC 6455, 7.4.1. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  tooBig: 1009,
} as const;

export const FIN = 0x80;
const MASKED = 0x80;
const OPCODE = 0x0f;
const LENGTH = 0x7f;
const maskBytes = 4;
const controlBytesMax = 125;

export interface FrameHead {
  readonly isLast: boolean;
  readonly opcode: number;
  /** Of the payload, relative to the frame's begin. */
  readonly start: number;
  /** In bytes, Infinity if it is beyond what can be counted. */
  readonly length: number;
}

/** The head of a client's frame at `at`; undefined: not all of it is there; a text: what is wrong with it, in the words of etcd's library. */
export function readFrameHead(
  bytes: Buffer,
  at: number,
  end: number,
  insideMessage: boolean,
): FrameHead | string | undefined {
  if (end - at < 2) return undefined;
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  const wrong = faultsOf(first, second, insideMessage);
  if (wrong !== '') return wrong;
  const short = second & LENGTH;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const start = 2 + lengthBytes + maskBytes;
  if (end - at < start) return undefined;
  let length = short;
  if (lengthBytes === 2) length = bytes.readUInt16BE(at + 2);
  else if (lengthBytes === 8) {
    const high = bytes.readUInt32BE(at + 2);
    length = high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32BE(at + 6);
  }
  return { isLast: (first & FIN) !== 0, opcode: first & OPCODE, start, length };
}

/** All that is wrong with the first two bytes of a frame; '' if nothing is. */
function faultsOf(first: number, second: number, insideMessage: boolean): string {
  const opcode = first & OPCODE;
  const faults: string[] = [];
  if ((first & 0x40) !== 0) faults.push('RSV1 set');
  if ((first & 0x20) !== 0) faults.push('RSV2 set');
  if ((first & 0x10) !== 0) faults.push('RSV3 set');
  switch (opcode) {
    case Opcode.continuation:
      if (!insideMessage) faults.push('continuation after FIN');
      break;
    case Opcode.text:
    case Opcode.binary:
      if (insideMessage) faults.push('data before FIN');
      break;
    case Opcode.close:
    case Opcode.ping:
    case Opcode.pong:
      if ((second & LENGTH) > controlBytesMax) faults.push(`len > ${controlBytesMax} for control`);
      if ((first & FIN) === 0) faults.push('FIN not set on control');
      break;
    default:
      faults.push(`bad opcode ${opcode}`);
  }
  if ((second & MASKED) === 0) faults.push('bad MASK');
  return faults.join(', ');
}

/** A copy of the payload `bytes[start, end)` as the client meant it; its mask lies right before it. */
export function unmasked(bytes: Buffer, start: number, end: number): Buffer {
  const payload = Buffer.allocUnsafeSlow(end - start);
  const mask = start - maskBytes;
  for (let i = 0; i < payload.length; i++) payload[i] = bytes[start + i]! ^ bytes[mask + (i & 3)]!;
  return payload;
}

/** The head of a server's frame. */
export function frameHead(first: number, length: number): Buffer {
  if (length < 126) return Buffer.of(first, length);
  const head = Buffer.alloc(length < 65536 ? 4 : 10);
  head[0] = first;
  if (length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeUIntBE(length, 4, 6);
  }
  return head;
}

/** May an endpoint say this code? Some are for use at home only (RFC 6455, 7.4.2). */
export function isCloseCode(code: number): boolean {
  if (code >= 3000 && code < 5000) return true;
  return code >= 1000 && code <= 1013 && code !== 1004 && code !== 1005 && code !== 1006;
}
