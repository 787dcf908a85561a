/**
 * The stream for a leader's appends, called 'msgapp' in paths and 'msgappv2' in logs. An append that follows the one before
 * in the same term needs neither ids nor term nor index: both ends know them from the frame before.
 *
 *   link heartbeat   | 0 |
 *   entries          | 1 | count | length | raftpb.Entry | ... | length | raftpb.Entry | commit |
 *   message          | 2 | length | raftpb.Message of type MsgApp |
 *
 * The first byte is the kind; count, length and commit are 8 bytes big endian.
 *
 * State of both ends, from the last frame that carried entries: term of the leader, index of the last entry. 'entries' may
 * follow only if the append's term and previous term are that term and its previous index is that index.
 */
import type { Entry, MemberId, Message } from '../raft/types.ts';
import { decodeEntry, decodeMessage, writeEntry, writeMessage } from '../wire/raftpb.ts';
import { FrameError, FrameWriter, readNumber64 } from './frames.ts';
import { ItemReader } from './item-reader.ts';
import type { IncomingStreamKind, StreamDecoder } from './stream-reader.ts';
import type { StreamEncoder, StreamKind } from './stream-writer.ts';

const LINK_HEARTBEAT = 0;
const ENTRIES = 1;
const MESSAGE = 2;

const KIND_BYTES = 1;
const NUMBER_BYTES = 8;
const ENTRIES_MAX = 1 << 24;

const HEARTBEAT_FRAME = Uint8Array.of(LINK_HEARTBEAT);

type Append = Message & { readonly type: 'append' };

const frames = new FrameWriter();

class AppendStreamEncoder implements StreamEncoder {
  #term = 0;
  #index = 0;

  /** All messages must be appends. */
  encode(messages: readonly Message[]): Uint8Array {
    frames.discard();
    for (const message of messages) this.#encode(message as Append);
    return frames.finish();
  }

  heartbeat(): Uint8Array {
    return HEARTBEAT_FRAME;
  }

  #encode(append: Append): void {
    const { term, previousTerm, previousIndex, entries, commit } = append;
    if (previousIndex === this.#index && previousTerm === this.#term && previousTerm === term) {
      frames.byte(ENTRIES);
      frames.number64(entries.length);
      for (const entry of entries) {
        const mark = frames.begin();
        writeEntry(frames.out, entry.type, entry.term, entry.index, entry.data);
        frames.end(mark);
      }
      frames.number64(commit);
      this.#index += entries.length;
      return;
    }
    frames.byte(MESSAGE);
    const mark = frames.begin();
    writeMessage(frames.out, append);
    frames.end(mark);
    this.#term = term;
    this.#index = lastIndex(append);
  }
}

function lastIndex({ previousIndex, entries }: Append): number {
  return entries.length === 0 ? previousIndex : entries[entries.length - 1]!.index;
}

/**
 * Entries are handed out as views of the chunk they came in: a chunk of this stream is hardly anything but entries, which
 * stay in the log for about equally long, so copying each would cost time and save no memory.
 */
export class AppendStreamDecoder implements StreamDecoder {
  readonly #local: MemberId;
  readonly #remote: MemberId;
  readonly #messageBytesMax: number;
  readonly #onMessage: (message: Message, frameBytes: number) => void;
  readonly #items: ItemReader;
  #expected: 'kind' | 'count' | 'entry-length' | 'entry' | 'commit' | 'message-length' | 'message' = 'kind';
  #term = 0;
  #index = 0;
  /** Of the 'entries' frame being read. */
  #entries: Entry[] = [];
  #entriesLeft = 0;
  #previousIndex = 0;
  #frameBytes = 0;

  constructor(
    local: MemberId,
    remote: MemberId,
    messageBytesMax: number,
    onMessage: (message: Message, frameBytes: number) => void,
  ) {
    this.#local = local;
    this.#remote = remote;
    this.#messageBytesMax = messageBytesMax;
    this.#onMessage = onMessage;
    this.#items = new ItemReader(KIND_BYTES, (bytes, start, end) => this.#take(bytes, start, end));
  }

  push(chunk: Uint8Array): void {
    this.#items.push(chunk);
  }

  /** Takes one item and returns the length of the next. */
  #take(bytes: Uint8Array, start: number, end: number): number {
    this.#frameBytes += end - start;
    switch (this.#expected) {
      case 'kind':
        return this.#begin(bytes[start]!);
      case 'count':
        this.#entriesLeft = readNumber64(bytes, start, ENTRIES_MAX);
        return this.#nextEntry();
      case 'entry-length': {
        this.#expected = 'entry';
        const length = readNumber64(bytes, start);
        if (this.#frameBytes + length > this.#messageBytesMax)
          throw new FrameError('too many bytes of entries');
        return length;
      }
      case 'entry':
        this.#takeEntry(decodeEntry(bytes.subarray(start, end)));
        return this.#nextEntry();
      case 'commit':
        return this.#finishEntries(readNumber64(bytes, start));
      case 'message-length':
        this.#expected = 'message';
        return readNumber64(bytes, start, this.#messageBytesMax);
      case 'message':
        return this.#takeMessage(bytes.subarray(start, end));
    }
  }

  #begin(kind: number): number {
    this.#frameBytes = KIND_BYTES;
    switch (kind) {
      case LINK_HEARTBEAT:
        return KIND_BYTES;
      case ENTRIES:
        if (this.#term === 0) throw new FrameError('entries before the first append');
        this.#entries = [];
        this.#previousIndex = this.#index;
        this.#expected = 'count';
        return NUMBER_BYTES;
      case MESSAGE:
        this.#expected = 'message-length';
        return NUMBER_BYTES;
      default:
        throw new FrameError(`failed to parse type ${kind} in msgappv2 stream`);
    }
  }

  #nextEntry(): number {
    this.#expected = this.#entriesLeft === 0 ? 'commit' : 'entry-length';
    return NUMBER_BYTES;
  }

  #takeEntry(entry: Entry): void {
    if (entry.index !== this.#index + 1) {
      throw new FrameError(`entry ${entry.index} where ${this.#index + 1} was expected`);
    }
    this.#index = entry.index;
    this.#entriesLeft--;
    this.#entries.push(entry);
  }

  #finishEntries(commit: number): number {
    const entries = this.#entries;
    this.#entries = [];
    this.#expected = 'kind';
    const append: Append = {
      type: 'append',
      from: this.#remote,
      to: this.#local,
      term: this.#term,
      previousTerm: this.#term,
      previousIndex: this.#previousIndex,
      entries,
      commit,
    };
    this.#onMessage(append, this.#frameBytes);
    return KIND_BYTES;
  }

  #takeMessage(bytes: Uint8Array): number {
    const message = decodeMessage(bytes);
    if (message.type !== 'append') throw new FrameError(`a ${message.type} message in msgappv2 stream`);
    this.#term = message.term;
    this.#index = lastIndex(message);
    this.#expected = 'kind';
    this.#onMessage(message, this.#frameBytes);
    return KIND_BYTES;
  }
}

export const appendStream: StreamKind & IncomingStreamKind = {
  name: 'stream MsgApp v2',
  segment: 'msgapp',
  createEncoder: () => new AppendStreamEncoder(),
  createDecoder: (local, remote, messageBytesMax, onMessage) =>
    new AppendStreamDecoder(local, remote, messageBytesMax, onMessage),
};
