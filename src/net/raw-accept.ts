/**
 * Accepts plain TCP connections so that all of them read into one shared buffer.
 *
 * `node:net` can read into a given buffer (`onread`), which saves an allocation, a 'data' event and the readable stream's
 * bookkeeping per read, but offers it for outgoing sockets only. So the accepted handle is wrapped here instead of by the server.
 * That needs two things Node does not document: the server's `_handle.onconnection` and the `handle` option of a socket. They
 * have been there since Node 0.10; still, both are looked for, and without them connections come by the documented way.
 */
import { type OnReadOpts, type Server, Socket } from 'node:net';

interface TcpHandle {
  close(): void;
  readStart?: unknown;
  setNoDelay?: unknown;
}

interface ListeningHandle {
  onconnection?: (status: number, handle: TcpHandle | undefined) => void;
}

/** Where a socket's input goes; set by `accepted` before the socket starts to read. */
export interface RawInput {
  receive(bytes: Buffer, start: number, end: number): void;
}

/** Bytes of one read. One buffer serves every connection: reads never overlap, and nothing keeps a view of it. */
const readBytes = 64 * 1024;

/** True if from now on `accepted` is called for each connection of the listening `server`, in place of its 'connection' event. */
export function acceptRaw(server: Server, accepted: (socket: Socket) => RawInput): boolean {
  const listening = (server as unknown as { _handle?: ListeningHandle | null })._handle;
  if (typeof listening?.onconnection !== 'function') return false;
  const documentedWay = listening.onconnection;
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  listening.onconnection = function (this: ListeningHandle, status, handle) {
    if (
      status !== 0 ||
      handle === undefined ||
      typeof handle.readStart !== 'function' ||
      typeof handle.setNoDelay !== 'function'
    ) {
      documentedWay.call(this, status, handle);
      return;
    }
    let input: RawInput | undefined;
    const options: ConstructorParameters<typeof Socket>[0] & { handle: TcpHandle; onread: OnReadOpts } = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer,
        callback: (count) => {
          input?.receive(buffer, 0, count);
          return true;
        },
      },
    };
    const socket = new Socket(options);
    input = accepted(socket);
    socket.resume();
  };
  return true;
}
