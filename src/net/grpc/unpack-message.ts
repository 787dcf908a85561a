/** Compressed messages. The texts of faults are grpc-go's. */
import { gunzipSync } from 'node:zlib';
import { GrpcStatus } from '../grpc-call.ts';

export interface UnpackFault {
  readonly status: GrpcStatus;
  readonly message: string;
}

/** What Go's library says where zlib says this. */
const goReasons: Readonly<Record<string, string>> = {
  'incorrect header check': 'invalid header',
  'incorrect data check': 'invalid checksum',
};

/**
 * The message behind a first byte other than 0. Synchronous: messages are bounded by the request limit, so unpacking takes a few
 * milliseconds at most, and one that unpacks to more than the limit is given up there.
 * @param flag the message's first byte; 1: compressed by `encoding`
 */
export function unpackMessage(
  flag: number,
  encoding: string,
  packed: Uint8Array,
  bytesMax: number,
): Uint8Array | UnpackFault {
  if (flag !== 1) {
    return { status: GrpcStatus.internal, message: `grpc: received unexpected payload format ${flag}` };
  }
  if (encoding === 'identity') {
    const message = 'grpc: compressed flag set with identity or empty encoding';
    return { status: GrpcStatus.internal, message };
  }
  try {
    return gunzipSync(packed, { maxOutputLength: bytesMax });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      const tooLarge = `grpc: received message after decompression larger than max ${bytesMax}`;
      return { status: GrpcStatus.resourceExhausted, message: tooLarge };
    }
    const reason = code === 'Z_BUF_ERROR' ? 'unexpected EOF' : `gzip: ${goReasons[message] ?? message}`;
    return { status: GrpcStatus.internal, message: `grpc: failed to decompress the message: ${reason}` };
  }
}
