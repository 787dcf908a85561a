/**
 * The stream for all messages but appends (and for appends while the other stream is down), called 'message' in paths.
 *
 *   frame = | length, 8 bytes big endian | raftpb.Message |
 *
 * Its heartbeat is a raft heartbeat from and to nobody.
 */
import type { MemberId, Message } from '../raft/types.ts';
import { decodeMessage, writeMessage } from '../wire/raftpb.ts';
import { FrameWriter, readNumber64 } from './frames.ts';
import { ItemReader } from './item-reader.ts';
import type { IncomingStreamKind, StreamDecoder } from './stream-reader.ts';
import type { StreamEncoder, StreamKind } from './stream-writer.ts';

const LENGTH_BYTES = 8;

const LINK_HEARTBEAT: Message = {
  type: 'heartbeat',
  from: 0n,
  to: 0n,
  term: 0,
  commit: 0,
  context: new Uint8Array(0),
};

const frames = new FrameWriter();

class MessageStreamEncoder implements StreamEncoder {
  encode(messages: readonly Message[]): Uint8Array {
    frames.discard();
    for (const message of messages) {
      const mark = frames.begin();
      writeMessage(frames.out, message);
      frames.end(mark);
    }
    return frames.finish();
  }

  heartbeat(): Uint8Array {
    return this.encode([LINK_HEARTBEAT]);
  }
}

function isLinkHeartbeat(message: Message): boolean {
  return message.type === 'heartbeat' && message.from === 0n && message.to === 0n;
}

export class MessageStreamDecoder implements StreamDecoder {
  readonly #items: ItemReader;
  #inBody = false;

  constructor(messageBytesMax: number, onMessage: (message: Message, frameBytes: number) => void) {
    this.#items = new ItemReader(LENGTH_BYTES, (bytes, start, end) => {
      if (!this.#inBody) {
        this.#inBody = true;
        return readNumber64(bytes, start, messageBytesMax);
      }
      this.#inBody = false;
      const message = decodeMessage(ownBytes(bytes, start, end));
      if (!isLinkHeartbeat(message)) onMessage(message, end - start);
      return LENGTH_BYTES;
    });
  }

  push(chunk: Uint8Array): void {
    this.#items.push(chunk);
  }
}

/**
 * A proposal's entries stay in the leader's log and hold on to the memory they are views of. That is fine while the frame
 * is most of its chunk; a small frame among many that are forgotten at once gets memory of its own.
 */
function ownBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const frame = bytes.subarray(start, end);
  return frame.length * 4 < bytes.buffer.byteLength ? new Uint8Array(frame) : frame;
}

export const messageStream: StreamKind & IncomingStreamKind = {
  name: 'stream Message',
  segment: 'message',
  createEncoder: () => new MessageStreamEncoder(),
  createDecoder: (_local: MemberId, _remote: MemberId, messageBytesMax, onMessage) =>
    new MessageStreamDecoder(messageBytesMax, onMessage),
};
