/**
 * PUTs of many different keys, which h2load cannot send: keep-alive connections with a few requests under way on each. Requests
 * are written from a prepared template, answers are counted and not parsed, so that the load costs little beside the server.
 */

import { createConnection, type Socket } from 'node:net';

export interface KeyLoad {
  readonly port: number;
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly depth: number;
  readonly count: number;
  /** The number of the key that request `at` writes. */
  readonly keyOf: (at: number) => number;
  readonly value: string;
}

const statusLine = Buffer.from('HTTP/1.1 20');
const anyStatusLine = Buffer.from('HTTP/1.1 ');

/** @returns the seconds it took. @throws when an answer is not 200 or 201. */
export async function putKeys(load: KeyLoad): Promise<number> {
  const body = `value=${load.value}`;
  const head =
    `HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n` +
    body;
  let sent = 0;
  let answered = 0;
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    const sockets: Socket[] = [];
    const finish = (error?: Error): void => {
      for (const socket of sockets) socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const send = (socket: Socket, wanted: number): void => {
      let text = '';
      for (let i = 0; i < wanted && sent < load.count; i++)
        text += `PUT ${pathOf(load.keyOf(sent++))} ${head}`;
      if (text !== '') socket.write(text, 'latin1');
    };
    for (let i = 0; i < load.connections; i++) {
      const socket = createConnection({ port: load.port, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      let rest: Buffer = Buffer.alloc(0);
      socket.on('connect', () => send(socket, load.depth));
      socket.on('error', finish);
      socket.on('data', (bytes: Buffer) => {
        const chunk = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
        let count = 0;
        let at = chunk.indexOf(anyStatusLine);
        while (at >= 0 && at + statusLine.length <= chunk.length) {
          if (chunk.compare(statusLine, 0, statusLine.length, at, at + statusLine.length) !== 0) {
            finish(new Error(`answered ${chunk.subarray(at, at + 300).toString('latin1')}`));
            return;
          }
          count++;
          at = chunk.indexOf(anyStatusLine, at + statusLine.length);
        }
        // The end may hold the beginning of a status line.
        rest = Buffer.from(at >= 0 ? chunk.subarray(at) : chunk.subarray(-(anyStatusLine.length - 1)));
        answered += count;
        if (answered === load.count) finish();
        else send(socket, count);
      });
    }
  });
  return (performance.now() - start) / 1000;
}

/** A thousand directories, so that none is out of the ordinary. */
function pathOf(key: number): string {
  return `/v2/keys/many/${key % 1000}/${key}`;
}
