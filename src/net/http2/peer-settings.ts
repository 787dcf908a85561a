/**
 * Reads a SETTINGS frame (RFC 9113, 6.5):
 *
 *   *( identifier:16  value:32 )
 */
import { ErrorCode, framePayloadBytesMax, readUint32, Setting, windowBytesMax } from './frame.ts';

/** What a frame set; undefined where it set nothing. The last of several values counts. */
export interface PeerSettings {
  readonly headerTableSize: number | undefined;
  readonly initialWindowSize: number | undefined;
}

/** The settings, or the error that ends the connection. Unknown ones are ignored, as are those that a server has no use for. */
export function readPeerSettings(bytes: Uint8Array, start: number, end: number): PeerSettings | ErrorCode {
  if ((end - start) % 6 !== 0) return ErrorCode.frameSizeError;
  let headerTableSize: number | undefined;
  let initialWindowSize: number | undefined;
  for (let at = start; at < end; at += 6) {
    const value = readUint32(bytes, at + 2);
    switch ((bytes[at]! << 8) | bytes[at + 1]!) {
      case Setting.headerTableSize:
        // Smaller on the way counts too (RFC 7541, 4.2), but it is enough to shrink as far once.
        headerTableSize = headerTableSize === undefined ? value : Math.min(headerTableSize, value);
        break;
      case Setting.enablePush:
        if (value > 1) return ErrorCode.protocolError;
        break;
      case Setting.initialWindowSize:
        if (value > windowBytesMax) return ErrorCode.flowControlError;
        initialWindowSize = value;
        break;
      case Setting.maxFrameSize:
        if (value < framePayloadBytesMax || value > 0xff_ffff) return ErrorCode.protocolError;
        break;
      default:
    }
  }
  return { headerTableSize, initialWindowSize };
}
