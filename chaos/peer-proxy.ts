/**
 * A member's advertised peer address: passes each connection on to the member itself, over the links between the two members.
 *
 * Who dials is read from the head of the first request: peers of both kinds send their own advertised URLs in X-PeerURLs.
 *
 *     member a --dials--> proxy of b ==link a>b==> member b
 *                                    <==link b>a==
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from '../test/support/seeded-random.ts';
import { BytePump } from './byte-pump.ts';
import type { Links } from './link.ts';

const headBytesMax = 16 * 1024;
const appendStream = 'GET /raft/stream/msgapp/';

export interface PeerProxyOptions {
  /** The member behind the proxy. */
  readonly name: string;
  readonly listenPort: number;
  readonly memberPort: number;
  readonly links: Links;
  readonly random: SeededRandom;
  /** The member that advertises this URL, '' for none. */
  readonly nameOf: (peerUrl: string) => string;
}

export class PeerProxy {
  readonly #options: PeerProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: PeerProxyOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  static async open(options: PeerProxyOptions): Promise<PeerProxy> {
    const proxy = new PeerProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(options.listenPort, '127.0.0.1', resolve);
    });
    return proxy;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#keep(socket);
    let head = Buffer.alloc(0);
    const read = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length < headBytesMax) return;
      socket.off('data', read);
      socket.pause();
      const url = /^x-peerurls: *([^,\r]+)/im.exec(head.toString('latin1', 0, Math.max(end, 0)))?.[1] ?? '';
      this.#passOn(socket, head, this.#options.nameOf(url.trim()));
    };
    socket.on('data', read);
  }

  #passOn(socket: Socket, head: Buffer, from: string): void {
    const { links, name, memberPort, random } = this.#options;
    const there = links.between(from, name);
    const back = links.between(name, from);
    if (there.state.mode === 'refused' || back.state.mode === 'refused') {
      socket.resetAndDestroy();
      return;
    }
    const member = connect({ host: '127.0.0.1', port: memberPort, noDelay: true });
    this.#keep(member);
    new BytePump(there, socket, member, random).take(head);
    // Whoever dials this stream is sent appends on it.
    const isForAppends = head.toString('latin1', 0, appendStream.length) === appendStream;
    new BytePump(back, member, socket, random, isForAppends);
    socket.resume();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Broken connections are what this is for; whoever is at the other end sees them.
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
